/*
 * The routes, and the life of the server.  Handlers (api_*.c) look at copies
 * that flows make of themselves behind their locks, and never wait.
 */
#include "replicator/api.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "replicator/api_impl.h"

#define NAMES_MAX_BYTES ((size_t)4096)

static const struct http_limits limits = {
    .body_max_bytes = 1024, /* nobody needs to send one */
    .header_max_bytes = (size_t)16 << 10,
    .line_max_bytes = (size_t)8 << 10,
    .connections_max = 64,
    .stream_backlog_max_bytes = 1024,
    .idle_timeout_ms = 60000,
    .head_timeout_ms = 10000,
    .body_timeout_ms = 10000,
};

static void
name_flows(const struct api *api, struct buf *to)
{
    for (size_t i = 0; i < api->n; i++)
        buf_printf(to, "%s%s", i ? ", " : "", flow_name(api->flows[i]));
}

int
api_find_flow(const struct api *api, const char *name, struct flow **out,
              struct err *err)
{
    struct buf names;
    for (size_t i = 0; i < api->n; i++)
        if (strcmp(flow_name(api->flows[i]), name) == 0) {
            *out = api->flows[i];
            return 0;
        }
    buf_init(&names, NAMES_MAX_BYTES);
    name_flows(api, &names);
    const int rc = err_field(err, ERR_NOTFOUND, "flow", name,
                             "this process has no flow \"%s\"; it has %s", name,
                             names.len ? names.data : "none");
    buf_fini(&names);
    return rc;
}

static const struct http_route routes[] = {
    {"GET", "/healthz", http_get_healthz},
    {"GET", "/readyz", api_get_readyz},
    {"GET", "/metrics", api_get_metrics},
    {"GET", "/status?flow&topic&problems&limit", api_get_status},
    {"POST", "/flows/{flow}/pause?topic", api_post_pause},
    {"POST", "/flows/{flow}/resume?topic", api_post_resume},
    {0},
};

int
api_listen(struct loop *loop, const char *listen, struct api **out,
           struct err *err)
{
    struct api *api = xcalloc(1, sizeof(*api));
    api->started_ms = clock_mono_ms();
    api->started_wall_ms = clock_wall_ms();
    int rc = http_server_new(loop, &limits, routes, api, &api->server, err);
    if (rc == 0)
        rc = http_server_listen(api->server, listen, false, err);
    if (rc != 0) {
        api_free(api);
        api = NULL;
    }
    *out = api;
    return rc;
}

void
api_serve(struct api *api, struct flow *const *flows, size_t n)
{
    api->flows = flows;
    api->n = n;
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
    if (api->server)
        http_server_free(api->server);
    free(api);
}
