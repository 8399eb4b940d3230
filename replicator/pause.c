/*
 * Owns what an administrator has paused: a mark on the flow and on its topics,
 * set by any thread, which the flow's thread turns into holds of the parts.
 */
#include "replicator/parts.h"

static struct topic *
find_topic(struct flow *f, const char *name)
{
    struct topic *t;
    HASH_FIND_STR(f->topics, name, t);
    return t;
}

static int
no_such_topic(const struct flow *f, const char *name, struct err *err)
{
    return err_field(err, ERR_NOTFOUND, "topic", name,
                     "flow %s copies no topic \"%s\" of cluster %s; /status "
                     "lists those that it copies",
                     f->conf->name, name, f->conf->source->name);
}

static void
mark_topic(struct topic *t, bool paused)
{
    t->paused = paused;
    t->go_on = !paused;
}

/* Under the lock. */
static int
mark(struct flow *f, const char *name, bool paused, struct err *err)
{
    struct topic *t = name ? find_topic(f, name) : NULL, *next;
    if (name && !t)
        return no_such_topic(f, name, err);
    if (t && !paused && f->paused)
        return err_field(err, ERR_CONFLICT, "topic", name,
                         "the whole flow %s is paused: resume it without a "
                         "topic",
                         f->conf->name);
    if (t) {
        mark_topic(t, paused);
        return 0;
    }
    f->paused = paused;
    if (!paused)
        HASH_ITER(hh, f->topics, t, next)
    mark_topic(t, false);
    return 0;
}

static int
change(struct flow *f, const char *topic, bool paused, struct err *err)
{
    pthread_mutex_lock(&f->lock);
    const int rc = mark(f, topic, paused, err);
    pthread_mutex_unlock(&f->lock);
    if (rc == 0)
        atomic_store(&f->pauses_new, true);
    return rc;
}

int
flow_pause(struct flow *flow, const char *topic, struct err *err)
{
    return change(flow, topic, true, err);
}

int
flow_resume(struct flow *flow, const char *topic, struct err *err)
{
    return change(flow, topic, false, err);
}

/* ---- the flow's thread --------------------------------------------------- */

static void
follow_marks(struct flow *f, struct topic *t)
{
    pthread_mutex_lock(&f->lock);
    const bool paused = f->paused || t->paused;
    const bool go_on = t->go_on;
    t->go_on = false;
    pthread_mutex_unlock(&f->lock);
    for (int32_t i = 0; i < t->n_parts; i++) {
        struct part *p = t->parts[i];
        if (paused)
            part_hold(p, HOLD_PAUSED);
        else
            part_release(p, HOLD_PAUSED);
        if (go_on)
            part_release(p, HOLD_STOPPED);
    }
}

void
pause_step(struct flow *f)
{
    struct topic *t, *next;
    if (!atomic_exchange(&f->pauses_new, false))
        return;
    HASH_ITER(hh, f->topics, t, next)
    follow_marks(f, t);
}
