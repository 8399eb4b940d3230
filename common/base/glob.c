#include "common/base/glob.h"

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

/* What follows the character at s; a character is a byte and those that
 * continue it in UTF-8. */
static const char *
after_character(const char *s)
{
    do
        s++;
    while (((unsigned char)*s & 0xC0) == 0x80);
    return s;
}

/* At a mismatch only the last * is tried again, one byte further: an earlier
 * one could reach nothing that the last can't.  So the cost is at most length
 * times length, whatever the pattern (fnmatch takes exponential time). */
bool
glob_match(const char *pattern, const char *s)
{
    const char *after_star = NULL;
    const char *retry = NULL;
    while (*s) {
        if (*pattern == '*') {
            after_star = ++pattern;
            retry = s;
        } else if (*pattern == '?') {
            pattern++;
            s = after_character(s);
        } else if (*pattern == *s) {
            pattern++;
            s++;
        } else if (after_star) {
            pattern = after_star;
            s = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}
