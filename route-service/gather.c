/*
 * Each loop writes its own place in `parts`; the messages between the loops
 * order that before the asking loop reads it.  Only that one counts.
 */
#include "route-service/gather.h"

#include <stdlib.h>

#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/service.h"
#include "route-service/worker.h"

struct gather {
    struct worker *home;
    gather_part_fn part;
    gather_done_fn done;
    void *arg;
    size_t n, missing;
    void *parts[];
};

struct question {
    struct gather *g;
    struct worker *w;
};

static void
on_answer(void *arg)
{
    struct gather *g = arg;
    if (--g->missing > 0)
        return;
    g->done(g->home, g->parts, g->n, g->arg);
    free(g);
}

static void
on_question(void *arg)
{
    struct question *q = arg;
    struct gather *g = q->g;
    g->parts[q->w->number] = g->part(q->w, g->arg);
    free(q);
    must(loop_post(g->home->loop, on_answer, g));
}

void
gather_start(struct worker *home, gather_part_fn part, gather_done_fn done,
             void *arg)
{
    const struct service *s = home->service;
    struct gather *g =
        xcalloc(1, sizeof(*g) + s->n_workers * sizeof(g->parts[0]));
    g->home = home;
    g->part = part;
    g->done = done;
    g->arg = arg;
    g->n = g->missing = s->n_workers;
    for (size_t i = 0; i < s->n_workers; i++) {
        if (&s->workers[i] == home)
            continue;
        struct question *q = xcalloc(1, sizeof(*q));
        *q = (struct question){g, &s->workers[i]};
        must(loop_post(q->w->loop, on_question, q));
    }
    g->parts[home->number] = part(home, arg);
    on_answer(g);
}
