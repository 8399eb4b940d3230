/*
 * One running route service: the store, the writer, the loops, from opening to
 * the last answer.  Main thread, which runs the first loop, except where said
 * otherwise.
 */
#ifndef SHUNT_ROUTE_SERVICE_H
#define SHUNT_ROUTE_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "common/net/offload.h"
#include "route-service/admission.h"
#include "route-service/committer.h"
#include "route-service/ensemble.h"
#include "route-service/history.h"
#include "route-service/store.h"
#include "route-service/table.h"
#include "route-service/worker.h"

/* The texts are borrowed until service_open() returns. */
struct service_conf {
    const char *listen; /* "127.0.0.1:7070" */
    const char *data_dir;
    const char *server_id;     /* NULL: made of host and port */
    const char *advertise_url; /* NULL: the one it listens on */
    int64_t loops;
    int64_t heartbeat_ms;
    int64_t expiry_ms;             /* of clients that are away */
    int64_t watch_rate;            /* streams opened per second; 0: no limit */
    struct ensemble_conf ensemble; /* without connect: one server alone;
                                      id and url are filled in */
    int64_t keep_revisions, keep_ms; /* of history; 0: all */
    struct http_limits limits;
};

struct service {
    struct service_conf conf; /* its texts are gone */
    char *id, *url;
    struct loop *loop; /* of the first worker; borrowed */
    struct store *store;
    struct history *history; /* past tables; not for loops */
    struct table *loaded;    /* from the store, at the start */
    struct committer *committer;
    struct offload *offload;
    struct http_gate *gate;
    struct admission admission;
    struct worker *workers;
    size_t n_workers;
    atomic_uint_least64_t stamps; /* one for each stream that is opened */
    size_t n_ended;               /* workers; first loop */
    bool stopping;                /* first loop */
};

/* Opens the store, reads all of it, starts writer and loops, listens.  On
 * failure nothing is left running.  `loop` is to be run by the caller. */
MUST_CHECK int service_open(struct service *s, struct loop *loop,
                            const struct service_conf *conf, struct err *err);
/* First loop.  Finishes the changes that are at the writer, tells all
 * watchers, and stops the loop when everything is sent, or soon after. */
void service_stop(struct service *s);
/* When the loop has ended. */
void service_close(struct service *s);
/* Where it listens; borrowed. */
const char *service_url(const struct service *s);

/* Any loop: that worker has sent what it had to. */
void service_worker_ended(struct service *s);

#endif
