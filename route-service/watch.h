/*
 * The streams of one loop: opening them, telling them what concerns them,
 * heartbeats, closing them.  Loop thread.
 */
#ifndef SHUNT_ROUTE_WATCH_H
#define SHUNT_ROUTE_WATCH_H

#include <stdint.h>

#include "common/net/http_server.h"
#include "common/proto/route.h"
#include "route-service/change.h"
#include "route-service/table.h"

struct watches;
struct worker;

/* `w` is borrowed for the life of the result.  NULL: out of memory. */
struct watches *watches_new(struct worker *w, int64_t heartbeat_ms);
/* After the server, whose closing streams report here; NULL allowed. */
void watches_free(struct watches *all);

/* Turns the request into a stream and says where the client belongs, or that
 * what it knows still holds.  A stream that the same instance has here or on
 * another loop is closed. */
void watches_open(struct watches *all, struct http_req *req,
                  const struct pt_client *who, const struct pt_identity *id);
/* `t` is in force: tells those whose answer is another one now.  The worker's
 * table is set. */
void watches_publish(struct watches *all, struct table *t,
                     const struct touched *touched);
void watches_close_all(struct watches *all, const char *reason);

#endif
