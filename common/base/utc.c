#include "common/base/utc.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#define MS_PER_MINUTE 60000
#define LAST_MS       INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* `digits` digits, then `behind` (0: nothing is expected); NULL: not there. */
static const char *
number(const char *p, int digits, char behind, int *out)
{
    if (!p)
        return NULL;
    *out = 0;
    for (int i = 0; i < digits; i++, p++) {
        if (!isdigit((unsigned char)*p))
            return NULL;
        *out = *out * 10 + (*p - '0');
    }
    if (!behind)
        return p;
    return *p == behind ? p + 1 : NULL;
}

static const char *
fraction(const char *p, int *ms)
{
    static const int weight[] = {100, 10, 1};
    *ms = 0;
    if (!p || *p != '.')
        return p;
    int i = 0;
    for (p++; i < 3 && isdigit((unsigned char)*p); i++, p++)
        *ms += (*p - '0') * weight[i];
    return i > 0 && !isdigit((unsigned char)*p) ? p : NULL;
}

/* Minutes by which the text is ahead of UTC. */
static const char *
offset(const char *p, int *minutes)
{
    *minutes = 0;
    if (!p)
        return NULL;
    if (*p == 'Z' || *p == 'z')
        return p + 1;
    if (*p != '+' && *p != '-')
        return NULL;
    int h;
    int m;
    const int sign = *p == '-' ? -1 : 1;
    p = number(number(p + 1, 2, ':', &h), 2, 0, &m);
    if (!p || h > 23 || m > 59)
        return NULL;
    *minutes = sign * (h * 60 + m);
    return p;
}

/* The calendar takes it as it is: no 31 April, no second 60. */
static bool
to_seconds(struct tm tm, int64_t *out)
{
    const struct tm asked = tm;
    const time_t t = timegm(&tm);
    *out = t;
    return tm.tm_mon == asked.tm_mon && tm.tm_mday == asked.tm_mday &&
           tm.tm_hour == asked.tm_hour && tm.tm_min == asked.tm_min &&
           tm.tm_sec == asked.tm_sec;
}

bool
utc_parse(const char *text, int64_t *ms)
{
    struct tm tm = {0};
    int year = 0;
    int month = 0;
    int millis;
    int ahead;
    int64_t seconds;
    const char *p = number(text, 4, '-', &year);
    p = number(number(p, 2, '-', &month), 2, 0, &tm.tm_mday);
    if (!p || (*p != 'T' && *p != 't'))
        return false;
    p = number(number(p + 1, 2, ':', &tm.tm_hour), 2, ':', &tm.tm_min);
    p = fraction(number(p, 2, 0, &tm.tm_sec), &millis);
    p = offset(p, &ahead);
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    if (!p || *p || !to_seconds(tm, &seconds))
        return false;
    *ms = seconds * 1000 + millis - (int64_t)ahead * MS_PER_MINUTE;
    return *ms >= 0 && *ms <= LAST_MS;
}

struct utc_text
utc_format(int64_t ms)
{
    struct utc_text out;
    struct tm tm = {0};
    const time_t seconds = (time_t)(ms / 1000);
    const int millis = (int)(ms % 1000);
    (void)gmtime_r(&seconds, &tm);
    const size_t n = strftime(out.s, sizeof(out.s), "%Y-%m-%dT%H:%M:%S", &tm);
    if (millis)
        (void)snprintf(out.s + n, sizeof(out.s) - n, ".%03dZ", millis);
    else
        (void)snprintf(out.s + n, sizeof(out.s) - n, "Z");
    return out;
}
