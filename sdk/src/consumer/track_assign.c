/*
 * What the application makes of the partitions of a track: its rebalance
 * callback and its calls of assign and the like.
 *
 * As with librdkafka the callback assigns.  What it does not take stays
 * granted: the group's to this member, read by nobody.  A callback that does
 * not assign at all is told once, and Shunt takes everything: a consumer that
 * stands still helps nobody.  What is revoked goes whatever the callback calls.
 *
 * With events instead of the callback the answer comes later: partitions that
 * are granted wait for it, partitions that the group revokes stay until then, as
 * with librdkafka.  A move waits for nobody: its revocation is over when the
 * event is told, and the answer to it does nothing (`owed`).
 */
#include <string.h>

#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/track.h"

/* ---- to the application -------------------------------------------------- */

static void
blame(struct track *tr)
{
    if (tr->rebalance.blamed)
        return;
    tr->rebalance.blamed = true;
    track_warn(tr, "the rebalance callback does not assign (shunt_assign() or "
                   "shunt_incremental_assign()): Shunt does");
}

/* False: the answer comes later. */
static bool
call(struct track *tr, rd_kafka_resp_err_t code,
     const rd_kafka_topic_partition_list_t *l)
{
    struct rebalance *r = &tr->rebalance;
    r->told = consumer_txn_moment();
    if (!tr->e.on_rebalance)
        return true;
    r->code = code;
    r->answered = false;
    consumer_unlock(tr->c);
    const enum engine_answer answer = tr->e.on_rebalance(
        code, (rd_kafka_topic_partition_list_t *)(uintptr_t)l, tr->e.arg);
    consumer_lock(tr->c);
    r->code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (answer == ENGINE_CALLED && !r->answered && !tr->by_hand)
        blame(tr);
    return answer != ENGINE_LATER;
}

void
track_offer(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    if (call(tr, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, l) &&
        !tr->rebalance.answered)
        generation_take_granted(tr->cur);
}

bool
track_call_revoke(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    return call(tr, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, l);
}

/* The group does not know how far it was read, and nobody has it yet: if the
 * rebalance does not end before a move, the position goes over from here. */
static bool
untold(const struct track *tr, const struct generation *g, const struct part *p)
{
    return tr->e.auto_commit && g->revoked && track_finished(tr, p) > p->acked;
}

void
track_revoked(struct track *tr, struct generation *g,
              const rd_kafka_topic_partition_list_t *l, bool lost)
{
    track_note_rewind(tr, l);
    if (!lost)
        track_commit_wait(tr, g, l);
    for (int i = 0; i < l->cnt; i++) {
        struct part *p =
            generation_find(g, l->elems[i].topic, l->elems[i].partition);
        if (!p)
            continue;
        if (p->state == PART_RUNNING && (lost || untold(tr, g, p)))
            p->lost = true;
        track_freeze(tr, p);
    }
}

bool
track_owed(const struct track *tr)
{
    return tr->rebalance.owed || (tr->cur && tr->cur->leaving);
}

/* True: the call only answers to a revocation. */
static bool
answers(struct track *tr)
{
    if (tr->rebalance.owed) {
        tr->rebalance.owed = false;
        return true;
    }
    if (!tr->cur->leaving)
        return false;
    track_revoked(tr, tr->cur, tr->cur->leaving, tr->cur->leaving_lost);
    generation_revoke(tr->cur);
    wake_up(tr->wake);
    return true;
}

void
track_tell_rebalance(struct track *tr, rd_kafka_resp_err_t code)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    if (track_assignment(tr, &l) != 0)
        return;
    const bool now = l->cnt == 0 || call(tr, code, l);
    if (!now && code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        tr->rebalance.owed = true;
    rd_kafka_topic_partition_list_destroy(l);
}

/* ---- from the application ------------------------------------------------ */

static bool
logical_start(int64_t offset)
{
    return offset == RD_KAFKA_OFFSET_INVALID ||
           offset == RD_KAFKA_OFFSET_STORED ||
           offset == RD_KAFKA_OFFSET_BEGINNING ||
           offset == RD_KAFKA_OFFSET_END || offset <= RD_KAFKA_OFFSET_TAIL_BASE;
}

rd_kafka_error_t *
track_assign_check(const rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        if (!*t->topic || strlen(t->topic) > TOPIC_MAX || t->partition < 0)
            return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                      "\"%s\" [%d] is no partition", t->topic,
                                      (int)t->partition);
        if (t->offset < 0 && !logical_start(t->offset))
            return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                      "%s [%d]: no partition starts at %lld",
                                      t->topic, (int)t->partition,
                                      (long long)t->offset);
    }
    return NULL;
}

static void
start_at_end(struct generation *g, struct part *p, int64_t tail)
{
    generation_take(g, p);
    p->by_hand = p->end_wanted = true;
    p->tail = tail;
}

static void
start_as_said(struct track *tr, struct part *p, int64_t offset)
{
    struct generation *g = tr->cur;
    if (offset >= 0 || offset == RD_KAFKA_OFFSET_BEGINNING)
        generation_start_at(g, p, offset);
    else if (offset == RD_KAFKA_OFFSET_END)
        start_at_end(g, p, 0);
    else if (offset <= RD_KAFKA_OFFSET_TAIL_BASE)
        start_at_end(g, p, RD_KAFKA_OFFSET_TAIL_BASE - offset);
    else if (p->state == PART_NONE)
        generation_take(g, p); /* Shunt decides; else it has already */
}

/* Not the application's any more: what is finished of it counts. */
static void
give_up(struct track *tr, struct part *p)
{
    track_freeze(tr, p);
    generation_drop(tr->cur, p);
}

static rd_kafka_resp_err_t
take(struct track *tr, const rd_kafka_topic_partition_t *t)
{
    if (track_given_take(tr, t))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    struct part *p = generation_part(tr->cur, t->topic, t->partition);
    if (!p)
        return RD_KAFKA_RESP_ERR__FAIL;
    start_as_said(tr, p, t->offset);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_error_t *
take_all(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < l->cnt && !code; i++)
        code = take(tr, &l->elems[i]);
    if (!code && tr->by_hand && track_given_born_here(tr, l) != 0)
        code = RD_KAFKA_RESP_ERR__FAIL;
    return code ? rd_kafka_error_new(code, "out of memory") : NULL;
}

/* The partitions of the call, or of whoever called back, are as they should
 * be: librdkafka is told, at the end of the callback by whoever makes it. */
static void
assigned(struct track *tr)
{
    tr->starter.again_ms = 0;
    if (tr->rebalance.code)
        tr->rebalance.answered = true;
    else if (tr->cur->joined && !tr->cur->stopped)
        generation_fetch(tr->cur);
    wake_up(tr->wake);
}

/* Inside a callback that takes partitions away: they go when it returns. */
static bool
revoking(struct track *tr)
{
    if (tr->rebalance.code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        return false;
    tr->rebalance.answered = true;
    return true;
}

static void
commit_rest(struct track *tr, const rd_kafka_topic_partition_list_t *keep)
{
    rd_kafka_topic_partition_list_t *gone =
        rd_kafka_topic_partition_list_new(8);
    for (const struct part *p = tr->cur->parts; p; p = p->hh.next)
        if (p->state == PART_RUNNING &&
            !(keep && rd_kafka_topic_partition_list_find(keep, p->key.topic,
                                                         p->key.partition)))
            rd_kafka_topic_partition_list_add(gone, p->key.topic,
                                              p->key.partition);
    if (gone->cnt > 0)
        track_commit_wait(tr, tr->cur, gone);
    rd_kafka_topic_partition_list_destroy(gone);
}

rd_kafka_error_t *
track_assign(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    rd_kafka_error_t *error = l ? track_assign_check(l) : NULL;
    if (error || revoking(tr) || (!l && answers(tr)))
        return error;
    commit_rest(tr, l);
    for (struct part *p = tr->cur->parts; p; p = p->hh.next)
        if (p->state != PART_NONE &&
            !(l && rd_kafka_topic_partition_list_find(l, p->key.topic,
                                                      p->key.partition)))
            give_up(tr, p);
    if (l)
        error = take_all(tr, l);
    assigned(tr);
    return error;
}

rd_kafka_error_t *
track_incremental_assign(struct track *tr,
                         const rd_kafka_topic_partition_list_t *l)
{
    rd_kafka_error_t *error = track_assign_check(l);
    for (int i = 0; i < l->cnt && !error && !tr->rebalance.code; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        const struct part *p = generation_find(tr->cur, t->topic, t->partition);
        if (p && p->state != PART_NONE)
            error = rd_kafka_error_new(RD_KAFKA_RESP_ERR__CONFLICT,
                                       "%s [%d] is assigned already", t->topic,
                                       (int)t->partition);
    }
    if (error || revoking(tr))
        return error;
    error = take_all(tr, l);
    assigned(tr);
    return error;
}

rd_kafka_error_t *
track_incremental_unassign(struct track *tr,
                           const rd_kafka_topic_partition_list_t *l)
{
    if (revoking(tr) || answers(tr))
        return NULL;
    for (int i = 0; i < l->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        const struct part *p = generation_find(tr->cur, t->topic, t->partition);
        if (!p || p->state == PART_NONE)
            return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                      "%s [%d] is not assigned", t->topic,
                                      (int)t->partition);
    }
    track_commit_wait(tr, tr->cur, l);
    for (int i = 0; i < l->cnt; i++) {
        struct part *p =
            generation_find(tr->cur, l->elems[i].topic, l->elems[i].partition);
        if (p)
            give_up(tr, p);
    }
    assigned(tr);
    return NULL;
}
