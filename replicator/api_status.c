/*
 * GET /status and GET /readyz.  Topics and partitions are lists that may be
 * long: each ends at `limit`, and the answer says how many were left out.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "replicator/api_impl.h"
#include "replicator/parts.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX     10000

struct question {
    const char *flow, *topic; /* NULL: all */
    bool problems;            /* only partitions that have one */
    int64_t limit;
};

/* -1 is what is not known. */
static int
put_known(struct json_t *v, const char *key, int64_t n)
{
    return n < 0 ? js_put_null(v, key) : js_put_int(v, key, n);
}

static int
put_count(struct json_t *v, const char *key, uint64_t n)
{
    return js_put_int(v, key, (int64_t)n);
}

/* ---- partitions ---------------------------------------------------------- */

static struct json_t *
holds_array(const struct part_look *p, int *rc)
{
    static const struct {
        enum hold hold;
        const char *word;
    } words[] = {{HOLD_NEW, "waiting"},         {HOLD_NOT_MINE, "elsewhere"},
                 {HOLD_BACKLOG, "backlog"},     {HOLD_BROKEN, "retrying"},
                 {HOLD_PAUSED, "paused"},       {HOLD_STOPPED, "stopped"},
                 {HOLD_UNWANTED, "unselected"}, {HOLD_GONE, "gone"}};
    struct json_t *v = js_array();
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (p->holds & words[i].hold)
            *rc |= js_add_take(v, js_string(words[i].word));
    return v;
}

static struct json_t *
problem_object(const struct part_look *p, int *rc)
{
    struct json_t *v = js_object();
    *rc |= js_put_words(v, "text", p->problem) |
           js_put_int(v, "since_ms", p->problem_since_ms);
    return v;
}

static struct json_t *
part_object(const struct part_look *p, int *rc)
{
    struct json_t *v = js_object();
    *rc |=
        js_put_str(v, "topic", p->topic) |
        js_put_int(v, "partition", p->partition) |
        js_put_str(v, "remote", p->remote) | js_put_int(v, "unit", p->unit) |
        js_put_str(v, "state", part_look_state(p)) |
        js_put_take(v, "holds", holds_array(p, rc)) |
        put_known(v, "position", p->position) |
        put_known(v, "saved", p->saved) | put_known(v, "end", p->end) |
        put_known(v, "lag", p->lag) | put_known(v, "lag_ms", p->lag_ms) |
        put_known(v, "last_timestamp", p->last_timestamp) |
        put_count(v, "records", p->records) | put_count(v, "bytes", p->bytes) |
        put_count(v, "refused", p->refused) |
        put_count(v, "missed", p->missed) | put_count(v, "looped", p->looped) |
        put_count(v, "dead_letters", p->dead) |
        (p->problem ? js_put_take(v, "problem", problem_object(p, rc))
                    : js_put_null(v, "problem"));
    return v;
}

static int
put_parts(struct json_t *v, const struct flow_look *l, const struct question *q)
{
    struct json_t *list = js_array();
    int64_t shown = 0, left_out = 0;
    int rc = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (q->problems && !l->parts[i].problem)
            continue;
        if (shown == q->limit) {
            left_out++;
            continue;
        }
        shown++;
        struct json_t *part = part_object(&l->parts[i], &rc);
        rc |= js_add_take(list, part);
    }
    return rc | js_put_take(v, "partitions", list) |
           js_put_int(v, "partitions_left_out", left_out);
}

/* ---- sums ---------------------------------------------------------------- */

static struct json_t *
first_copy_object(const struct look_sum *s, int *rc)
{
    const bool known = s->parts > 0 && s->of_unknown == 0;
    const bool done = known && s->first >= s->of;
    struct json_t *v = js_object();
    *rc |= js_put_bool(v, "done", done) | js_put_int(v, "records", s->first) |
           js_put_int(v, "of", s->of) |
           (!known       ? js_put_null(v, "percent")
            : s->of == 0 ? js_put_int(v, "percent", 100)
                         : js_put_int(v, "percent", s->first * 100 / s->of));
    return v;
}

static int
put_sum(struct json_t *v, const struct look_sum *s)
{
    int rc =
        js_put_int(v, "partitions_all", s->parts) |
        js_put_int(v, "partitions_mine", s->mine) |
        js_put_int(v, "partitions_held", s->held) |
        js_put_int(v, "problems", s->ill) | js_put_int(v, "lag", s->lag) |
        js_put_int(v, "lag_unknown", s->unknown) |
        put_known(v, "lag_ms", s->lag_ms) |
        put_count(v, "records", s->records) | put_count(v, "bytes", s->bytes) |
        put_count(v, "refused", s->refused) |
        put_count(v, "missed", s->missed) | put_count(v, "looped", s->looped) |
        put_count(v, "dead_letters", s->dead);
    struct json_t *first = first_copy_object(s, &rc);
    return rc | js_put_take(v, "first_copy", first);
}

static struct json_t *
topic_object(const struct part_look *first, const struct look_sum *sum, int *rc)
{
    struct json_t *v = js_object();
    *rc |= js_put_str(v, "topic", first->topic) |
           js_put_str(v, "remote", first->remote) |
           js_put_bool(v, "paused", (first->holds & HOLD_PAUSED) != 0) |
           put_sum(v, sum);
    return v;
}

static int
put_topics(struct json_t *v, const struct flow_look *l,
           const struct question *q)
{
    struct json_t *list = js_array();
    int64_t shown = 0, left_out = 0;
    int rc = 0;
    for (size_t i = 0; i < l->n;) {
        struct look_sum sum = {0};
        const struct part_look *first = &l->parts[i];
        for (; i < l->n && l->parts[i].topic == first->topic; i++)
            look_sum_add(&sum, &l->parts[i]);
        if (shown == q->limit) {
            left_out++;
            continue;
        }
        shown++;
        struct json_t *topic = topic_object(first, &sum, &rc);
        rc |= js_add_take(list, topic);
    }
    return rc | js_put_take(v, "topics", list) |
           js_put_int(v, "topics_left_out", left_out);
}

/* ---- flows --------------------------------------------------------------- */

static struct json_t *
notes_object(const struct look_notes *n, bool queued, int *rc)
{
    struct json_t *v = js_object();
    *rc |= put_count(v, "written", n->written) |
           put_count(v, "refused", n->refused) |
           put_known(v, "age_ms", n->age_ms);
    if (queued)
        *rc |= put_count(v, "waiting", n->waiting);
    return v;
}

static int
put_error(struct json_t *v, const char *error)
{
    return error ? js_put_words(v, "error", error) : js_put_null(v, "error");
}

static int
put_state(struct json_t *v, const struct flow_look *l)
{
    return js_put_str(v, "flow", l->name) | js_put_str(v, "source", l->source) |
           js_put_str(v, "target", l->target) |
           js_put_bool(v, "ready", l->ready) |
           js_put_bool(v, "paused", l->paused) | put_error(v, l->error) |
           js_put_int(v, "units", l->units) |
           js_put_int(v, "units_mine", l->units_mine) |
           put_known(v, "records_per_s", l->rate.records_s) |
           put_known(v, "bytes_per_s", l->rate.bytes_s) |
           put_known(v, "left_ms", l->rate.left_ms) |
           put_known(v, "first_copy_left_ms", l->rate.first_left_ms);
}

static struct json_t *
flow_object(const struct flow_look *l, const struct question *q, int *rc)
{
    struct json_t *v = js_object();
    struct look_sum sum = {0};
    for (size_t i = 0; i < l->n; i++)
        look_sum_add(&sum, &l->parts[i]);
    struct json_t *syncs = notes_object(&l->syncs, true, rc);
    struct json_t *positions = notes_object(&l->positions, false, rc);
    struct json_t *checkpoints = notes_object(&l->checkpoints, false, rc);
    struct json_t *heartbeats = notes_object(&l->heartbeats, false, rc);
    *rc |= put_state(v, l) | put_sum(v, &sum) | js_put_take(v, "syncs", syncs) |
           js_put_take(v, "positions", positions) |
           js_put_take(v, "checkpoints", checkpoints) |
           js_put_take(v, "heartbeats", heartbeats) | put_topics(v, l, q) |
           put_parts(v, l, q);
    return v;
}

static int
put_process(struct json_t *v, const struct api *api)
{
    return js_put_str(v, "version", SHUNT_VERSION) |
           js_put_int(v, "pid", getpid()) |
           js_put_int(v, "started_ms", api->started_wall_ms) |
           js_put_int(v, "uptime_ms", clock_mono_ms() - api->started_ms);
}

/* ---- questions ----------------------------------------------------------- */

static int
read_limit(const char *text, int64_t *out, struct err *err)
{
    char *end;
    if (!text)
        return 0;
    const long long n = strtoll(text, &end, 10);
    if (!*text || *end || n < 0 || n > LIMIT_MAX)
        return err_field(err, ERR_INVALID, "limit", text,
                         "limit: \"%s\" is not a whole number from 0 to %d",
                         text, LIMIT_MAX);
    *out = n;
    return 0;
}

static int
read_bool(const char *text, bool *out, struct err *err)
{
    if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return err_field(err, ERR_INVALID, "problems", text,
                         "problems: \"%s\" is neither true nor false", text);
    *out = text && strcmp(text, "true") == 0;
    return 0;
}

static int
read_question(struct http_req *req, const struct api *api, struct question *q,
              struct err *err)
{
    *q = (struct question){.flow = http_req_query(req, "flow"),
                           .topic = http_req_query(req, "topic"),
                           .limit = LIMIT_DEFAULT};
    int rc = read_limit(http_req_query(req, "limit"), &q->limit, err);
    if (rc == 0)
        rc = read_bool(http_req_query(req, "problems"), &q->problems, err);
    if (rc == 0 && q->flow)
        rc = api_find_flow(api, q->flow, &(struct flow *){NULL}, err);
    return rc;
}

void
api_get_status(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct question q;
    struct err err;
    int rc = read_question(req, api, &q, &err);
    if (rc != 0) {
        http_reply_err(req, &err);
        return;
    }
    struct json_t *v = js_object(), *flows = js_array();
    rc = put_process(v, api);
    for (size_t i = 0; i < api->n; i++) {
        struct flow_look l;
        if (q.flow && strcmp(flow_name(api->flows[i]), q.flow) != 0)
            continue;
        flow_look(api->flows[i], q.topic, &l);
        struct json_t *flow = flow_object(&l, &q, &rc);
        rc |= js_add_take(flows, flow);
        flow_look_fini(&l);
    }
    rc |= js_put_take(v, "flows", flows);
    http_reply_built_take(req, 200, v, rc);
}

void
api_get_readyz(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct json_t *flows = js_array();
    bool ready = true;
    int rc = 0;
    for (size_t i = 0; i < api->n; i++) {
        char *error = flow_error(api->flows[i]);
        struct json_t *flow = js_object();
        rc |= js_put_str(flow, "flow", flow_name(api->flows[i])) |
              js_put_bool(flow, "ready", flow_ready(api->flows[i])) |
              put_error(flow, error);
        rc |= js_add_take(flows, flow);
        ready = ready && flow_ready(api->flows[i]);
        free(error);
    }
    struct json_t *v = js_object();
    rc |= js_put_bool(v, "ready", ready) | js_put_take(v, "flows", flows);
    http_reply_built_take(req, ready ? 200 : 503, v, rc);
}
