/*
 * What the parts of the HTTP side (api_*.c) share.  Loop thread.
 */
#ifndef SHUNT_OFFSET_API_IMPL_H
#define SHUNT_OFFSET_API_IMPL_H

#include <stddef.h>
#include <stdint.h>

#include "common/net/http_server.h"
#include "offset-mapper/api.h"
#include "offset-mapper/translate.h"

struct buf;

#define API_QUALITIES 5

struct api {
    struct loop *loop;
    struct http_server *server;
    struct api_parts parts;
    struct translator *translator;
    int64_t translated[API_QUALITIES]; /* positions, by enum po_quality */
};

struct translate_asks api_translate_asks(struct api *api);
/* The positions of a group, for a question; as in struct translate_asks. */
void api_ask_group(void *api, const char *cluster, const char *group,
                   int64_t deadline_ms, struct loop *home,
                   translate_group_fn *fn, void *arg);

/* Handlers of routes; `ctx` is the struct api. */
void api_get_readyz(struct http_req *req, void *ctx);
void api_get_flows(struct http_req *req, void *ctx);
void api_get_runs(struct http_req *req, void *ctx);
void api_post_translate(struct http_req *req, void *ctx);
void api_get_group(struct http_req *req, void *ctx);
void api_post_land(struct http_req *req, void *ctx);
void api_get_metrics(struct http_req *req, void *ctx);
void api_get_verify(struct http_req *req, void *ctx);
void api_post_verify(struct http_req *req, void *ctx);

/* Appends what the sampler has seen to GET /metrics. */
void api_put_verify_metrics(struct buf *b, const struct api *api);

#endif
