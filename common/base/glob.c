#include "common/base/glob.h"

#include <fnmatch.h>
#include <string.h>

bool
glob_valid(const char *pattern)
{
    return *pattern && !strpbrk(pattern, "[]\\");
}

bool
glob_is_literal(const char *pattern)
{
    return !strpbrk(pattern, "*?");
}

bool
glob_match(const char *pattern, const char *s)
{
    return fnmatch(pattern, s, FNM_NOESCAPE) == 0;
}
