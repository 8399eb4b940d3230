/*
 * Points in time as text: RFC 3339 in, UTC out ("2026-12-01T03:00:00Z").
 * Milliseconds since 1970.  Pure.
 */
#ifndef SHUNT_BASE_UTC_H
#define SHUNT_BASE_UTC_H

#include <stdbool.h>
#include <stdint.h>

#define UTC_SIZE 32

struct utc_text {
    char s[UTC_SIZE];
};

/* The whole text is a date, a time to the second with up to three digits
 * behind a point, and Z or an offset ("+01:00"); the years 1970 to 9999. */
bool utc_parse(const char *text, int64_t *ms);
/* The fraction is left out where it is zero. */
struct utc_text utc_format(int64_t ms);

#endif
