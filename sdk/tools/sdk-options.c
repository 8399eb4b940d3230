/* Prints libshunt's own properties as the table of docs/options.md. */
#include <stdio.h>

#include "common/base/opt.h"
#include "sdk/src/conf.h"

int
main(void)
{
    opt_markdown(conf_options, stdout);
    return fflush(stdout) == 0 ? 0 : 1;
}
