/* The end of a process that has no memory left.  Any thread. */
#include "common/base/must.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static void
give_up(void)
{
    (void)fputs("out of memory\n", stderr);
    abort();
}

void
must(int rc)
{
    if (rc)
        give_up();
}

void *
must_have(void *p)
{
    if (!p)
        give_up();
    return p;
}
