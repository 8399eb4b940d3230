/*
 * One running route service: everything that its handlers share, from opening
 * the store to the last answer.  Loop thread, except where said otherwise.
 */
#ifndef SHUNT_ROUTE_SERVICE_H
#define SHUNT_ROUTE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "route-service/committer.h"
#include "route-service/metrics.h"
#include "route-service/store.h"
#include "route-service/table.h"
#include "route-service/watch.h"

struct service_conf {
    const char *listen; /* "127.0.0.1:7070" */
    const char *data_dir;
    int64_t heartbeat_ms;
    struct http_limits limits;
};

struct service {
    struct loop *loop; /* borrowed */
    struct store *store;
    struct table *table; /* that is served */
    struct committer *committer;
    struct metrics metrics;
    struct watchers *watchers;
    struct http_server *server;
    struct loop_timer *heartbeat, *ending;
    int64_t end_by_ms; /* monotonic */
    bool stopping;
};

/* Opens the store, reads all of it, starts the writer and listens.  On failure
 * nothing is left running. */
MUST_CHECK int service_open(struct service *s, struct loop *loop,
                            const struct service_conf *conf, struct err *err);
/* Refuses changes, tells the watchers, and stops the loop when everything is
 * sent, or soon after. */
void service_stop(struct service *s);
void service_close(struct service *s);
/* Makes a committed table the one that is served. */
void service_publish(struct service *s, struct table *t);

#endif
