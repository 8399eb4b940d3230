/*
 * Owns which parts are assigned to the source's consumer: those that nothing
 * holds.  Runs on the flow's thread.
 *
 * Changes of a turn are collected and done in one call each.  When
 * rd_kafka_incremental_unassign() returns, librdkafka has raised the
 * partition's version: no record of the old assignment is handed out any more,
 * so that a new one at an earlier offset cannot meet it.
 *
 * With "latest" a part begins at the end of the log as it is when it is read
 * first, not as it will be after a hold: until the consumer has told where that
 * is, a hold waits.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "replicator/group.h"

#define ASSIGN_RETRY_MS 1000
/* They end by themselves; meanwhile what was read is kept. */
#define HOLDS_BRIEF ((unsigned)(HOLD_BACKLOG | HOLD_BROKEN))

static void
note_change(struct part *p)
{
    struct flow *f = p->flow;
    if (p->hold_changed)
        return;
    p->hold_changed = true;
    p->next_changed = f->holds_changed;
    f->holds_changed = p;
}

void
part_hold(struct part *p, enum hold why)
{
    const unsigned before = atomic_load(&p->holds);
    atomic_store(&p->holds, before | why);
    if (before == 0)
        note_change(p);
    if (!(why & HOLDS_BRIEF) && p->kept.n > 0) {
        group_forget(p);
        part_skipped(p);
    }
}

void
part_release(struct part *p, enum hold why)
{
    const unsigned before = atomic_load(&p->holds);
    atomic_store(&p->holds, before & ~(unsigned)why);
    if (before != 0 && (before & ~(unsigned)why) == 0)
        note_change(p);
}

void
part_skipped(struct part *p)
{
    p->rewound = true;
    note_change(p);
}

void
part_rewind(struct part *p)
{
    group_forget(p);
    p->next = -1;
    part_seen_rewound(p);
    part_skipped(p);
}

static int64_t
goes_on_at(const struct part *p)
{
    if (p->next >= 0)
        return p->next;
    if (p->reset >= 0)
        return p->reset;
    if (p->check.offset >= 0)
        return p->check.offset;
    const int64_t reached = part_reached(p);
    return reached >= 0 ? reached + 1 : p->begin;
}

static bool
looks_for_end(const struct part *p)
{
    return goes_on_at(p) == RD_KAFKA_OFFSET_END;
}

void
part_begins(struct part *p, int64_t offset)
{
    if (!looks_for_end(p))
        return;
    p->begin = offset;
    if (atomic_load(&p->holds))
        note_change(p);
}

static bool
shall_stop(const struct part *p)
{
    return p->assigned &&
           (p->rewound || (atomic_load(&p->holds) && !looks_for_end(p)));
}

typedef rd_kafka_error_t *(*assigner)(rd_kafka_t *,
                                      const rd_kafka_topic_partition_list_t *);

/* False: it failed, which is said. */
static bool
change(struct flow *f, assigner call, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_error_t *bad = list->cnt > 0 ? call(f->consumer, list) : NULL;
    if (!bad)
        return true;
    log_error("%s: cannot change which partitions of %s are read: %s; trying "
              "again",
              f->conf->name, f->conf->source->name, rd_kafka_error_string(bad));
    rd_kafka_error_destroy(bad);
    f->holds_retry_at_ms = clock_mono_ms() + ASSIGN_RETRY_MS;
    return false;
}

static bool
stop_reading(struct flow *f)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(16);
    for (struct part *p = f->holds_changed; p; p = p->next_changed)
        if (shall_stop(p))
            (void)rd_kafka_topic_partition_list_add(list, p->topic->name,
                                                    p->partition);
    const bool done = change(f, rd_kafka_incremental_unassign, list);
    for (struct part *p = f->holds_changed; done && p; p = p->next_changed)
        if (shall_stop(p) || !p->assigned)
            p->assigned = p->rewound = false;
    rd_kafka_topic_partition_list_destroy(list);
    return done;
}

/* What waits of a part that was held for a while is right before where it goes
 * on. */
static bool
start_reading(struct flow *f)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(16);
    for (struct part *p = f->holds_changed; p; p = p->next_changed) {
        if (p->assigned || atomic_load(&p->holds))
            continue;
        rd_kafka_topic_partition_list_add(list, p->topic->name, p->partition)
            ->offset = goes_on_at(p);
    }
    const bool done = change(f, rd_kafka_incremental_assign, list);
    for (struct part *p = f->holds_changed; done && p; p = p->next_changed)
        p->assigned = p->assigned || !atomic_load(&p->holds);
    rd_kafka_topic_partition_list_destroy(list);
    return done;
}

void
holds_apply(struct flow *f)
{
    if (!f->holds_changed || clock_mono_ms() < f->holds_retry_at_ms)
        return;
    if (!stop_reading(f) || !start_reading(f))
        return;
    struct part *p = f->holds_changed, *next;
    for (f->holds_changed = NULL; p; p = next) {
        next = p->next_changed;
        p->next_changed = NULL;
        p->hold_changed = false;
    }
}
