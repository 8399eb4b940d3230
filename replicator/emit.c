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
#include "replicator/parts.h"

struct note_flight {
    struct flight flight; /* first */
    struct flow *flow;    /* NULL: not counted */
};

static void
on_note(struct flight *flight, const rd_kafka_message_t *m)
{
    struct note_flight *n = (struct note_flight *)flight;
    if (m->err && m->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
        m->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        log_error("a record of ours was refused by topic %s: %s (%s)",
                  rd_kafka_topic_name(m->rkt), rd_kafka_err2str(m->err),
                  rd_kafka_err2name(m->err));
    if (n->flow)
        n->flow->notes--;
    free(n);
}

static bool
produce(rd_kafka_t *rk, const char *topic, int32_t p, const void *key,
        size_t key_len, const void *value, size_t value_len, void *opaque)
{
    return !rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(p),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value_len),
        RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}

bool
emit_note(rd_kafka_t *rk, const char *topic, int32_t p, const void *key,
          size_t key_len, const void *value, size_t value_len,
          struct flow *flow)
{
    struct note_flight *n = xcalloc(1, sizeof(*n));
    n->flight.done = on_note;
    n->flow = flow;
    if (!produce(rk, topic, p, key, key_len, value, value_len, n)) {
        free(n);
        return false;
    }
    if (flow)
        flow->notes++;
    return true;
}

struct sync_flight {
    struct flight flight; /* first */
    struct flow *flow;
};

static void
on_sync(struct flight *flight, const rd_kafka_message_t *m)
{
    struct sync_flight *s = (struct sync_flight *)flight;
    s->flow->syncs.answered++;
    if (m->err)
        log_error("%s: an offset sync was refused by %s: %s (%s)",
                  s->flow->conf->name, s->flow->syncs_topic,
                  rd_kafka_err2str(m->err), rd_kafka_err2name(m->err));
    else
        atomic_fetch_add(&s->flow->syncs.written, 1);
    free(s);
}

void
emit_sync(struct flow *f, const struct part *p, struct sync_point at)
{
    struct sync_queue *q = &f->syncs;
    if (q->first + q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 64;
        q->v = xreallocarray(q->v, q->cap, sizeof(*q->v));
    }
    q->v[q->first + q->n++] = (struct waiting_sync){.part = p, .at = at};
    q->queued++;
}

static bool
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
    const bool sent = produce(rk, f->syncs_topic, 0, bytes.key, bytes.key_len,
                              bytes.value, bytes.value_len, s);
    if (!sent)
        free(s);
    mm2_bytes_fini(&bytes);
    return sent;
}

void
emit_waiting_syncs(struct flow *f)
{
    struct sync_queue *q = &f->syncs;
    while (q->n > 0 && send_sync(f, &q->v[q->first])) {
        q->first++;
        q->n--;
    }
    if (q->n > 0 && q->first > 0)
        memmove(q->v, q->v + q->first, q->n * sizeof(*q->v));
    q->first = 0;
}

static void
beat(rd_kafka_t *rk, const char *source, const char *target)
{
    /* The codec only reads. */
    const struct mm2_heartbeat h = {.source = (char *)(uintptr_t)source,
                                    .target = (char *)(uintptr_t)target,
                                    .timestamp_ms = clock_wall_ms()};
    struct mm2_bytes bytes;
    if (mm2_heartbeat_encode(&h, &bytes) != 0)
        return; /* an alias of 32 KiB */
    (void)emit_note(rk, "heartbeats", 0, bytes.key, bytes.key_len, bytes.value,
                    bytes.value_len, NULL); /* no room: the next one will do */
    mm2_bytes_fini(&bytes);
}

void
emit_heartbeats(struct flow *f)
{
    const char *source = f->conf->source->name;
    const char *target = f->conf->target->name;
    if (f->conf->heartbeats_enabled)
        beat(f->producer, source, target);
    if (f->beat_back)
        beat(f->back, target, source);
}

void
emit_flush_begin(struct flow *f)
{
    struct topic *t, *next;
    HASH_ITER(hh, f->topics, t, next)
    {
        for (int32_t i = 0; i < t->n_parts; i++) {
            struct part *p = t->parts[i];
            struct sync_point last;
            p->to_save = p->acked;
            if (f->conf->syncs_enabled && sync_trailing(&p->sync, &last))
                emit_sync(f, p, last);
        }
    }
    emit_waiting_syncs(f);
    f->flushing = true;
    f->flush_barrier = f->syncs.queued;
}

static bool
save(struct flow *f, struct part *p)
{
    char *key, *value;
    if (position_key(f->conf->source->name, p->topic->name, p->partition,
                     &key) != 0 ||
        position_value(p->to_save, &value) != 0)
        abort(); /* out of memory */
    const bool sent =
        emit_note(f->producer, f->positions_topic, RD_KAFKA_PARTITION_UA, key,
                  strlen(key), value, strlen(value), f);
    free(key);
    free(value);
    return sent;
}

void
emit_flush_step(struct flow *f)
{
    struct topic *t, *next;
    if (!f->flushing || f->syncs.answered < f->flush_barrier)
        return;
    HASH_ITER(hh, f->topics, t, next)
    {
        for (int32_t i = 0; i < t->n_parts; i++) {
            struct part *p = t->parts[i];
            if (p->to_save < 0 || p->to_save == p->saved)
                continue;
            if (!save(f, p))
                return; /* no room: goes on at the next step */
            pthread_mutex_lock(&f->lock);
            p->saved = p->to_save;
            pthread_mutex_unlock(&f->lock);
        }
    }
    f->flushing = false;
}
