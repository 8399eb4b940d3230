/*
 * Paths and queries.  Pure; nothing here knows a connection.
 */
#include "common/net/http_url.h"

#include <string.h>

static int
hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte of "%41"; 0 or less: not an escape, or one of a NUL. */
static int
escaped(const char *text, size_t len)
{
    const int high = len > 2 ? hex_of(text[1]) : -1;
    const int low = len > 2 ? hex_of(text[2]) : -1;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool
http_url_decode(char *text, size_t len, bool query)
{
    size_t to = 0, i = 0;
    while (i < len) {
        if (text[i] != '%') {
            text[to++] = query && text[i] == '+' ? ' ' : text[i];
            i++;
            continue;
        }
        const int byte = escaped(text + i, len - i);
        if (byte <= 0)
            break;
        text[to++] = (char)byte;
        i += 3;
    }
    text[to] = '\0';
    return i == len;
}

size_t
http_url_path(const char *target, size_t len, size_t *at)
{
    *at = 0;
    if (len > 0 && *target != '/') {
        const char *host = memmem(target, len, "://", 3);
        const char *path =
            host ? memchr(host + 3, '/', len - (size_t)(host + 3 - target))
                 : NULL;
        *at = path ? (size_t)(path - target) : host ? len : 0;
    }
    const char *end = memchr(target + *at, '?', len - *at);
    return end ? (size_t)(end - target) - *at : len - *at;
}
