/*
 * The routes, and the life of the server.  Handlers (api_*.c) read a follower's
 * status (a copy behind its lock) and the store (one short read transaction
 * each); they never wait.
 */
#include "offset-mapper/api.h"

#include <stdlib.h>

#include "common/base/xmem.h"
#include "offset-mapper/api_impl.h"

static const struct http_limits limits = {
    .body_max_bytes = (size_t)4 << 20,
    .header_max_bytes = (size_t)16 << 10,
    .line_max_bytes = (size_t)8 << 10,
    .connections_max = TRANSLATE_WAITING_MAX + 1000,
    .stream_backlog_max_bytes = (size_t)1 << 20,
    .idle_timeout_ms = 60000,
    .head_timeout_ms = 10000,
    .body_timeout_ms = 30000,
};

static const struct http_route routes[] = {
    {"GET", "/healthz", http_get_healthz},
    {"GET", "/readyz", api_get_readyz},
    {"GET", "/metrics", api_get_metrics},
    {"GET", "/v1/flows", api_get_flows},
    {"GET", "/v1/runs?flow&topic&partition&limit", api_get_runs},
    {"POST", "/v1/translate", api_post_translate},
    {"GET", "/v1/verify", api_get_verify},
    {"POST", "/v1/verify", api_post_verify},
    {"GET", "/v1/groups/{group}?from&to&verify", api_get_group},
    {"POST", "/v1/groups/{group}/land", api_post_land},
    {0},
};

int
api_listen(struct loop *loop, const char *listen, struct api **out,
           struct err *err)
{
    *out = NULL;
    struct api *api = xcalloc(1, sizeof(*api));
    api->loop = loop;
    int rc = http_server_new(loop, &limits, routes, api, &api->server, err);
    if (rc == 0)
        rc = http_server_listen(api->server, listen, false, err);
    if (rc) {
        api_free(api);
        return rc;
    }
    *out = api;
    return 0;
}

int
api_serve(struct api *api, const struct api_parts *parts, struct err *err)
{
    api->parts = *parts;
    const struct translate_asks asks = api_translate_asks(api);
    const int rc = translator_new(api->loop, parts->config, parts->store, &asks,
                                  &api->translator, err);
    if (rc == 0 && parts->follow)
        follow_on_change(parts->follow, api->loop, translator_changed,
                         api->translator);
    return rc;
}

int
api_start(struct loop *loop, const char *listen, const struct api_parts *parts,
          struct api **out, struct err *err)
{
    int rc = api_listen(loop, listen, out, err);
    if (rc == 0)
        rc = api_serve(*out, parts, err);
    if (rc) {
        api_free(*out);
        *out = NULL;
    }
    return rc;
}

const char *
api_url(const struct api *api)
{
    return http_server_url(api->server);
}

void
api_free(struct api *api)
{
    if (!api)
        return;
    translator_free(api->translator);
    if (api->server)
        http_server_free(api->server);
    free(api);
}
