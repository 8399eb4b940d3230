/* The end of a process that has no memory left.  Any thread. */
#include "route-service/must.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static void
give_up(void)
{
    (void)fputs("shunt-route: out of memory\n", stderr);
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
