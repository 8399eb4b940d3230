/*
 * Owns what happens when the records that a part wants to read are not there:
 * retention took them, or the topic ends before them.  Runs on the flow's
 * thread, and blocks for the watermarks.
 *
 * librdkafka 2.0.2 knows neither topic ids nor leader epochs.  A topic that was
 * made anew is seen by its end, which lies before the place where copying was;
 * or, when a part is taken, because the record that was copied last is another
 * one: its offset and timestamp stand beside the position.
 */
#include "replicator/lost.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "replicator/look.h"

#define WATERMARKS_MS 5000

void
part_lost(struct part *p)
{
    if (p->lost)
        return;
    p->lost = true;
    if (!p->broken) {
        p->flow->n_broken++;
        p->retry_at_ms = clock_mono_ms();
    }
    part_hold(p, HOLD_BROKEN);
}

void
part_check(struct part *p, struct last_record last)
{
    p->last = p->check = last;
}

bool
part_checked(struct part *p, const rd_kafka_message_t *m)
{
    const struct last_record check = p->check;
    rd_kafka_timestamp_type_t type;
    if (check.offset < 0)
        return true;
    p->check.offset = -1;
    p->next = part_reached(p) + 1;
    if (m->offset == check.offset &&
        rd_kafka_message_timestamp(m, &type) != check.timestamp) {
        p->other = true;
        part_lost(p);
        return false;
    }
    return m->offset >= p->next;
}

struct gap {
    int64_t from, low, high; /* where it was; what there is */
    int64_t begins;          /* what was not copied */
};

static const char *
effect(const struct part *p)
{
    return p->flow->conf->on_truncation == TRUNCATION_STOP
               ? "the partition stops, as shunt.on.truncation says, until it "
                 "is resumed; then it goes on"
               : "copying goes on";
}

static void
say_anew(struct part *p, struct gap g)
{
    const struct flow *f = p->flow;
    part_problem(p, "%s ends at %lld, before %lld, where copying was",
                 f->conf->source->name, (long long)g.high, (long long)g.from);
    log_warn("%s: %s/%d ends at %lld on %s, before %lld, where copying "
             "was: was the topic made anew? %s from %lld",
             f->conf->name, p->topic->name, (int)p->partition,
             (long long)g.high, f->conf->source->name, (long long)g.from,
             effect(p), (long long)p->reset);
}

static void
say_gone(struct part *p, struct gap g)
{
    struct flow *f = p->flow;
    const long long first = (long long)g.from, end = (long long)p->reset;
    part_problem(p, "records %lld to %lld are gone from %s", first, end - 1,
                 f->conf->source->name);
    log_warn("%s: %s/%d: records %lld to %lld are gone from %s before they "
             "were copied: %lld records are missing on %s; %s from %lld",
             f->conf->name, p->topic->name, (int)p->partition, first, end - 1,
             f->conf->source->name, end - first, f->conf->target->name,
             effect(p), end);
    pthread_mutex_lock(&f->lock);
    p->missed += (uint64_t)(end - first);
    pthread_mutex_unlock(&f->lock);
}

/* Where a log begins that is not the one that was copied: at its first record
 * that is not older than what was copied last; all of it, as a rule. */
static bool
find_other(struct part *p, struct gap *g)
{
    bool found;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at =
        rd_kafka_topic_partition_list_add(list, p->topic->name, p->partition);
    at->offset = p->last.timestamp;
    found = rd_kafka_offsets_for_times(p->flow->consumer, list,
                                       WATERMARKS_MS) == 0 &&
            !at->err;
    if (at->offset >= g->low && at->offset < g->from)
        g->begins = at->offset;
    else if (at->offset >= g->from)
        g->begins = g->from;
    rd_kafka_topic_partition_list_destroy(list);
    return found;
}

static void
say_other(struct part *p)
{
    const struct flow *f = p->flow;
    part_problem(p, "record %lld of %s is not the one that was copied",
                 (long long)p->last.offset, f->conf->source->name);
    log_warn("%s: record %lld of %s/%d on %s is not the one that was copied: "
             "was the topic made anew? %s from %lld",
             f->conf->name, (long long)p->last.offset, p->topic->name,
             (int)p->partition, f->conf->source->name, effect(p),
             (long long)p->reset);
}

/* Chooses where the part goes on, and tells what it leaves out.  The first
 * record from there is a break, of which sync_acked() tells both sides. */
static void
choose(struct part *p, struct gap g)
{
    const enum on_truncation how = p->flow->conf->on_truncation;
    const bool to_end =
        how != TRUNCATION_RESTART && discover_begins_at_end(p->flow);
    p->reset = to_end ? g.high : how == TRUNCATION_RESTART ? g.low : g.begins;
    if (p->other)
        say_other(p);
    else if (g.from > g.high)
        say_anew(p, g);
    else
        say_gone(p, g);
    if (how == TRUNCATION_STOP)
        part_hold(p, HOLD_STOPPED);
}

bool
lost_find(struct part *p)
{
    const int64_t reached = part_reached(p);
    struct gap g = {.from = p->reset >= 0  ? p->reset
                            : reached >= 0 ? reached + 1
                                           : p->begin};
    if (rd_kafka_query_watermark_offsets(p->flow->consumer, p->topic->name,
                                         p->partition, &g.low, &g.high,
                                         WATERMARKS_MS) != 0) {
        p->retry_at_ms = clock_mono_ms() + backoff_next_ms(&p->backoff);
        return false;
    }
    g.begins = g.low;
    if (p->other && !find_other(p, &g)) {
        p->retry_at_ms = clock_mono_ms() + backoff_next_ms(&p->backoff);
        return false;
    }
    if (p->other || (g.from >= 0 && (g.from < g.low || g.from > g.high)))
        choose(p, g);
    p->other = false;
    p->last.offset = p->check.offset = -1;
    return true; /* it may be there after all */
}
