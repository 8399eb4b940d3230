/*
 * The live clients: their streams, what each was last told, their last
 * report.  Loop thread.
 */
#ifndef SHUNT_ROUTE_WATCH_H
#define SHUNT_ROUTE_WATCH_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/net/http_server.h"
#include "common/proto/route.h"
#include "route-service/metrics.h"
#include "route-service/table.h"

struct watchers;

/* Borrowed for the life of the result. */
struct watchers *watchers_new(struct metrics *metrics);
/* After the server, whose closing streams report here. */
void watchers_free(struct watchers *w);

/* Turns the request into a stream and sends the first answer.  A stream that
 * the same instance still has is closed.  Takes the contents of both. */
void watchers_add_take(struct watchers *w, struct http_req *req,
                       struct pt_client *client, struct pt_identity *id);
/* Serves `t` from now on: tells those whose answer is another now.  Once before
 * the first watcher comes. */
void watchers_publish(struct watchers *w, struct table *t);
void watchers_heartbeat(struct watchers *w);
void watchers_close_all(struct watchers *w, const char *reason);
/* Takes the content. ERR_NOTFOUND: the instance has no stream. */
MUST_CHECK int watchers_report_take(struct watchers *w, struct pt_report *r,
                                    struct err *err);

size_t watchers_count(const struct watchers *w);
/* The list of /v1/clients; owned by the caller. */
struct json_t *watchers_encode(const struct watchers *w);
/* What a change from one table to the other does to live clients: the list
 * `moves`; owned by the caller. */
struct json_t *watchers_moves(const struct watchers *w,
                              const struct table *from, const struct table *to);

#endif
