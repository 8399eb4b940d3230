/* How commands end in words. */
#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>

int
ctl_fail(const struct err *err)
{
    (void)fprintf(stderr, "shuntctl: %s\n", err->text);
    return CTL_FAILED;
}

int
ctl_usage(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fputs("shuntctl: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputs("\n`shuntctl --help` and `shuntctl COMMAND --help` show how\n",
                stderr);
    va_end(ap);
    return CTL_USAGE;
}
