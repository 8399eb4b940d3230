/* One view of the store; any thread. */
#include "offset-mapper/group_checkpoints.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "offset-mapper/store_checkpoints.h"

struct taking {
    struct group *g;
    const struct flow *flow;
    bool direct; /* the flow leads to where the group goes */
};

/* A checkpoint names the copy. */
static const char *
upstream_of(const struct flow *f, const char *copy)
{
    const char *upstream = NULL;
    if (f->naming.policy == NAMING_IDENTITY)
        return copy;
    return naming_is_copy_from(&f->naming, f->def.source, copy, &upstream)
               ? upstream
               : NULL;
}

static void
take_one(const struct store_checkpoint *c, void *arg)
{
    const struct taking *t = arg;
    const char *topic = upstream_of(t->flow, c->topic);
    if (!topic)
        return;
    struct group_checkpoint *mine =
        &group_stream(t->g, topic, c->partition)->checkpoint;
    if (mine->known && (mine->to_topic || c->upstream <= mine->offset))
        return;
    free(mine->to_topic);
    mine->to_topic = NULL;
    mine->to_offset = -1;
    mine->known = true;
    mine->offset = c->upstream;
    mine->time_ms = c->time_ms;
    mine->flow = t->flow->name;
    if (!t->direct)
        return;
    mine->to_topic = xstrdup(c->topic);
    mine->to_offset = c->downstream;
}

/* A checkpoint from before its topic was made anew, or cut, names an offset of
 * other records. */
static int
forget_old(struct store_view *view, struct group *g, const struct flow *f,
           struct err *err)
{
    int rc = 0;
    for (struct group_stream *s = g->streams; s && rc == 0; s = s->hh.next) {
        const struct store_part part = {f->name, s->topic, s->partition};
        struct group_checkpoint *c = &s->checkpoint;
        struct store_info info;
        if (!c->known || c->flow != f->name)
            continue;
        rc = store_view_info(view, &part, &info, err);
        if (rc == 0 && info.incarnation > 1 && c->time_ms < info.begun_ms)
            c->known = false;
    }
    return rc;
}

static int
take_flows(const struct config *config, struct store_view *view,
           const char *from, const char *to, const char *group, bool direct,
           struct group *g, bool *asked, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < config->n_flows && rc == 0; i++) {
        const struct flow *f = &config->flows[i];
        struct taking t = {g, f, direct};
        if (strcmp(f->def.source, from) != 0 ||
            str_equal(f->def.target, to) != direct)
            continue;
        *asked = true;
        rc = store_checkpoint_each(view, f->name, group, take_one, &t, err);
        if (rc == 0)
            rc = forget_old(view, g, f, err);
    }
    return rc;
}

/* The direct flow's first: only its translation is one to the target. */
int
group_checkpoints_take(const struct config *config, struct store *store,
                       const char *from, const char *to, const char *group,
                       struct group *g, bool *asked, struct err *err)
{
    struct store_view *view;
    *asked = false;
    int rc = store_view_open(store, &view, err);
    if (rc)
        return rc;
    rc = take_flows(config, view, from, to, group, true, g, asked, err);
    if (rc == 0)
        rc = take_flows(config, view, from, to, group, false, g, asked, err);
    store_view_close(view);
    return rc;
}
