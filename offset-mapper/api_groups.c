/*
 * GET /v1/groups/{group}, POST /v1/groups/{group}/land.
 *
 * A request is a task: ask what is known of the group (groups.h), translate the
 * positions that count, then answer; or land them on the target's thread, and
 * answer.  When its client goes, it ends before it writes anything; a landing
 * under way is never given up.
 */
#include "offset-mapper/api_groups.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "offset-mapper/api_impl.h"
#include "offset-mapper/path.h"
#include "offset-mapper/translate.h"

struct task {
    struct api *api;
    struct http_req *req; /* NULL: its peer is gone */
    char *group;
    const struct pt_cluster *from, *to;
    bool landing;
    struct land_request request; /* of a landing */
    struct group_answer answer;
    struct po_question question;
    struct translating *asking; /* while positions are translated */
    struct group_mapped mapped;
    struct land land;
    int rc; /* of the landing */
    struct err err;
};

/* ---- life ---------------------------------------------------------------- */

static void
task_free(struct task *t)
{
    for (size_t i = 0; i < t->mapped.n; i++)
        po_translated_fini(&t->mapped.v[i]);
    free(t->mapped.v);
    free(t->mapped.streams);
    po_question_fini(&t->question);
    group_fini(&t->answer.group);
    group_commits_fini(&t->answer.target_commits);
    land_request_fini(&t->request);
    land_fini(&t->land);
    free(t->group);
    free(t);
}

/* What waits for a record is given up; what waits for a thread finds out. */
static void
on_gone(void *arg)
{
    struct task *t = arg;
    t->req = NULL;
    if (!t->asking)
        return;
    translating_cancel(t->asking);
    task_free(t);
}

static struct task *
task_new(struct api *api, struct http_req *req, const char *group)
{
    struct task *t = xcalloc(1, sizeof(*t));
    t->api = api;
    t->req = req;
    t->group = xstrdup(group);
    http_req_on_close(req, on_gone, t);
    return t;
}

static void
refuse(struct task *t, const struct err *err)
{
    if (t->req)
        http_reply_err(t->req, err);
    task_free(t);
}

static void
reply(struct task *t, struct json_t *v)
{
    if (t->req)
        http_reply_json_take(t->req, 200, v);
    else
        js_free(v);
    task_free(t);
}

/* ---- landing ------------------------------------------------------------- */

/* On the target's thread. */
static void
land_work(void *arg)
{
    struct task *t = arg;
    t->rc = land_run(&t->land, &t->err);
}

static void
log_landing(const struct task *t)
{
    size_t n[LAND_RESULTS] = {0};
    for (size_t i = 0; i < t->land.n; i++)
        n[t->land.v[i].result]++;
    log_info("group %s: %zu positions of %s landed on %s, %zu there already, "
             "%zu would go backwards, %zu unmapped, %zu failed",
             t->group, n[LAND_LANDED], t->from->name, t->to->name, n[LAND_SAME],
             n[LAND_BACKWARDS], n[LAND_UNMAPPED], n[LAND_FAILED]);
}

static void
on_landed(void *arg)
{
    struct task *t = arg;
    if (t->rc) {
        refuse(t, &t->err);
        return;
    }
    if (!t->land.dry_run)
        log_landing(t);
    reply(t, land_encode(&t->land, t->from->name, &t->answer, &t->mapped));
}

/* What the application wrote beside the commit that counts; Shunt's own marks
 * name a residency on the other cluster and mean nothing here. */
static const char *
metadata_for(const struct group_stream *s)
{
    const char *its = s->used == GROUP_COMMIT ? s->metadata : NULL;
    return its && strncmp(its, "{\"shunt\":", 9) != 0 ? its : "";
}

static void
land(struct task *t)
{
    struct err err;
    struct land *l = &t->land;
    l->cluster = t->to;
    l->group = xstrdup(t->group);
    l->dry_run = t->request.dry_run;
    l->backwards = t->request.backwards;
    l->v = xcalloc(t->mapped.n + 1, sizeof(*l->v));
    for (; l->n < t->mapped.n; l->n++) {
        const struct group_stream *s = t->mapped.streams[l->n];
        const struct po_translated *to = &t->mapped.v[l->n];
        l->v[l->n] =
            (struct land_part){.topic = to->topic ? xstrdup(to->topic) : NULL,
                               .partition = s->partition,
                               .position = to->position,
                               .metadata = xstrdup(metadata_for(s)),
                               .was = -1};
    }
    if (groups_submit(t->api->parts.groups, t->to, land_work, on_landed, t,
                      &err))
        refuse(t, &err);
}

/* ---- mapping ------------------------------------------------------------- */

static void
copy_answer(struct po_translated *to, const struct po_translated *from)
{
    free(to->reason);
    *to = *from;
    to->asked = (struct po_position){0};
    to->topic = from->topic ? xstrdup(from->topic) : NULL;
    to->reason = from->reason ? xstrdup(from->reason) : NULL;
    to->path = NULL;
    to->n_path = 0;
}

/* The answers are in the order of the streams that were asked for. */
static void
take_answers(struct task *t, const struct po_translation *answer)
{
    size_t next = 0;
    for (size_t i = 0; i < t->mapped.n; i++) {
        const struct group_stream *s = t->mapped.streams[i];
        struct po_translated *to = &t->mapped.v[i];
        to->quality = PO_NONE;
        to->position = to->low = to->high = to->sync_age_ms = -1;
        if (s->position < 0)
            to->reason = xstrdup("there is no position to map");
        else
            copy_answer(to, &answer->v[next++]);
    }
}

static void
on_mapped(void *arg, const struct po_translation *answer, const struct err *err)
{
    struct task *t = arg;
    t->asking = NULL;
    if (!answer) {
        refuse(t, err);
        return;
    }
    take_answers(t, answer);
    if (t->landing)
        land(t);
    else
        reply(t, group_encode(t->group, t->from->name, t->to->name, &t->answer,
                              &t->mapped));
}

static void
ask_for(struct po_question *q, const struct group_stream *s)
{
    if (s->position < 0)
        return;
    q->positions[q->n++] = (struct po_position){.topic = xstrdup(s->topic),
                                                .partition = s->partition,
                                                .offset = s->position};
}

/* Nobody knows anything of it, as far as they can be asked. */
static int
nothing_known(const struct group_answer *a, const char *group,
              const char *cluster, const char *of, struct err *err)
{
    if (a->source.code)
        return err_set(err, a->source.code,
                       "nothing is known of group %s%s, and its commits cannot "
                       "be read: %s",
                       group, of, a->source.text);
    return err_field(err, ERR_NOTFOUND, "group", group,
                     "group %s has no commit on cluster %s, no member that "
                     "reports and no checkpoint%s",
                     group, cluster, of);
}

static int
check_some(const struct task *t, struct err *err)
{
    if (t->mapped.n > PO_POSITIONS_MAX)
        return err_set(err, ERR_LIMIT,
                       "group %s has %zu partitions on cluster %s, at most %d "
                       "are taken: name some of them",
                       t->group, t->mapped.n, t->from->name, PO_POSITIONS_MAX);
    if (t->mapped.n > 0 || (!t->landing && t->answer.source.code))
        return 0;
    return nothing_known(&t->answer, t->group, t->from->name,
                         t->request.n_picks ? " of these partitions" : "", err);
}

/* The streams that are meant, and their positions as a question. */
static void
map(struct task *t)
{
    struct err err;
    struct po_question *q = &t->question;
    const size_t n = HASH_COUNT(t->answer.group.streams);
    t->mapped.streams = xcalloc(n + 1, sizeof(struct group_stream *));
    t->mapped.v = xcalloc(n + 1, sizeof(*t->mapped.v));
    q->positions = xcalloc(n + 1, sizeof(*q->positions));
    for (const struct group_stream *s = t->answer.group.streams; s;
         s = s->hh.next) {
        if (!land_request_picks(&t->request, s))
            continue;
        t->mapped.streams[t->mapped.n++] = s;
        ask_for(q, s);
    }
    q->from = xstrdup(t->from->name);
    q->to = xstrdup(t->to->name);
    q->wait_ms = t->request.wait_ms;
    q->verify = t->request.verify;
    if (check_some(t, &err)) {
        refuse(t, &err);
        return;
    }
    struct translating *asking =
        translator_ask_take(t->api->translator, q, on_mapped, t);
    if (asking) /* NULL: answered, and `t` may be gone */
        t->asking = asking;
}

/* ---- the group of a question ------------------------------------------------ */

struct positions_of {
    char *group, *cluster;
    translate_group_fn *fn;
    void *arg;
};

static void
on_positions(struct group_answer *a, void *arg)
{
    struct positions_of *p = arg;
    struct err err = {0};
    struct po_position *v =
        xcalloc(HASH_COUNT(a->group.streams) + 1, sizeof(*v));
    size_t n = 0;
    for (const struct group_stream *s = a->group.streams; s; s = s->hh.next)
        if (s->position >= 0)
            v[n++] = (struct po_position){.topic = s->topic,
                                          .partition = s->partition,
                                          .offset = s->position};
    const int rc = n ? 0 : nothing_known(a, p->group, p->cluster, "", &err);
    p->fn(p->arg, v, n, rc ? &err : NULL);
    free(v);
    free(p->group);
    free(p->cluster);
    free(p);
}

void
api_ask_group(void *ctx, const char *cluster, const char *group,
              int64_t deadline_ms, struct loop *home, translate_group_fn *fn,
              void *arg)
{
    const struct api *api = ctx;
    struct err err;
    const struct group_question q = {
        .group = group, .from = config_cluster(api->parts.config, cluster)};
    struct positions_of *p = xcalloc(1, sizeof(*p));
    (void)deadline_ms; /* it has its own, which is shorter */
    (void)home;        /* the one and only loop */
    *p = (struct positions_of){xstrdup(group), xstrdup(cluster), fn, arg};
    if (groups_ask(api->parts.groups, &q, on_positions, p, &err) == 0)
        return;
    fn(arg, NULL, 0, &err);
    free(p->group);
    free(p->cluster);
    free(p);
}

/* ---- what is known ------------------------------------------------------- */

static void
on_known(struct group_answer *a, void *arg)
{
    struct task *t = arg;
    t->answer = *a;
    *a = (struct group_answer){0};
    if (t->req)
        map(t);
    else
        task_free(t);
}

static void
start(struct task *t)
{
    struct err err;
    const struct group_question q = {
        .group = t->group, .from = t->from, .to = t->to, .target = !t->landing};
    if (groups_ask(t->api->parts.groups, &q, on_known, t, &err))
        refuse(t, &err);
}

static int
find_clusters(struct task *t, const char *from, const char *to, struct err *err)
{
    const struct config *c = t->api->parts.config;
    const int rc = path_check(c, from, to, err);
    if (rc)
        return rc;
    t->from = config_cluster(c, from);
    t->to = config_cluster(c, to);
    return 0;
}

static int
query_clusters(struct task *t, struct err *err)
{
    const char *from = http_req_query(t->req, "from");
    const char *to = http_req_query(t->req, "to");
    const char *verify = http_req_query(t->req, "verify");
    t->request.verify = str_equal(verify, "true");
    if (!from || !to)
        return err_field(err, ERR_INVALID, from ? "to" : "from", NULL,
                         "%s is missing", from ? "to" : "from");
    if (verify && !t->request.verify && !str_equal(verify, "false"))
        return err_field(err, ERR_INVALID, "verify", verify,
                         "verify is true or false, not \"%.60s\"", verify);
    return find_clusters(t, from, to, err);
}

void
api_get_group(struct http_req *req, void *ctx)
{
    struct err err;
    struct task *t = task_new(ctx, req, http_req_param(req, "group"));
    if (query_clusters(t, &err))
        refuse(t, &err);
    else
        start(t);
}

static int
read_landing(struct task *t, const struct json_t *body, struct err *err)
{
    t->landing = true;
    const int rc = land_request_decode(body, &t->request, err);
    return rc ? rc : find_clusters(t, t->request.from, t->request.to, err);
}

void
api_post_land(struct http_req *req, void *ctx)
{
    struct json_t *body;
    struct err err;
    if (http_req_json(req, &body))
        return; /* answered */
    struct task *t = task_new(ctx, req, http_req_param(req, "group"));
    const int rc = read_landing(t, body, &err);
    js_free(body);
    if (rc) {
        refuse(t, &err);
        return;
    }
    if (t->request.n_given == 0) {
        start(t);
        return;
    }
    t->answer.group = t->request.given;
    t->request.given = (struct group){0};
    group_choose(&t->answer.group, true);
    map(t);
}
