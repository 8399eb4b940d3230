#include "route-service/pattern.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/glob.h"
#include "common/base/xmem.h"

/* ? stands for a character, which may be several bytes of UTF-8: patterns are
 * compared by characters.  v[n] is the end. */
struct characters {
    const char **v;
    size_t n;
};

static struct characters
characters_of(const char *s)
{
    struct characters c = {.v = xcalloc(strlen(s) + 1, sizeof(char *))};
    for (; *s; s++)
        if (((unsigned char)*s & 0xC0) != 0x80 || c.n == 0)
            c.v[c.n++] = s;
    c.v[c.n] = s;
    return c;
}

static bool
same(const char *a, const char *a_end, const char *b, const char *b_end)
{
    if (*a == '?' || *b == '?')
        return true;
    return a_end - a == b_end - b && memcmp(a, b, (size_t)(a_end - a)) == 0;
}

/* row[j]: the rest of a from i and the rest of b from j have a text in common;
 * filled from the ends, `below` is the row of i + 1. */
static void
meet_row(const struct characters *a, size_t i, const struct characters *b,
         const bool *below, bool *row)
{
    const char *x = a->v[i];
    for (size_t j = b->n + 1; j-- > 0;) {
        const char *y = b->v[j];
        bool meets = !*x && !*y;
        if (*x == '*')
            meets |= below[j] || (*y && row[j + 1]);
        if (*y == '*')
            meets |= row[j + 1] || (*x && below[j]);
        if (*x && *y && *x != '*' && *y != '*')
            meets |= same(x, a->v[i + 1], y, b->v[j + 1]) && below[j + 1];
        row[j] = meets;
    }
}

static bool
globs_meet(const char *a, const char *b)
{
    struct characters x = characters_of(a);
    struct characters y = characters_of(b);
    bool *row = xcalloc(y.n + 2, sizeof(bool));
    bool *below = xcalloc(y.n + 2, sizeof(bool));
    for (size_t i = x.n + 1; i-- > 0;) {
        meet_row(&x, i, &y, below, row);
        bool *swap = row;
        row = below;
        below = swap;
    }
    const bool meets = below[0];
    free(row);
    free(below);
    free(x.v);
    free(y.v);
    return meets;
}

bool
pattern_meets(const char *a, const char *b)
{
    if (glob_is_literal(a))
        return glob_match(b, a);
    if (glob_is_literal(b))
        return glob_match(a, b);
    return globs_meet(a, b);
}

/* Read as text, narrow's wildcards can only be taken by a * of `wide`, unless
 * that has a ? of its own. */
bool
pattern_covers(const char *wide, const char *narrow)
{
    if (strcmp(wide, narrow) == 0)
        return true;
    if (strchr(wide, '?') && strchr(narrow, '*'))
        return false;
    return glob_match(wide, narrow);
}

bool
patterns_match(const struct strlist *l, const char *text)
{
    for (size_t i = 0; i < l->n; i++)
        if (glob_match(l->v[i], text))
            return true;
    return false;
}

bool
patterns_meet(const struct strlist *l, const char *pattern)
{
    for (size_t i = 0; i < l->n; i++)
        if (pattern_meets(l->v[i], pattern))
            return true;
    return false;
}

bool
patterns_cover(const struct strlist *l, const char *narrow)
{
    for (size_t i = 0; i < l->n; i++)
        if (pattern_covers(l->v[i], narrow))
            return true;
    return false;
}

char *
pattern_filled(const char *pattern, const char *star, char mark)
{
    const size_t star_len = strlen(star);
    char *out = xmalloc(strlen(pattern) * (star_len + 1) + 1);
    char *p = out;
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            memcpy(p, star, star_len);
            p += star_len;
        } else {
            *p++ = *pattern == '?' ? mark : *pattern;
        }
    }
    *p = '\0';
    return out;
}
