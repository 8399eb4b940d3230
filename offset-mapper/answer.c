/*
 * The choice of flow follows PROTOCOL.md: names tell with renaming policies;
 * where they do not, the flow that knows the partition answers.  One view of
 * the store serves a whole question, so its answers fit each other.
 */
#include "offset-mapper/answer.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"

struct ask {
    const struct flow *forward; /* from -> to, or NULL */
    const struct flow *back;    /* to -> from, or NULL */
    struct store_view *view;
    const struct po_question *q;
};

static int
known_cluster(const struct config *c, const char *field, const char *name,
              struct err *err)
{
    if (config_cluster(c, name))
        return 0;
    return err_field(err, ERR_INVALID, field, name,
                     "%s: no cluster is called \"%s\"", field, name);
}

static int
find_flows(const struct config *c, const struct po_question *q, struct ask *ask,
           struct err *err)
{
    int rc = known_cluster(c, "from", q->from, err);
    if (rc == 0)
        rc = known_cluster(c, "to", q->to, err);
    if (rc)
        return rc;
    if (strcmp(q->from, q->to) == 0)
        return err_field(err, ERR_INVALID, "to", q->to,
                         "from and to are the same cluster");
    ask->forward = config_flow(c, q->from, q->to);
    ask->back = config_flow(c, q->to, q->from);
    if (ask->forward || ask->back)
        return 0;
    return err_field(err, ERR_UNSUPPORTED, "to", q->to,
                     "no flow joins %s and %s directly; ways over other "
                     "clusters are not supported yet",
                     q->from, q->to);
}

static void
set_none(struct po_translated *t, char *reason_take)
{
    t->quality = PO_NONE;
    t->position = t->low = t->high = -1;
    t->reason = reason_take;
}

static enum po_quality
quality_of(enum runs_quality q)
{
    static const enum po_quality map[] = {[RUNS_EXACT] = PO_EXACT,
                                          [RUNS_BOUNDED] = PO_BOUNDED,
                                          [RUNS_AHEAD] = PO_AHEAD,
                                          [RUNS_BEFORE] = PO_BEFORE,
                                          [RUNS_NONE] = PO_NONE};
    return map[q];
}

static void
set_answer(struct po_translated *t, const struct flow *f, bool reverse,
           const char *to_topic, const struct runs_answer *a)
{
    t->reason = xasprintf("%s of flow %s%s", a->reason, f->name,
                          reverse ? ", in reverse" : "");
    t->quality = quality_of(a->quality);
    t->position = a->position;
    t->low = a->low;
    t->high = a->high;
    if (t->quality != PO_NONE)
        t->topic = xstrdup(to_topic);
}

static int
ask_forward(const struct ask *ask, struct po_translated *t, bool *known,
            struct err *err)
{
    const struct flow *f = ask->forward;
    const struct store_part part = {f->name, t->asked.topic,
                                    t->asked.partition};
    struct store_info info;
    struct runs_answer a;
    int rc = store_view_forward(ask->view, &part, t->asked.offset, -1, &info,
                                &a, err);
    *known = info.known;
    if (rc || !*known)
        return rc;
    char to_topic[512];
    rc = naming_remote(&f->naming, f->def.source, t->asked.topic, to_topic,
                       sizeof(to_topic));
    if (rc)
        return err_set(err, rc, "the topic name %.60s... is too long",
                       t->asked.topic);
    set_answer(t, f, false, to_topic, &a);
    return 0;
}

static int
ask_back(const struct ask *ask, const char *upstream, struct po_translated *t,
         bool *known, struct err *err)
{
    const struct flow *f = ask->back;
    const struct store_part part = {f->name, upstream, t->asked.partition};
    struct store_info info;
    struct runs_answer a;
    const int rc = store_view_reverse(ask->view, &part, t->asked.offset, -1,
                                      &info, &a, err);
    *known = info.known;
    if (rc == 0 && *known)
        set_answer(t, f, true, upstream, &a);
    return rc;
}

/* True, with its name there: the topic came from the other cluster. */
static bool
is_copy(const struct ask *ask, const char *topic, const char **upstream)
{
    return ask->back &&
           naming_is_copy_from(&ask->back->naming, ask->q->to, topic, upstream);
}

static char *
why_none(const struct ask *ask, const struct po_translated *t,
         const char *upstream)
{
    const bool copy = upstream != NULL;
    const struct flow *f = copy || !ask->forward ? ask->back : ask->forward;
    if (!copy && !ask->forward && f->naming.policy != NAMING_IDENTITY)
        return xasprintf("%s is no copy from %s, and there is no flow %s->%s",
                         t->asked.topic, ask->q->to, ask->q->from, ask->q->to);
    return xasprintf("flow %s has no sync of %s [%d]", f->name,
                     copy ? upstream : t->asked.topic, t->asked.partition);
}

static int
answer_one(const struct ask *ask, struct po_translated *t, struct err *err)
{
    const char *upstream = NULL;
    bool known = false;
    const bool copy = is_copy(ask, t->asked.topic, &upstream);
    int rc = 0;
    if (copy)
        rc = ask_back(ask, upstream, t, &known, err);
    else if (ask->forward)
        rc = ask_forward(ask, t, &known, err);
    if (rc == 0 && !known && !copy && ask->back &&
        ask->back->naming.policy == NAMING_IDENTITY)
        rc = ask_back(ask, t->asked.topic, t, &known, err);
    if (rc == 0 && !known)
        set_none(t, why_none(ask, t, upstream));
    return rc;
}

static int
answer_all(const struct ask *ask, struct po_translation *out, struct err *err)
{
    out->v = xcalloc(ask->q->n + 1, sizeof(*out->v));
    int rc = 0;
    for (; out->n < ask->q->n && rc == 0; out->n++) {
        struct po_translated *t = &out->v[out->n];
        const struct po_position *p = &ask->q->positions[out->n];
        t->asked.topic = xstrdup(p->topic);
        t->asked.partition = p->partition;
        t->asked.offset = p->offset;
        t->incarnation = t->sync_age_ms = t->lag = -1;
        rc = answer_one(ask, t, err);
    }
    return rc;
}

int
answer_question(const struct config *config, struct store *store,
                const struct po_question *q, struct po_translation *out,
                struct err *err)
{
    *out = (struct po_translation){0};
    struct ask ask = {.q = q};
    int rc = find_flows(config, q, &ask, err);
    if (rc == 0)
        rc = store_view_open(store, &ask.view, err);
    if (rc)
        return rc;
    rc = answer_all(&ask, out, err);
    store_view_close(ask.view);
    if (rc)
        po_translation_fini(out);
    return rc;
}
