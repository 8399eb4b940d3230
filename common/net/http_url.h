/*
 * Decoding of paths and queries, in place.  Pure.
 */
#ifndef SHUNT_NET_HTTP_URL_H
#define SHUNT_NET_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes `len` bytes at `text` and ends them with a NUL: `text` has room for
 * it.  `query`: "+" is a blank.  False: an escape that is none, or %00; then
 * `text` holds what was there, cut. */
bool http_url_decode(char *text, size_t len, bool query);

/* The length of the path in a request's target, and where it begins: "/a?b=c"
 * has 2 at 0; "http://host/a" has 2 at 11; an absolute target without a path
 * has 0. */
size_t http_url_path(const char *target, size_t len, size_t *at);

#endif
