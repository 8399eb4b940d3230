/*
 * What the files of the API share: how they answer, and their handlers.  Only
 * api*.c include it.  Loop thread.
 */
#ifndef SHUNT_ROUTE_API_PARTS_H
#define SHUNT_ROUTE_API_PARTS_H

#include "common/base/err.h"
#include "common/net/http_server.h"
#include "common/proto/route.h"
#include "route-service/metrics.h"
#include "route-service/service.h"
#include "route-service/worker.h"

struct json_t;

/* ---- answering: api.c ---------------------------------------------------- */

void api_reply_take(struct worker *w, struct http_req *req, enum endpoint ep,
                    struct json_t *taken);
void api_reply_text(struct worker *w, struct http_req *req, enum endpoint ep,
                    const char *text, size_t len);
void api_refuse(struct worker *w, struct http_req *req, enum endpoint ep,
                const struct err *err);
/* The body as a JSON object; NULL: it has been refused. */
struct json_t *api_body(struct worker *w, struct http_req *req,
                        enum endpoint ep);
int api_stopping(struct err *err); /* ERR_UNAVAILABLE */
MUST_CHECK int api_query_number(const struct http_req *req, const char *name,
                                int64_t min, int64_t max, int64_t *out,
                                struct err *err);
MUST_CHECK int api_identity(const struct json_t *j, struct pt_identity *out,
                            struct err *err);

/* ---- answering later: api_later.c ---------------------------------------- */

/* A request that is answered by somebody else's message.  It may go away
 * meanwhile. */
struct later {
    struct worker *w;
    enum endpoint ep;
    struct http_req *req; /* NULL: gone */
};

struct later *later_new(struct worker *w, struct http_req *req,
                        enum endpoint ep);
/* Each ends it. */
void later_reply_take(struct later *l, struct json_t *taken);
void later_reply_text(struct later *l, const char *text, size_t len);
void later_refuse(struct later *l, const struct err *err);
void later_drop(struct later *l); /* something else has answered */

/* Work for the offload thread that ends in a text. */
struct work {
    struct later *later; /* the loop's alone */
    struct table *table; /* a reference; freed with it */
    struct pt_identity id;
    int64_t limit, before, revision;
    struct store *store;
    struct history *history;
    /* what comes back */
    int rc;
    struct err err;
    char *text;
    size_t len;
};

/* Runs fn(work) on the offload thread and answers with its text or error. */
void api_offload(struct worker *w, struct http_req *req, enum endpoint ep,
                 const struct work *init, void (*fn)(void *work));

/* ---- handlers ------------------------------------------------------------ */

void api_get_healthz(struct http_req *req, void *ctx);
void api_get_readyz(struct http_req *req, void *ctx);
void api_get_metrics(struct http_req *req, void *ctx);
void api_get_servers(struct http_req *req, void *ctx);
void api_get_table(struct http_req *req, void *ctx);
void api_get_diff(struct http_req *req, void *ctx);
void api_get_history(struct http_req *req, void *ctx);
void api_post_changes(struct http_req *req, void *ctx);
void api_post_resolve(struct http_req *req, void *ctx);
void api_post_explain(struct http_req *req, void *ctx);
void api_post_watch(struct http_req *req, void *ctx);
void api_post_reports(struct http_req *req, void *ctx);
void api_get_clients(struct http_req *req, void *ctx);

#endif
