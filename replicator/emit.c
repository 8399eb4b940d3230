/*
 * Owns the records that are written beside the copied ones: offset syncs,
 * positions, heartbeats.  Runs on the flow's thread.
 *
 * Invariant: a position is written only after the syncs of all records up to
 * it are acknowledged; else a break of a run that was lost in a crash would
 * never be told.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/mm2/codec.h"
#include "replicator/beats.h"
#include "replicator/parts.h"

#define SYNC_RETRY_MIN_MS 100
#define SYNC_RETRY_MAX_MS 5000
#define NOTE_RETRY_MS     1000

/* ---- refusals ---------------------------------------------------------- */

static const char *
advice(rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        return "allow our principal to write there";
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        return "make the topic again, or restart the replicator, which does";
    return "look at the brokers' log and the topic's configuration";
}

static bool
at_a_stop(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
           code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

static void
refused(const struct flow *f, struct refusals *r, const char *topic,
        rd_kafka_resp_err_t code, const char *effect)
{
    if (at_a_stop(code))
        return;
    atomic_fetch_add(&r->n, 1);
    if (atomic_exchange(&r->said, (int)code) == (int)code)
        return;
    log_error("%s: topic %s refuses our records: %s (%s); %s; %s",
              f->conf->name, topic, rd_kafka_err2str(code),
              rd_kafka_err2name(code), effect, advice(code));
}

static void
accepted(struct refusals *r)
{
    atomic_store(&r->said, 0);
    atomic_fetch_add(&r->written, 1);
    atomic_store(&r->written_at_ms, clock_coarse_ms());
}

static rd_kafka_resp_err_t
produce(rd_kafka_t *rk, const char *topic, int32_t p, const void *key,
        size_t key_len, const void *value, size_t value_len,
        rd_kafka_headers_t *headers, void *opaque)
{
    return rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(p),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value_len),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}

/* ---- notes ------------------------------------------------------------- */

struct note_flight {
    struct flight flight; /* first */
    struct flow *flow;
    enum note kind;
};

static const char *const note_effects[NOTES] = {
    [NOTE_POSITION] = "a restart would copy records again",
    [NOTE_HEARTBEAT] = "heartbeats are missing",
    [NOTE_CHECKPOINT] = "checkpoints are missing",
};

static void
on_note(struct flight *flight, const rd_kafka_message_t *m)
{
    struct note_flight *n = (struct note_flight *)flight;
    struct refusals *r = &n->flow->refusals[n->kind];
    if (m->err)
        refused(n->flow, r, rd_kafka_topic_name(m->rkt), m->err,
                note_effects[n->kind]);
    else
        accepted(r);
    if (n->kind == NOTE_POSITION) {
        n->flow->notes--;
        n->flow->position_refused = n->flow->position_refused || m->err;
    } else if (n->kind == NOTE_HEARTBEAT) {
        n->flow->beats--;
    }
    free(n);
}

/* Takes the headers only on success. */
static rd_kafka_resp_err_t
note(struct flow *f, rd_kafka_t *rk, enum note kind, const char *topic,
     int32_t p, const void *key, size_t key_len, const void *value,
     size_t value_len, rd_kafka_headers_t *headers)
{
    struct note_flight *n = xcalloc(1, sizeof(*n));
    n->flight.done = on_note;
    n->flow = f;
    n->kind = kind;
    const rd_kafka_resp_err_t code =
        produce(rk, topic, p, key, key_len, value, value_len, headers, n);
    if (code) {
        free(n);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            refused(f, &f->refusals[kind], topic, code, note_effects[kind]);
    } else if (kind == NOTE_POSITION) {
        f->notes++;
    } else if (kind == NOTE_HEARTBEAT) {
        f->beats++;
    }
    return code;
}

rd_kafka_resp_err_t
emit_note(struct flow *f, rd_kafka_t *rk, enum note kind, const char *topic,
          int32_t p, const void *key, size_t key_len, const void *value,
          size_t value_len)
{
    return note(f, rk, kind, topic, p, key, key_len, value, value_len, NULL);
}

/* ---- syncs ------------------------------------------------------------- */

struct sync_flight {
    struct flight flight; /* first */
    struct flow *flow;
};

static void
sync_refused(struct flow *f, rd_kafka_resp_err_t code)
{
    struct sync_queue *q = &f->syncs;
    refused(f, &q->refusals, f->syncs_topic, code,
            "offset syncs wait, and no position is written before them");
    if (q->refused)
        return;
    if (q->backoff.max_ms == 0)
        backoff_init(&q->backoff, SYNC_RETRY_MIN_MS, SYNC_RETRY_MAX_MS,
                     (uint64_t)clock_mono_us());
    q->refused = true;
    q->retry_at_ms = clock_mono_ms() + backoff_next_ms(&q->backoff);
}

static void
sync_written(struct sync_queue *q)
{
    accepted(&q->refusals);
    backoff_reset(&q->backoff);
    q->first++;
    q->sent--;
    q->n--;
    if (q->n == 0) {
        q->first = 0;
        q->stall_said = false;
    }
}

/* The topic has one partition: answers come in the order of the syncs. */
static void
on_sync(struct flight *flight, const rd_kafka_message_t *m)
{
    struct flow *f = ((struct sync_flight *)flight)->flow;
    f->syncs.inflight--;
    if (m->err)
        sync_refused(f, m->err);
    else if (!f->syncs.refused)
        sync_written(&f->syncs);
    free(flight);
}

static void
make_room(struct sync_queue *q)
{
    if (q->first + q->n < q->cap)
        return;
    if (q->first > q->n) {
        memmove(q->v, q->v + q->first, q->n * sizeof(*q->v));
        q->first = 0;
        return;
    }
    q->cap = q->cap ? q->cap * 2 : 64;
    q->v = xreallocarray(q->v, q->cap, sizeof(*q->v));
}

void
emit_sync(struct flow *f, const struct part *p, struct sync_point at)
{
    struct sync_queue *q = &f->syncs;
    make_room(q);
    q->v[q->first + q->n++] = (struct waiting_sync){.part = p, .at = at};
    q->queued++;
}

static rd_kafka_resp_err_t
send_sync(struct flow *f, const struct waiting_sync *w)
{
    const struct mm2_offset_sync sync = {.topic = w->part->topic->name,
                                         .partition = w->part->partition,
                                         .upstream = w->at.up,
                                         .downstream = w->at.down};
    struct mm2_bytes bytes;
    if (mm2_offset_sync_encode(&sync, &bytes) != 0)
        abort(); /* names of Kafka topics fit */
    struct sync_flight *s = xcalloc(1, sizeof(*s));
    s->flight.done = on_sync;
    s->flow = f;
    rd_kafka_t *rk = f->conf->syncs_on_target ? f->producer : f->back;
    const rd_kafka_resp_err_t code =
        produce(rk, f->syncs_topic, 0, bytes.key, bytes.key_len, bytes.value,
                bytes.value_len, NULL, s);
    if (code)
        free(s);
    mm2_bytes_fini(&bytes);
    return code;
}

/* False: some are on their way, see group.c; or a refusal has not been answered
 * for yet. */
static bool
may_send(struct sync_queue *q)
{
    if (q->inflight > 0)
        return false;
    if (!q->refused)
        return true;
    if (clock_mono_ms() < q->retry_at_ms)
        return false;
    q->refused = false;
    q->sent = 0;
    return true;
}

void
emit_waiting_syncs(struct flow *f)
{
    struct sync_queue *q = &f->syncs;
    if (!may_send(q))
        return;
    while (q->sent < q->n) {
        const rd_kafka_resp_err_t code =
            send_sync(f, &q->v[q->first + q->sent]);
        if (code && code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            sync_refused(f, code);
        if (code)
            return;
        q->sent++;
        q->inflight++;
    }
}

bool
emit_syncs_stall(struct flow *f)
{
    struct sync_queue *q = &f->syncs;
    /* While they are refused, those on their way wait as well. */
    const size_t waiting =
        atomic_load(&q->refusals.said) ? q->n : q->n - q->sent;
    if (waiting <= SYNCS_WAITING_MAX)
        return false;
    if (!q->stall_said)
        log_warn("%s: %zu offset syncs wait for topic %s: nothing is copied "
                 "until they are written",
                 f->conf->name, q->n, f->syncs_topic);
    q->stall_said = true;
    return true;
}

/* ---- heartbeats -------------------------------------------------------- */

static void
beat(struct flow *f, rd_kafka_t *rk, const char *source, const char *target)
{
    /* The codec only reads. */
    const struct mm2_heartbeat h = {.source = (char *)(uintptr_t)source,
                                    .target = (char *)(uintptr_t)target,
                                    .timestamp_ms = clock_wall_ms()};
    struct mm2_bytes bytes;
    if (mm2_heartbeat_encode(&h, &bytes) != 0)
        return; /* an alias of 32 KiB */
    /* Not taken: the next one will do. */
    (void)emit_note(f, rk, NOTE_HEARTBEAT, "heartbeats", 0, bytes.key,
                    bytes.key_len, bytes.value, bytes.value_len);
    mm2_bytes_fini(&bytes);
}

void
emit_heartbeats(struct flow *f)
{
    if (f->beats >= BEATS_MAX)
        return;
    const char *source = f->conf->source->name;
    const char *target = f->conf->target->name;
    if (f->conf->heartbeats_enabled)
        beat(f, f->producer, source, target);
    if (f->beat_back)
        beat(f, f->back, target, source);
}

/* ---- positions --------------------------------------------------------- */

static void
forget_saved(struct flow *f)
{
    struct topic *t, *next;
    pthread_mutex_lock(&f->lock);
    HASH_ITER(hh, f->topics, t, next)
    for (int32_t i = 0; i < t->n_parts; i++)
        t->parts[i]->saved = -1;
    pthread_mutex_unlock(&f->lock);
    f->position_refused = false;
}

void
emit_flush_begin(struct flow *f)
{
    struct topic *t, *next;
    if (f->position_refused)
        forget_saved(f);
    HASH_ITER(hh, f->topics, t, next)
    {
        for (int32_t i = 0; i < t->n_parts; i++) {
            struct part *p = t->parts[i];
            struct sync_point last;
            const bool mine = unit_is_mine(p->unit);
            /* Where there are transactions, they write the positions. */
            p->to_save = mine && !txn_wanted(f) ? p->acked : -1;
            p->to_save_last = p->last;
            if (mine && f->conf->syncs_enabled &&
                sync_trailing(&p->sync, &last))
                emit_sync(f, p, last);
        }
    }
    emit_waiting_syncs(f);
    f->flushing = true;
    f->flush_barrier = f->syncs.queued;
}

void
emit_last_header(rd_kafka_headers_t *headers, struct last_record last)
{
    if (last.offset < 0 || last.timestamp <= 0)
        return;
    char *text = last_record_text(last);
    (void)rd_kafka_header_add(headers, LAST_HEADER, -1, text, -1);
    free(text);
}

static rd_kafka_resp_err_t
save(struct flow *f, struct part *p)
{
    char *key, *value;
    if (position_key(f->conf->source->name, p->topic->name, p->partition,
                     &key) != 0 ||
        position_value(p->to_save, &value) != 0)
        abort(); /* out of memory */
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    emit_last_header(headers, p->to_save_last);
    const rd_kafka_resp_err_t code =
        note(f, unit_producer(p->unit), NOTE_POSITION, f->positions_topic,
             p->unit->id, key, strlen(key), value, strlen(value), headers);
    if (code)
        rd_kafka_headers_destroy(headers);
    free(key);
    free(value);
    return code;
}

void
emit_no_position(struct part *p)
{
    char *key;
    if (txn_wanted(p->flow)) /* which writes the next one soon */
        return;
    if (position_key(p->flow->conf->source->name, p->topic->name, p->partition,
                     &key) != 0)
        abort(); /* out of memory */
    /* Not taken: the next position replaces it all the same. */
    (void)emit_note(p->flow, unit_producer(p->unit), NOTE_POSITION,
                    p->flow->positions_topic, p->unit->id, key, strlen(key),
                    NULL, 0);
    free(key);
}

void
emit_flush_step(struct flow *f)
{
    struct topic *t, *next;
    const int64_t now = clock_mono_ms();
    if (!f->flushing || f->syncs.queued - f->syncs.n < f->flush_barrier ||
        now < f->flush_retry_at_ms)
        return;
    HASH_ITER(hh, f->topics, t, next)
    {
        for (int32_t i = 0; i < t->n_parts; i++) {
            struct part *p = t->parts[i];
            /* A unit may have been lost since the flush began. */
            if (p->to_save < 0 || p->to_save == p->saved ||
                !unit_is_mine(p->unit))
                continue;
            const rd_kafka_resp_err_t code = save(f, p);
            if (code && code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                f->flush_retry_at_ms = now + NOTE_RETRY_MS;
            if (code)
                return; /* goes on at a later step */
            pthread_mutex_lock(&f->lock);
            p->saved = p->to_save;
            pthread_mutex_unlock(&f->lock);
        }
    }
    f->flushing = false;
    atomic_store(&f->positions_at_ms, clock_coarse_ms());
}
