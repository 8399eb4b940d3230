/*
 * Owns what was read of a part and has not been sent yet.  Runs on the flow's
 * thread.
 *
 * librdkafka 2.0.2 sends one request of a partition at a time when it is
 * idempotent, and what it has of that partition meanwhile makes its thread turn
 * without a rest until the answer is there.  So it is given nothing meanwhile:
 * a group is what one request takes, and all that was read while the one before
 * was on its way goes into the next one.  Only where a whole request waits
 * already, the target being far away, it is given before that.
 *
 * Where records were refused the groups are smaller (refuse.c).
 *
 * A record keeps the whole fetch in memory that it came with.  So a part that
 * cannot send for long keeps nothing, and is not read meanwhile.
 */
#include "replicator/group.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "replicator/refuse.h"

#define KEPT_MAX_MS 1000

static size_t
bytes_of(const rd_kafka_message_t *m)
{
    return m->len + m->key_len;
}

/* ---- what waits -------------------------------------------------------- */

/* There must be one. */
static rd_kafka_message_t *
first_kept(const struct part *p)
{
    return p->kept.v[p->kept.first];
}

static rd_kafka_message_t *
kept_pop(struct part *p)
{
    struct kept *k = &p->kept;
    rd_kafka_message_t *m = k->v[k->first++];
    if (--k->n == 0)
        k->first = 0;
    k->bytes -= bytes_of(m);
    backlog_sub(p, bytes_of(m));
    return m;
}

static void
kept_push_take(struct part *p, rd_kafka_message_t *m)
{
    struct kept *k = &p->kept;
    if (k->first + k->n == k->cap && k->first > k->n) {
        memmove(k->v, k->v + k->first, k->n * sizeof(*k->v));
        k->first = 0;
    } else if (k->first + k->n == k->cap) {
        k->cap = k->cap ? k->cap * 2 : 16;
        k->v = xreallocarray(k->v, k->cap, sizeof(*k->v));
    }
    if (k->n == 0)
        p->kept_at_ms = p->flow->wall_ms;
    k->v[k->first + k->n++] = m;
    k->bytes += bytes_of(m);
    backlog_add(p, bytes_of(m));
}

void
group_forget(struct part *p)
{
    if (p->kept.n > 0)
        p->next = first_kept(p)->offset;
    while (p->kept.n > 0)
        rd_kafka_message_destroy(kept_pop(p));
    free(p->kept.v);
    p->kept = (struct kept){0};
}

/* ---- groups ------------------------------------------------------------ */

void
groups_init(struct flow *f)
{
    f->group_max = client_limit(f->producer, "batch.num.messages");
    /* What a record costs besides its key and value is not counted. */
    f->group_bytes_max = client_limit(f->producer, "batch.size") / 8 * 7;
}

static bool
may_send(const struct part *p)
{
    return !p->broken && !p->lost && !atomic_load(&p->flow->stop) &&
           !(atomic_load(&p->holds) & ~(unsigned)HOLD_BACKLOG);
}

/* With transactions each group up to a refused record has its own: else that
 * one would take back with it those that have passed before it, again and
 * again. */
static bool
commits_first(const struct part *p)
{
    return p->window > 0 && p->in_txn_to >= 0 &&
           first_kept(p)->offset <= p->refused_at;
}

static void
send_group(struct part *p)
{
    const struct flow *f = p->flow;
    const size_t most = p->window > 0 ? p->window : (size_t)f->group_bytes_max;
    size_t sent = 0;
    p->group = 0;
    p->sending = true;
    p->kept_at_ms = f->wall_ms;
    while (p->kept.n > 0 && p->group < (size_t)f->group_max && may_send(p)) {
        const bool guilty = first_kept(p)->offset == p->guilty;
        const size_t bytes = bytes_of(first_kept(p)) + 1; /* empty ones, too */
        if (p->group > 0 && (guilty || sent + bytes > most))
            break;
        rd_kafka_message_t *m = kept_pop(p);
        sent += bytes;
        p->group++;
        if (guilty)
            refuse_send_letter(p, m);
        else
            copy_send(p, m);
        rd_kafka_message_destroy(m);
        if (guilty)
            break; /* what is behind it waits for the answer */
    }
    p->sending = false;
}

/* Does a whole request wait, and is no more than another on its way? */
static bool
may_follow(const struct part *p)
{
    const struct flow *f = p->flow;
    return p->window == 0 && p->inflight <= (int64_t)p->group &&
           (p->kept.n >= (size_t)f->group_max ||
            p->kept.bytes >= (size_t)f->group_bytes_max) &&
           !part_changes_codec(p);
}

static void
keep_nothing(struct part *p)
{
    group_forget(p);
    part_skipped(p);
    part_hold(p, HOLD_BACKLOG);
}

void
group_go_on(struct part *p)
{
    if (p->sending || p->unit->txn >= TXN_CLOSING)
        return;
    if (p->inflight == 0 && atomic_load(&p->holds) & HOLD_BACKLOG)
        backlog_look(p);
    if (p->kept.n == 0 || commits_first(p))
        return;
    if (p->inflight == 0 || may_follow(p))
        send_group(p);
}

void
group_take(struct part *p, rd_kafka_message_t *m)
{
    struct flow *f = p->flow;
    kept_push_take(p, m);
    if (f->wall_ms - p->kept_at_ms > KEPT_MAX_MS)
        keep_nothing(p);
    if (p->starts || (p->inflight > 0 && !may_follow(p)))
        return;
    p->starts = true;
    p->next_starts = f->starting;
    f->starting = p;
}

void
groups_start(struct flow *f)
{
    for (struct part *p = f->starting; p; p = p->next_starts) {
        p->starts = false;
        group_go_on(p);
    }
    f->starting = NULL;
}
