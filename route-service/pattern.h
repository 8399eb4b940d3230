/*
 * What can be said of patterns without knowing the texts: may two of them match
 * the same one, does one match all that another does.  Pure; out of memory
 * aborts.
 */
#ifndef SHUNT_ROUTE_PATTERN_H
#define SHUNT_ROUTE_PATTERN_H

#include <stdbool.h>

#include "common/base/strs.h"

/* Exact: a text exists that both match. */
bool pattern_meets(const char *a, const char *b);
/* True only if `wide` matches whatever `narrow` does. */
bool pattern_covers(const char *wide, const char *narrow);

/* One of the list's patterns does. */
bool patterns_match(const struct strlist *l, const char *text);
bool patterns_meet(const struct strlist *l, const char *pattern);
bool patterns_cover(const struct strlist *l, const char *narrow);

/* The pattern with `star` in the place of each *, `mark` of each ?; the caller
 * frees. */
char *pattern_filled(const char *pattern, const char *star, char mark);

#endif
