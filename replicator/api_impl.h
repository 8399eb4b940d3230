/*
 * What the parts of the HTTP side (api_*.c) share.  Loop thread.
 */
#ifndef SHUNT_REPLICATOR_API_IMPL_H
#define SHUNT_REPLICATOR_API_IMPL_H

#include <stddef.h>
#include <stdint.h>

#include "common/net/http_server.h"
#include "replicator/api.h"
#include "replicator/flow.h"

struct api {
    struct http_server *server;
    struct flow *const *flows;
    size_t n;
    int64_t started_ms, started_wall_ms; /* monotonic; since 1970 */
};

/* ERR_NOTFOUND: there is no such flow, but those that it names. */
MUST_CHECK int api_find_flow(const struct api *api, const char *name,
                             struct flow **out, struct err *err);

/* Handlers of routes; `ctx` is the struct api. */
void api_get_readyz(struct http_req *req, void *ctx);
void api_get_status(struct http_req *req, void *ctx);
void api_post_pause(struct http_req *req, void *ctx);
void api_post_resume(struct http_req *req, void *ctx);
void api_get_metrics(struct http_req *req, void *ctx);

#endif
