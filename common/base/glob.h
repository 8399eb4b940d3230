/*
 * Patterns of rules: literal text, * (any run of characters) and ? (any one
 * character of UTF-8).  Nothing else is special; [, ] and \ are refused.
 */
#ifndef SHUNT_BASE_GLOB_H
#define SHUNT_BASE_GLOB_H

#include <stdbool.h>

/* False for an empty pattern and for one with [, ] or a backslash. */
bool glob_valid(const char *pattern);
bool glob_is_literal(const char *pattern);
bool glob_match(const char *pattern, const char *s);

#endif
