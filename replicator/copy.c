/*
 * Owns the way of a record from the consumer to the acknowledgement.  Runs on
 * the flow's thread.
 *
 * Invariant: of each part, all records up to `acked` stand on the target, in
 * their order.  A refused record breaks its part: records behind it that are
 * acknowledged do not count, and when all answers are there, copying begins
 * again at the refused one.  So nothing is ever left out; some may stand there
 * twice.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "replicator/group.h"
#include "replicator/look.h"
#include "replicator/lost.h"
#include "replicator/provenance.h"
#include "replicator/refuse.h"

#define BATCH 1000

struct record_flight {
    struct flight flight; /* first */
    struct part *part;
    int64_t offset, timestamp; /* on the source */
    size_t bytes;
};

static void
tell(struct part *p, struct run run)
{
    struct flow *f = p->flow;
    const int64_t more = run.length - 1, lag_max = f->conf->lag_max;
    const struct sync_point at = {run.up, run.down};
    struct sync_point told[2];
    if (!f->conf->syncs_enabled)
        return;
    const size_t n = sync_acked(&p->sync, lag_max, at, told);
    for (size_t i = 0; i < n; i++)
        emit_sync(f, p, told[i]);
    const struct sync_point last = {at.up + more, at.down + more};
    while (sync_goes_on(&p->sync, lag_max, last, told))
        emit_sync(f, p, told[0]);
}

void
part_tell(struct part *p, struct run run)
{
    pthread_mutex_lock(&p->flow->lock);
    runs_add_run(&p->runs, run);
    pthread_mutex_unlock(&p->flow->lock);
    tell(p, run);
}

void
part_copied(struct part *p, const struct copied *c)
{
    struct flow *f = p->flow;
    pthread_mutex_lock(&f->lock);
    p->acked = c->run.up + c->run.length - 1;
    p->reset = -1;
    p->records += (uint64_t)c->run.length;
    p->bytes += c->bytes;
    p->last =
        (struct last_record){.offset = c->last_timestamp > 0 ? p->acked : -1,
                             .timestamp = c->last_timestamp};
    part_seen_acked(p, c);
    runs_add_run(&p->runs, c->run);
    pthread_mutex_unlock(&f->lock);
    backoff_reset(&p->backoff);
    part_well(p);
    refuse_acked(p, c->run.length);
    tell(p, c->run);
}

/* ---- what is acknowledged, but not counted yet ------------------------- */

static void
count(struct part *p)
{
    const struct copied c = p->copied;
    p->copied = (struct copied){0};
    if (c.run.length > 0)
        part_copied(p, &c);
}

void
copy_count(struct flow *f)
{
    for (struct part *p = f->counting; p; p = p->next_counts) {
        p->counts = false;
        count(p);
    }
    f->counting = NULL;
}

static bool
goes_on(const struct run *run, struct sync_point at)
{
    return run->length > 0 && run->up + run->length == at.up &&
           run->down + run->length == at.down;
}

/* Counting costs a lock and what follows from it: it is done run by run. */
static void
add_acked(struct part *p, struct sync_point at, const struct record_flight *r)
{
    struct flow *f = p->flow;
    struct copied *c = &p->copied;
    if (!goes_on(&c->run, at)) {
        count(p);
        c->run = (struct run){.up = at.up, .down = at.down};
    }
    c->run.length++;
    c->bytes += r->bytes;
    c->age_ms += look_count_age(&f->latencies, r->timestamp, f->wall_ms, 1);
    c->last_timestamp = r->timestamp;
    if (r->timestamp > 0)
        c->timestamp = r->timestamp;
    if (p->counts)
        return;
    p->counts = true;
    p->next_counts = f->counting;
    f->counting = p;
}

/* ---- records ----------------------------------------------------------- */

/* What it has taken up to there is on the target, or need not be. */
int64_t
part_reached(const struct part *p)
{
    return p->in_txn_to >= 0 ? p->in_txn_to : p->acked;
}

void
copy_passed(struct part *p, int64_t offset)
{
    count(p);
    backoff_reset(&p->backoff);
    part_well(p);
    if (p->unit->producer) {
        txn_passed(p, offset);
        return;
    }
    pthread_mutex_lock(&p->flow->lock);
    p->acked = offset;
    p->reset = -1;
    part_seen_acked(p, NULL);
    pthread_mutex_unlock(&p->flow->lock);
}

static void
on_answer(struct flight *flight, const rd_kafka_message_t *m)
{
    struct record_flight *r = (struct record_flight *)flight;
    struct part *p = r->part;
    const struct sync_point at = {.up = r->offset, .down = m->offset};
    p->inflight--;
    p->flow->inflight--;
    backlog_sub(p, r->bytes);
    if (p->unit->failed)
        ; /* all of its transaction goes again */
    else if (m->err)
        part_refused(p, r->offset, m->err);
    else if (!p->broken || r->offset < p->refused_at)
        p->unit->producer ? txn_acked(p, at, r->bytes, r->timestamp)
                          : add_acked(p, at, r);
    free(r);
    copy_settled(p);
}

/* One attempt. Takes the headers only on success. */
static rd_kafka_resp_err_t
send_record(rd_kafka_message_t *m, rd_kafka_headers_t *headers,
            struct record_flight *r)
{
    const struct part *p = r->part;
    const int64_t at = r->timestamp;
    const rd_kafka_vu_t v[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = p->to},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = m->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {m->key, m->key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {m->payload, m->len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = at > 0 ? at : 0},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = r},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    const size_t n = sizeof(v) / sizeof(v[0]) - (headers ? 0 : 1);
    rd_kafka_error_t *bad = rd_kafka_produceva(p->via, v, n);
    if (!bad)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_resp_err_t code = rd_kafka_error_code(bad);
    rd_kafka_error_destroy(bad);
    return code;
}

/* Waits for room in the producer; meanwhile the consumer fills its own
 * queue, which is bounded. */
static rd_kafka_resp_err_t
send_when_room(struct flow *f, rd_kafka_message_t *m, struct record_flight *r)
{
    rd_kafka_headers_t *headers = NULL;
    (void)rd_kafka_message_detach_headers(m, &headers); /* none: NULL */
    if (f->conf->provenance_header[0])
        provenance_add(&headers, f->conf->provenance_header,
                       f->conf->source->name);
    rd_kafka_resp_err_t code;
    while ((code = send_record(m, headers, r)) ==
               RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           !atomic_load(&f->stop))
        (void)flow_serve(f, 10);
    if (code && headers)
        rd_kafka_headers_destroy(headers);
    return code;
}

void
copy_send(struct part *p, rd_kafka_message_t *m)
{
    struct flow *f = p->flow;
    struct record_flight *r = xmalloc(sizeof(*r));
    rd_kafka_timestamp_type_t type;
    *r = (struct record_flight){.flight.done = on_answer,
                                .part = p,
                                .offset = m->offset,
                                .timestamp =
                                    rd_kafka_message_timestamp(m, &type),
                                .bytes = m->len + m->key_len};
    if (!txn_open(p)) {
        free(r); /* it is read again */
        return;
    }
    rd_kafka_resp_err_t code = part_follow_codec(p);
    /* Counted first: the answer may come while others wait for room. */
    p->inflight++;
    f->inflight++;
    backlog_add(p, r->bytes);
    if (!code)
        code = send_when_room(f, m, r);
    if (!code)
        return;
    p->inflight--;
    f->inflight--;
    backlog_sub(p, r->bytes);
    free(r);
    /* Full only when the flow stops: no reason to complain. */
    part_refused(p, m->offset,
                 code == RD_KAFKA_RESP_ERR__QUEUE_FULL
                     ? RD_KAFKA_RESP_ERR__PURGE_QUEUE
                     : code);
    copy_settled(p);
}

/* Would it come back to where it was? Then its position passes. */
static bool
loops(struct part *p, const rd_kafka_message_t *m)
{
    const struct flow_settings *c = p->flow->conf;
    if (!c->provenance_header[0] ||
        !provenance_names(m, c->provenance_header, c->target->name))
        return false;
    pthread_mutex_lock(&p->flow->lock);
    p->looped++;
    pthread_mutex_unlock(&p->flow->lock);
    copy_settled(p);
    return true;
}

/* NULL: it is of no partition. */
static struct part *
part_of(const rd_kafka_message_t *m)
{
    const struct topic *t = m->rkt ? rd_kafka_topic_opaque(m->rkt) : NULL;
    return t && m->partition >= 0 && m->partition < t->n_parts
               ? t->parts[m->partition]
               : NULL;
}

/* Nothing, where it is of an assignment before.  What was lost before an end
 * is told and counted: there is nothing more to be done about it. */
static void
met_end(struct part *p, int64_t offset)
{
    if (!p->assigned || p->rewound || offset < p->next)
        return;
    if (p->check.offset >= 0 && offset <= part_reached(p)) {
        part_lost(p);
        return;
    }
    part_begins(p, offset);
    part_at_end(p, offset);
    if (p->inflight == 0 && atomic_load(&p->holds) == 0)
        part_well(p);
}

static void
cannot_read(struct flow *f, struct part *p, const rd_kafka_message_t *m)
{
    const char *why = rd_kafka_message_errstr(m);
    log_warn("%s: reading %s: %s", f->conf->name,
             p ? p->topic->name : f->conf->source->name, why);
    if (p)
        part_problem(p, "cannot be read on %s: %s", f->conf->source->name, why);
}

static void
no_record(struct flow *f, struct part *p, const rd_kafka_message_t *m)
{
    if (p && m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        part_lost(p);
    else if (p && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        met_end(p, m->offset);
    else
        cannot_read(f, p, m);
}

/* True: the message was taken. */
static bool
copy_message_take(struct flow *f, rd_kafka_message_t *m)
{
    struct part *p = part_of(m);
    if (m->err || !p) {
        no_record(f, p, m);
        return false;
    }
    if (!p->assigned || p->rewound || m->offset < p->next)
        return false; /* of an assignment before, or read again after all */
    if (!part_checked(p, m))
        return false;
    part_begins(p, m->offset);
    /* What is here already may pass a hold for backlog. */
    if (atomic_load(&p->holds) & ~(unsigned)HOLD_BACKLOG) {
        part_skipped(p);
        return false;
    }
    if (p->acked < 0 && p->begin < 0)
        p->begin = m->offset; /* "latest" must not move before an answer */
    if (compress_missed(p)) {
        part_skipped(p);
        return false;
    }
    p->next = m->offset + 1;
    if (loops(p, m))
        return false;
    group_take(p, m);
    return true;
}

bool
copy_batch(struct flow *f)
{
    rd_kafka_message_t *batch[BATCH];
    if (emit_syncs_stall(f) || backlog_stalls(f))
        return false;
    const ssize_t n = rd_kafka_consume_batch_queue(f->records, 0, batch, BATCH);
    for (ssize_t i = 0; i < n; i++) {
        appetite_took(f, batch[i]);
        if (atomic_load(&f->stop) || !copy_message_take(f, batch[i]))
            rd_kafka_message_destroy(batch[i]);
    }
    groups_start(f);
    if (n < BATCH)
        appetite_empty(f);
    return n > 0;
}

static void
restart(struct part *p)
{
    if (p->lost && !p->broken && !lost_find(p))
        return;
    p->broken = p->lost = false;
    p->flow->n_broken--;
    part_rewind(p);
    part_release(p, HOLD_BROKEN);
}

void
copy_settled(struct part *p)
{
    if (p->inflight > 0) {
        group_go_on(p);
        return;
    }
    count(p);
    if (p->broken && p->retry_at_ms == INT64_MAX)
        refuse_settle(p);
    if (p->broken && clock_mono_ms() >= p->retry_at_ms)
        restart(p);
    else if (!p->broken && !p->lost && p->kept.n == 0 &&
             part_reached(p) < p->next - 1)
        copy_passed(p, p->next - 1); /* all it has taken is answered */
    group_go_on(p);
}

void
copy_retry(struct flow *f)
{
    const int64_t now = clock_mono_ms();
    struct topic *t, *next;
    HASH_ITER(hh, f->topics, t, next)
    {
        for (int32_t i = 0; i < t->n_parts; i++) {
            struct part *p = t->parts[i];
            if ((p->broken || p->lost) && p->inflight == 0 &&
                now >= p->retry_at_ms)
                restart(p);
        }
    }
}
