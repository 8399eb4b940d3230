/*
 * Questions to the register of clients: those of all loops that match, in the
 * order of their instances, a page at a time.  Loop thread.
 */
#ifndef SHUNT_ROUTE_ROSTER_H
#define SHUNT_ROUTE_ROSTER_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/net/http_server.h"

struct worker;

/* `text`: {"clients":[..],"total":N,"next":..}, borrowed. */
typedef void (*roster_fn)(const char *text, size_t len, void *arg);

/* The query of `req` says which.  On failure `done` is not called. */
MUST_CHECK int roster_gather(struct worker *home, const struct http_req *req,
                             roster_fn done, void *arg, struct err *err);

#endif
