/*
 * See incarnation.h.
 */
#include "offset-mapper/incarnation.h"

/* Was it asked for after `since_ms`? */
static bool
asked_after(const struct log_range *r, int64_t now_ms, int64_t since_ms)
{
    return r->known && now_ms - r->age_ms > since_ms;
}

static bool
same_run(const struct run *a, const struct run *b)
{
    return a->up == b->up && a->down == b->down && a->length == b->length;
}

/* `start` and `newest` are offsets of one log. */
static bool
looks_cut(const struct log_range *r, int64_t newest)
{
    return r->end > 0 && (r->start > 0 || r->end > newest);
}

/* What the ends alone say. */
static enum store_begun
contradiction(const struct incarnation_watch *w,
              const struct incarnation_look *l)
{
    const struct run *n = &w->newest;
    if (asked_after(l->target, l->now_ms, w->since_ms) &&
        l->target->end <= n->down + n->length - 1)
        return looks_cut(l->target, n->down) ? STORE_TARGET_CUT
                                             : STORE_TARGET_ANEW;
    if (asked_after(l->source, l->now_ms, w->since_ms) &&
        l->source->end <= n->up + n->length - 1)
        return looks_cut(l->source, n->up) ? STORE_SOURCE_CUT
                                           : STORE_SOURCE_ANEW;
    return STORE_FIRST;
}

static void
begin_watch(struct incarnation_watch *w, const struct incarnation_look *l)
{
    *w = (struct incarnation_watch){.any = l->info->known,
                                    .newest = l->info->newest,
                                    .incarnation = l->info->incarnation,
                                    .since_ms = l->now_ms};
}

enum store_begun
incarnation_judge(struct incarnation_watch *w, const struct incarnation_look *l)
{
    if (!l->info->known || !w->any || w->incarnation != l->info->incarnation ||
        !same_run(&w->newest, &l->info->newest)) {
        begin_watch(w, l);
        return STORE_FIRST;
    }
    const enum store_begun why = contradiction(w, l);
    if (why == STORE_FIRST) {
        w->suspect_ms = 0;
        return STORE_FIRST;
    }
    if (w->suspect_ms == 0) {
        w->suspect_ms = l->now_ms;
        return STORE_FIRST;
    }
    const bool all_read = asked_after(l->syncs, l->now_ms, w->suspect_ms) &&
                          l->syncs_read >= l->syncs->end;
    const bool sure = l->now_ms - w->suspect_ms >= INCARNATION_SURE_MS;
    return all_read && sure ? why : STORE_FIRST;
}

int64_t
incarnation_cuts_doubt(struct doubt_watch *w, const struct incarnation_look *l)
{
    const struct store_info *i = l->info;
    if (!i->known || !i->doubt) {
        *w = (struct doubt_watch){0};
        return -1;
    }
    if (w->since_ms == 0 || w->until != i->doubt_until ||
        w->incarnation != i->incarnation) {
        *w = (struct doubt_watch){.since_ms = l->now_ms,
                                  .until = i->doubt_until,
                                  .incarnation = i->incarnation};
        return -1;
    }
    if (!asked_after(l->source, l->now_ms, w->since_ms) ||
        l->source->end <= 0 || l->source->end > w->until) {
        w->cut_ms = 0;
        return -1;
    }
    if (w->cut_ms == 0)
        w->cut_ms = l->now_ms;
    return l->now_ms - w->cut_ms >= INCARNATION_SURE_MS ? l->source->end : -1;
}

int64_t
incarnation_prunable(const struct incarnation_watch *w,
                     const struct incarnation_look *l)
{
    if (!w->any || w->suspect_ms || !l->source->known ||
        l->source->start > l->source->end)
        return 0;
    return l->source->start;
}
