/* The bodies of requests about groups, and of their answers.  Pure. */
#include "offset-mapper/api_groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"

/* ---- what is asked ------------------------------------------------------- */

struct at {
    char s[64];
};

static struct at
path_at(const char *list, size_t i)
{
    struct at a;
    (void)snprintf(a.s, sizeof(a.s), "%s[%zu]", list, i);
    return a;
}

static int
read_topic(const struct json_t *j, const char *path, const char **topic,
           struct err *err)
{
    const int rc = js_get_str(j, path, "topic", JS_REQUIRED, topic, err);
    if (rc || **topic)
        return rc;
    char field[96];
    (void)snprintf(field, sizeof(field), "%s.topic", path);
    return err_field(err, ERR_INVALID, field, "", "%s must be some text",
                     field);
}

static int
read_pick(const struct json_t *j, const char *path, struct group_pick *out,
          struct err *err)
{
    static const char *const keys[] = {"topic", "partition", NULL};
    const char *topic = NULL;
    int64_t partition = -1;
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = read_topic(j, path, &topic, err)) ||
        (rc = js_get_int(j, path, "partition", JS_OPTIONAL, 0, INT32_MAX,
                         &partition, err)))
        return rc;
    *out = (struct group_pick){xstrdup(topic), (int32_t)partition};
    return 0;
}

static int
read_given(const struct json_t *j, const char *path, struct group *g,
           struct err *err)
{
    static const char *const keys[] = {"topic", "partition", "offset", NULL};
    const char *topic = NULL;
    int64_t partition = 0, offset = 0;
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = read_topic(j, path, &topic, err)) ||
        (rc = js_get_int(j, path, "partition", JS_REQUIRED, 0, INT32_MAX,
                         &partition, err)) ||
        (rc = js_get_int(j, path, "offset", JS_REQUIRED, 0, INT64_MAX, &offset,
                         err)))
        return rc;
    struct group_stream *s = group_stream(g, topic, (int32_t)partition);
    if (s->used == GROUP_GIVEN)
        return err_field(err, ERR_INVALID, path, topic,
                         "%s is %s [%d] for the second time", path, topic,
                         (int)partition);
    s->used = GROUP_GIVEN;
    s->position = offset;
    return 0;
}

static int
get_list(const struct json_t *j, const char *key, struct json_t **list,
         struct err *err)
{
    *list = NULL;
    const int rc = js_get_array(j, "", key, JS_OPTIONAL, list, err);
    if (rc || !*list)
        return rc;
    if (js_len(*list) == 0) /* "all", which is meant by leaving it out */
        return err_field(err, ERR_INVALID, key, "[]",
                         "%s is empty; leave it out to land all of the group",
                         key);
    if (js_len(*list) <= PO_POSITIONS_MAX)
        return 0;
    return err_field(err, ERR_LIMIT, key, NULL,
                     "%s has %zu entries, at most %d are taken", key,
                     js_len(*list), PO_POSITIONS_MAX);
}

static int
read_lists(const struct json_t *j, struct land_request *r, struct err *err)
{
    struct json_t *picks, *given;
    int rc = get_list(j, "partitions", &picks, err);
    if (rc == 0)
        rc = get_list(j, "positions", &given, err);
    if (rc)
        return rc;
    r->picks = xcalloc(js_len(picks) + 1, sizeof(*r->picks));
    for (; r->n_picks < js_len(picks) && rc == 0; r->n_picks += rc == 0)
        rc = read_pick(js_at(picks, r->n_picks),
                       path_at("partitions", r->n_picks).s,
                       &r->picks[r->n_picks], err);
    for (; r->n_given < js_len(given) && rc == 0; r->n_given++)
        rc = read_given(js_at(given, r->n_given),
                        path_at("positions", r->n_given).s, &r->given, err);
    return rc;
}

int
land_request_decode(const struct json_t *j, struct land_request *out,
                    struct err *err)
{
    static const char *const keys[] = {"from",       "to",        "dry_run",
                                       "backwards",  "verify",    "wait_ms",
                                       "partitions", "positions", NULL};
    struct land_request r = {.dry_run = true, .verify = true};
    int rc;
    if ((rc = js_only_keys(j, "", keys, err)) ||
        (rc = js_get_str_dup(j, "", "from", JS_REQUIRED, &r.from, err)) ||
        (rc = js_get_str_dup(j, "", "to", JS_REQUIRED, &r.to, err)) ||
        (rc = js_get_bool(j, "", "dry_run", JS_OPTIONAL, &r.dry_run, err)) ||
        (rc =
             js_get_bool(j, "", "backwards", JS_OPTIONAL, &r.backwards, err)) ||
        (rc = js_get_bool(j, "", "verify", JS_OPTIONAL, &r.verify, err)) ||
        (rc = js_get_int(j, "", "wait_ms", JS_OPTIONAL, 0, PO_WAIT_MAX_MS,
                         &r.wait_ms, err)) ||
        (rc = read_lists(j, &r, err))) {
        land_request_fini(&r);
        return rc;
    }
    *out = r;
    return 0;
}

void
land_request_fini(struct land_request *r)
{
    for (size_t i = 0; i < r->n_picks; i++)
        free(r->picks[i].topic);
    free(r->picks);
    free(r->from);
    free(r->to);
    group_fini(&r->given);
    *r = (struct land_request){0};
}

bool
land_request_picks(const struct land_request *r, const struct group_stream *s)
{
    bool picked = r->n_picks == 0;
    for (size_t i = 0; i < r->n_picks && !picked; i++)
        picked = strcmp(r->picks[i].topic, s->topic) == 0 &&
                 (r->picks[i].partition < 0 ||
                  r->picks[i].partition == s->partition);
    return picked;
}

/* ---- what is answered ---------------------------------------------------- */

static struct json_t *
column_object(const struct group_column *c)
{
    struct json_t *v = js_object();
    must(js_put_bool(v, "asked", c->asked));
    must(c->code ? js_put_words(v, "error", c->text) : js_put_null(v, "error"));
    return v;
}

/* `target` NULL: it is no source of the answer. */
static struct json_t *
sources_object(const struct group_answer *a, const struct group_column *target)
{
    struct json_t *v = js_object();
    struct json_t *live = column_object(&a->live);
    int rc = js_put_int(live, "members", (int64_t)a->n_live);
    rc |= js_put_take(v, "live", live);
    rc |= js_put_take(v, "commit", column_object(&a->source));
    rc |= js_put_take(v, "checkpoint", column_object(&a->checkpoints));
    if (target)
        rc |= js_put_take(v, "target", column_object(target));
    must(rc);
    return v;
}

static struct json_t *
live_object(const struct group_live *l)
{
    struct json_t *v = js_object();
    must(js_put_int(v, "offset", l->offset) |
         js_put_int(v, "age_ms", l->age_ms) |
         js_put_str(v, "member", l->member) |
         js_put_bool(v, "connected", l->connected));
    return v;
}

/* A commit was read just now; how old it is a broker does not tell. */
static struct json_t *
commit_object(int64_t offset, const char *metadata)
{
    struct json_t *v = js_object();
    must(js_put_int(v, "offset", offset) |
         js_put_words(v, "metadata", metadata));
    return v;
}

static struct json_t *
checkpoint_object(const struct group_checkpoint *c)
{
    const int64_t age_ms = clock_wall_ms() - c->time_ms;
    struct json_t *v = js_object();
    must(js_put_int(v, "offset", c->offset) |
         js_put_str(v, "to_topic", c->to_topic) |
         js_put_int(v, "to_offset", c->to_offset) |
         js_put_int(v, "age_ms", age_ms > 0 ? age_ms : 0));
    return v;
}

static int
put_mapped(struct json_t *v, const struct po_translated *t)
{
    int rc = t->topic ? js_put_str(v, "to_topic", t->topic)
                      : js_put_null(v, "to_topic");
    rc |= js_put_int(v, "position", t->position);
    rc |= js_put_int(v, "low", t->low) | js_put_int(v, "high", t->high);
    rc |= js_put_str(v, "quality", po_quality_text(t->quality));
    rc |= js_put_bool(v, "verified", t->verified);
    rc |= js_put_int(v, "sync_age_ms", t->sync_age_ms);
    rc |= js_put_words(v, "reason", t->reason ? t->reason : "");
    return rc;
}

static int
put_stream(struct json_t *v, const struct group_stream *s)
{
    int rc = js_put_str(v, "topic", s->topic);
    rc |= js_put_int(v, "partition", s->partition);
    rc |= js_put_str(v, "used", group_source_text(s->used));
    rc |= js_put_int(v, "offset", s->position);
    rc |= js_put_str(v, "why", s->why);
    return rc;
}

static struct json_t *
stream_object(const struct group_stream *s, const struct po_translated *t,
              const struct group_commits *target)
{
    struct json_t *v = js_object();
    const struct group_commit *there =
        t->topic ? group_commits_find(target, t->topic, s->partition) : NULL;
    int rc = put_stream(v, s);
    rc |= s->live.known ? js_put_take(v, "live", live_object(&s->live))
                        : js_put_null(v, "live");
    rc |= s->has_commit
              ? js_put_take(v, "commit", commit_object(s->commit, s->metadata))
              : js_put_null(v, "commit");
    rc |= s->checkpoint.known
              ? js_put_take(v, "checkpoint", checkpoint_object(&s->checkpoint))
              : js_put_null(v, "checkpoint");
    rc |= there ? js_put_take(v, "target",
                              commit_object(there->offset, there->metadata))
                : js_put_null(v, "target");
    struct json_t *mapped = js_object();
    rc |= put_mapped(mapped, t);
    rc |= js_put_take(v, "mapped", mapped);
    must(rc);
    return v;
}

struct json_t *
group_encode(const char *group, const char *from, const char *to,
             const struct group_answer *a, const struct group_mapped *m)
{
    struct json_t *v = js_object();
    struct json_t *streams = js_array();
    int rc = js_put_str(v, "group", group);
    rc |= js_put_str(v, "from", from) | js_put_str(v, "to", to);
    rc |= js_put_take(v, "sources", sources_object(a, &a->target));
    for (size_t i = 0; i < m->n; i++)
        rc |= js_add_take(streams, stream_object(m->streams[i], &m->v[i],
                                                 &a->target_commits));
    rc |= js_put_take(v, "streams", streams);
    must(rc);
    return v;
}

static struct json_t *
landed_object(const struct land_part *p, const struct group_stream *s,
              const struct po_translated *t)
{
    struct json_t *v = js_object();
    int rc = put_stream(v, s) | put_mapped(v, t);
    if (p->position > t->position) /* raised to the log start */
        rc |= js_put_int(v, "position", p->position);
    rc |= p->was >= 0 ? js_put_int(v, "was", p->was) : js_put_null(v, "was");
    rc |= js_put_str(v, "result", land_result_text(p->result));
    rc |= p->text ? js_put_words(v, "error", p->text) : js_put_null(v, "error");
    must(rc);
    return v;
}

static struct json_t *
counts_object(const struct land *l)
{
    struct json_t *v = js_object();
    for (int r = 0; r < LAND_RESULTS; r++) {
        int64_t n = 0;
        for (size_t i = 0; i < l->n; i++)
            n += (int)l->v[i].result == r;
        must(js_put_int(v, land_result_text((enum land_result)r), n));
    }
    return v;
}

struct json_t *
land_encode(const struct land *l, const char *from,
            const struct group_answer *a, const struct group_mapped *m)
{
    struct json_t *v = js_object();
    struct json_t *parts = js_array();
    int rc = js_put_str(v, "group", l->group);
    rc |= js_put_str(v, "from", from) | js_put_str(v, "to", l->cluster->name);
    rc |= js_put_bool(v, "dry_run", l->dry_run);
    rc |= l->members >= 0 ? js_put_int(v, "members", l->members)
                          : js_put_null(v, "members");
    rc |= js_put_take(v, "sources", sources_object(a, NULL));
    rc |= js_put_take(v, "results", counts_object(l));
    for (size_t i = 0; i < l->n; i++)
        rc |= js_add_take(parts,
                          landed_object(&l->v[i], m->streams[i], &m->v[i]));
    rc |= js_put_take(v, "partitions", parts);
    must(rc);
    return v;
}
