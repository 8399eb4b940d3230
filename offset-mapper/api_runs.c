/*
 * What is kept of a partition: GET /v1/runs.
 */
#include "common/base/js.h"
#include "common/base/strs.h"
#include "offset-mapper/api_impl.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX     100000

struct run_list {
    struct json_t *array;
    int rc;
};

static void
add_run(const struct run *r, void *arg)
{
    struct run_list *l = arg;
    struct json_t *v = js_object();
    l->rc |= js_put_int(v, "up", r->up) | js_put_int(v, "down", r->down) |
             js_put_int(v, "length", r->length);
    l->rc |= js_add_take(l->array, v);
}

static int
query_int(const struct http_req *req, const char *name, int64_t min,
          int64_t max, int64_t *out, struct err *err)
{
    const char *s = http_req_query(req, name);
    if (!s)
        return 0;
    if (str_to_i64(s, min, max, out))
        return 0;
    return err_field(err, ERR_INVALID, name, s,
                     "%s must be a whole number from %lld to %lld", name,
                     (long long)min, (long long)max);
}

static int
query_text(const struct http_req *req, const char *name, const char **out,
           struct err *err)
{
    *out = http_req_query(req, name);
    if (*out && **out)
        return 0;
    return err_field(err, ERR_INVALID, name, *out, "%s is missing", name);
}

static int
runs_asked(const struct api *api, const struct http_req *req,
           struct store_part *part, int64_t *limit, struct err *err)
{
    int64_t partition = 0;
    *limit = LIMIT_DEFAULT;
    int rc = query_text(req, "flow", &part->flow, err);
    if (rc == 0)
        rc = query_text(req, "topic", &part->topic, err);
    if (rc == 0)
        rc = query_int(req, "partition", 0, INT32_MAX, &partition, err);
    if (rc == 0)
        rc = query_int(req, "limit", 1, LIMIT_MAX, limit, err);
    if (rc)
        return rc;
    part->partition = (int32_t)partition;
    if (config_flow_named(api->parts.config, part->flow))
        return 0;
    return err_field(err, ERR_NOTFOUND, "flow", part->flow,
                     "no flow is called \"%s\"", part->flow);
}

static int
read_runs(const struct api *api, const struct store_part *part, int64_t limit,
          struct run_list *list, struct err *err)
{
    struct store_view *view;
    int rc = store_view_open(api->parts.store, &view, err);
    if (rc)
        return rc;
    rc = store_view_runs(view, part, (size_t)limit, add_run, list, err);
    store_view_close(view);
    return rc;
}

void
api_get_runs(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct store_part part;
    struct err err;
    int64_t limit;
    struct run_list list = {.array = js_array()};
    int rc = runs_asked(api, req, &part, &limit, &err);
    if (rc == 0)
        rc = read_runs(api, &part, limit, &list, &err);
    if (rc) {
        js_free(list.array);
        http_reply_err(req, &err);
        return;
    }
    struct json_t *v = js_object();
    list.rc |= js_put_take(v, "runs", list.array);
    http_reply_built_take(req, 200, v, list.rc);
}
