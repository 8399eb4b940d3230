/*
 * Questions that wait for a record.  All of them are looked at again, a slice
 * in each turn of the loop, when runs have changed or a log that somebody
 * waits for has grown.  A timer, running only while somebody waits, ends those
 * whose time is up and asks for the logs of some, in turn.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "offset-mapper/translate_impl.h"

#define TICK_MS         10   /* readers stand still while they wait */
#define LOOK_TICKS      100  /* a look anyway: flows die without a word */
#define POLLS           4    /* logs asked for in one tick */
#define SLICE_POSITIONS 1000 /* looked at in one turn of the loop */

int
translate_wait_check(const struct translator *t, size_t positions,
                     struct err *err)
{
    if (t->n_waiting < TRANSLATE_WAITING_MAX &&
        t->n_positions + positions <= TRANSLATE_POSITIONS_MAX)
        return 0;
    return err_field(err, ERR_BUSY, "wait_ms", NULL,
                     "%zu questions with %zu positions wait already, %d with "
                     "%d are allowed: ask again later, or without wait_ms",
                     t->n_waiting, t->n_positions, TRANSLATE_WAITING_MAX,
                     TRANSLATE_POSITIONS_MAX);
}

/* ---- looking again ---------------------------------------------------- */

static void
wake(struct translating *x)
{
    for (size_t i = 0; i < x->out.n; i++) {
        struct item *item = &x->items[i];
        if (item->state != ITEM_WAIT)
            continue;
        item->woken = true;
        item->fresh = false;
        item_to(x, i, ITEM_LOOK);
    }
    (void)translating_step(x);
}

static void sweep_on(void *arg);

static void
sweep_start(struct translator *t)
{
    if (t->sweeping || TAILQ_EMPTY(&t->waiting))
        return;
    t->sweeping = loop_post(t->loop, sweep_on, t) == 0;
    if (!t->sweeping)
        return; /* out of memory: the next tick tries again */
    t->changed = false;
    t->sweep = TAILQ_FIRST(&t->waiting);
}

/* One slice. translate_wait_remove() moves t->sweep on when it must. */
static void
sweep_on(void *arg)
{
    struct translator *t = arg;
    size_t seen = 0;
    while (t->sweep && seen < SLICE_POSITIONS) {
        struct translating *x = t->sweep;
        t->sweep = TAILQ_NEXT(x, waiting);
        seen += x->out.n + 1;
        wake(x);
    }
    t->sweeping = t->sweep && loop_post(t->loop, sweep_on, t) == 0;
    if (!t->sweeping)
        t->sweep = NULL;
}

void
translator_changed(void *translator)
{
    struct translator *t = translator;
    t->changed = true;
    sweep_start(t);
}

void
translate_wait_grown(struct translator *t)
{
    t->changed = true; /* at the next tick, once for all that have grown */
}

/* ---- the timer -------------------------------------------------------- */

/* Its time is up: what it has is the answer. */
static void
end_waiting(struct translating *x)
{
    for (size_t i = 0; i < x->out.n; i++)
        if (x->items[i].state == ITEM_WAIT || x->items[i].state == ITEM_LOG)
            item_to(x, i, ITEM_DONE);
    (void)translating_step(x);
}

static void
end_late(struct translator *t, int64_t now_ms)
{
    struct translating *next;
    for (struct translating *x = TAILQ_FIRST(&t->waiting); x; x = next) {
        next = TAILQ_NEXT(x, waiting);
        if (x->items && now_ms >= x->deadline_ms)
            end_waiting(x);
    }
}

/* The log of the first position that it waits for. */
static void
poll_one(struct translating *x)
{
    for (size_t i = 0; i < x->out.n; i++)
        if (x->items[i].state == ITEM_WAIT) {
            translate_ask_log_of(x, i);
            return;
        }
}

static void
poll_some(struct translator *t)
{
    for (size_t n = 0; n < POLLS && n < t->n_waiting; n++) {
        struct translating *x = t->poll ? t->poll : TAILQ_FIRST(&t->waiting);
        t->poll = TAILQ_NEXT(x, waiting);
        if (!x->busy)
            poll_one(x);
    }
}

static void
on_tick(void *arg)
{
    struct translator *t = arg;
    end_late(t, clock_mono_ms());
    poll_some(t);
    if (t->changed || ++t->ticks % LOOK_TICKS == 0)
        sweep_start(t);
    if (!TAILQ_EMPTY(&t->waiting))
        return;
    loop_timer_free(t->tick);
    t->tick = NULL;
}

/* ---- coming and going ------------------------------------------------- */

void
translate_wait_add(struct translating *x)
{
    struct translator *t = x->t;
    x->is_waiting = true;
    t->n_waiting++;
    TAILQ_INSERT_TAIL(&t->waiting, x, waiting);
    if (!t->tick)
        t->tick = loop_timer_new(t->loop, TICK_MS, on_tick, t);
    if (!t->tick)
        abort(); /* out of memory */
}

void
translate_wait_count(struct translating *x, size_t positions)
{
    if (!x->is_waiting)
        return;
    x->counted = positions;
    x->t->n_positions += positions;
}

void
translate_wait_remove(struct translating *x)
{
    struct translator *t = x->t;
    if (!x->is_waiting)
        return;
    x->is_waiting = false;
    if (t->sweep == x)
        t->sweep = TAILQ_NEXT(x, waiting);
    if (t->poll == x)
        t->poll = TAILQ_NEXT(x, waiting);
    TAILQ_REMOVE(&t->waiting, x, waiting);
    t->n_waiting--;
    t->n_positions -= x->counted;
}
