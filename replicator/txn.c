/*
 * Owns the transactions of a flow that copies exactly once: of each unit the
 * records and, in the same transaction, the positions that they reach.  Runs on
 * the flow's thread; commits run on threads of their own (commit.c).
 *
 * Each unit's end by themselves, one after the other.  What is read while one
 * ends waits for the next one (group.c).
 *
 * Invariants: a record counts (acked, runs, syncs) once it is committed.  The
 * positions of a unit are read only behind rd_kafka_init_transactions() under
 * its transactional id, which fences whoever had the unit before and ends what
 * he left open.  Whatever goes wrong, the unit's producer is given up and the
 * unit taken anew, from what is committed: there is one way back only.
 *
 * Offset syncs follow a commit. So that a crash between the two loses none,
 * each position carries the runs of its transaction in a header, which whoever
 * takes the unit next tells again; a commit waits until the syncs of the one
 * before are written.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/commit.h"
#include "replicator/group.h"
#include "replicator/parts.h"

#define INIT_MS        20000 /* all producers of a taking */
#define INIT_SLICE_MS  100
#define IDLE_FACTOR    3 /* commits take one part of so many and one at most */
#define RECORDS_MAX    ((size_t)20000) /* of a unit's transaction, about */
#define RUNS_OF_TXN    ((size_t)1000)  /* of a part's */
#define FENCED_WAIT_MS 5000

bool
txn_wanted(const struct flow *f)
{
    return f->conf->target->exactly_once;
}

/* ---- producers ---------------------------------------------------------- */

/* MirrorMaker 2's own, so that it and we fence each other. */
static char *
transactional_id(const struct unit *u)
{
    const struct flow_settings *c = u->flow->conf;
    const char *group = c->target->group_id;
    return group ? xasprintf("%s-MirrorSourceConnector-%d", group, (int)u->id)
                 : xasprintf("%s-mm2-MirrorSourceConnector-%d", c->source->name,
                             (int)u->id);
}

static int
make_producer(const struct unit *u, struct committer **out, struct err *err)
{
    const struct flow *f = u->flow;
    struct props over = {0};
    char *txn_id = transactional_id(u);
    char *id = xasprintf("shunt-replicator-%s-%d", f->conf->name, (int)u->id);
    if (props_set(&over, "transactional.id", txn_id) != 0)
        abort(); /* out of memory */
    rd_kafka_t *rk = NULL;
    int rc = client_producer(&f->conf->clients[ROLE_TARGET_PRODUCER], &over, id,
                             &rk, err);
    if (rc == 0)
        rc = committer_new_take(rk, f->delivery_fd, out, err);
    props_fini(&over);
    free(txn_id);
    free(id);
    return rc;
}

/* One step; ERR_TIMEOUT: to be called again. */
static int
init_step(const struct unit *u, struct committer *c, int ms, struct err *err)
{
    rd_kafka_error_t *bad =
        rd_kafka_init_transactions(committer_producer(c), ms);
    if (!bad)
        return 0;
    const int code = rd_kafka_error_is_retriable(bad) ? ERR_TIMEOUT : ERR_KAFKA;
    const int rc =
        err_set(err, code, "transactional id of unit %d: %s (%s)", (int)u->id,
                rd_kafka_error_string(bad), rd_kafka_error_name(bad));
    rd_kafka_error_destroy(bad);
    return rc;
}

static int
init_wait(const struct unit *u, struct committer *c, int64_t until,
          struct err *err)
{
    int rc;
    while ((rc = init_step(u, c, INIT_SLICE_MS, err)) == ERR_TIMEOUT &&
           clock_mono_ms() < until)
        if (atomic_load(&u->flow->stop))
            return err_set(err, ERR_CLOSED, "stopped");
    return rc;
}

int
txn_begin_units(struct unit **units, struct committer **made, int32_t n,
                struct err *err)
{
    struct err later;
    const int64_t until = clock_mono_ms() + INIT_MS;
    int rc = 0;
    for (int32_t i = 0; i < n && rc == 0; i++) {
        rc = make_producer(units[i], &made[i], err);
        if (rc == 0) /* all at once; the answers are waited for below */
            (void)init_step(units[i], made[i], 0, &later);
    }
    for (int32_t i = 0; i < n && rc == 0; i++)
        rc = init_wait(units[i], made[i], until, err);
    return rc;
}

void
txn_enter_take(struct unit *u, struct committer *c)
{
    if (c && !u->parts) {
        txn_end_producer(u->flow, c);
    } else if (c) {
        u->committer = c;
        u->producer = committer_producer(c);
        u->positions_at =
            rd_kafka_topic_new(u->producer, u->flow->positions_topic, NULL);
        flow_ring(u->flow, u->producer);
    }
}

void
txn_warm(struct unit *u)
{
    if (u->committer)
        committer_warm(u->committer);
}

/* Whoever has ended is freed. */
static void
look_at_ending(struct flow *f, bool wait)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n_ending; i++)
        if (!committer_free(f->ending[i], wait))
            f->ending[n++] = f->ending[i];
    f->n_ending = n;
}

void
txn_end_producer(struct flow *f, struct committer *c)
{
    client_empty_producer(committer_producer(c));
    committer_end(c);
    look_at_ending(f, false);
    f->ending =
        xreallocarray(f->ending, f->n_ending + 1, sizeof(struct committer *));
    f->ending[f->n_ending++] = c;
}

void
txn_drop(struct unit *u)
{
    if (u->positions_at)
        rd_kafka_topic_destroy(u->positions_at);
    u->positions_at = NULL;
    u->failed = RD_KAFKA_RESP_ERR__PURGE_QUEUE; /* answers count no more */
    for (struct part *p = u->parts; p; p = p->next_of_unit) {
        part_close(p);
        runs_fini(&p->in_txn);
        p->in_txn_to = -1;
        p->in_txn_bytes = 0;
    }
    if (u->committer)
        txn_end_producer(u->flow, u->committer);
    u->committer = NULL;
    u->producer = NULL;
    u->txn = TXN_NONE;
    u->failed = 0;
    u->odd = false;
    u->in_txn = 0;
}

void
txn_end_all(struct flow *f)
{
    for (int32_t i = 0; i < f->n_units; i++)
        txn_drop(&f->units[i]);
    look_at_ending(f, true);
    free(f->ending);
    f->ending = NULL;
}

/* ---- records ------------------------------------------------------------ */

static rd_kafka_resp_err_t
code_take(rd_kafka_error_t *bad)
{
    if (!bad)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_resp_err_t code = rd_kafka_error_code(bad);
    rd_kafka_error_destroy(bad);
    return code;
}

void
txn_acked(struct part *p, struct sync_point at, size_t bytes, int64_t timestamp)
{
    runs_collect(&p->in_txn, at);
    p->in_txn_to = at.up;
    p->reset = -1;
    p->in_txn_bytes += bytes;
    p->in_txn_timestamp = timestamp;
}

void
txn_fail(struct unit *u, rd_kafka_resp_err_t code)
{
    if (u->producer && !u->failed)
        u->failed = code;
}

/* ---- positions ---------------------------------------------------------- */

struct position_flight {
    struct flight flight; /* first */
    struct unit *unit;
};

static void
on_position(struct flight *flight, const rd_kafka_message_t *m)
{
    struct unit *u = ((struct position_flight *)flight)->unit;
    u->notes--;
    if (m->err)
        txn_fail(u, m->err);
    free(flight);
}

static rd_kafka_headers_t *
runs_header(const struct runs *r)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    const size_t len = r->n * RUN_BYTES;
    char *bytes = xmalloc(len + 1);
    runs_encode(r, bytes);
    (void)rd_kafka_header_add(headers, RUNS_HEADER, -1, bytes, (ssize_t)len);
    free(bytes);
    return headers;
}

static rd_kafka_resp_err_t
write_position(struct part *p, int64_t offset, const struct runs *runs)
{
    struct unit *u = p->unit;
    char *key, *value;
    if (position_key(u->flow->conf->source->name, p->topic->name, p->partition,
                     &key) != 0 ||
        position_value(offset, &value) != 0)
        abort(); /* out of memory */
    const struct run *end = runs->n > 0 ? &runs->v[runs->n - 1] : NULL;
    struct last_record last = p->last;
    if (end)
        last = (struct last_record){.offset = end->up + end->length - 1,
                                    .timestamp = p->in_txn_timestamp};
    struct position_flight *flight = xcalloc(1, sizeof(*flight));
    flight->flight.done = on_position;
    flight->unit = u;
    rd_kafka_headers_t *headers = runs_header(runs);
    emit_last_header(headers, last);
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        u->producer, RD_KAFKA_V_TOPIC(u->flow->positions_topic),
        RD_KAFKA_V_PARTITION(u->id), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key, strlen(key)),
        RD_KAFKA_V_VALUE(value, value ? strlen(value) : 0),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(flight), RD_KAFKA_V_END);
    free(key);
    free(value);
    if (code) {
        rd_kafka_headers_destroy(headers);
        free(flight);
    } else {
        u->notes++;
    }
    return code;
}

static void
write_positions(struct unit *u)
{
    for (struct part *p = u->parts; p && !u->failed; p = p->next_of_unit) {
        const rd_kafka_resp_err_t code =
            p->in_txn_to >= 0 ? write_position(p, p->in_txn_to, &p->in_txn)
                              : RD_KAFKA_RESP_ERR_NO_ERROR;
        if (code)
            txn_fail(u, code);
    }
    u->txn = TXN_ENDING;
}

/* ---- opening ------------------------------------------------------------ */

/* The position that stands is written again, at once: librdkafka then asks for
 * the partitions of records and of positions together.  To ask once more, when
 * all is answered, takes the time of a request, and of a timer of 1 ms, for
 * which librdkafka 2.0.2 does not sleep. */
static rd_kafka_resp_err_t
begin(struct part *p)
{
    static const struct runs none;
    struct unit *u = p->unit;
    const rd_kafka_resp_err_t code =
        code_take(rd_kafka_begin_transaction(u->producer));
    if (code)
        return code;
    u->txn = TXN_OPEN;
    u->opened_at_ms = clock_mono_ms();
    return p->acked >= 0 ? write_position(p, p->acked, &none)
                         : RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool
txn_open(struct part *p)
{
    struct unit *u = p->unit;
    if (!txn_wanted(u->flow))
        return true;
    if (u->failed || !u->producer)
        return false;
    const rd_kafka_resp_err_t code =
        u->txn == TXN_NONE ? begin(p) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (code) {
        txn_fail(u, code);
        return false;
    }
    u->in_txn++;
    return true;
}

void
txn_passed(struct part *p, int64_t offset)
{
    if (p->unit->failed || !txn_open(p))
        return;
    p->in_txn_to = offset;
    p->reset = -1;
}

/* ---- commits ------------------------------------------------------------ */

/* What was committed counts. */
static void
account(struct part *p)
{
    struct runs *r = &p->in_txn;
    struct flow *f = p->flow;
    if (p->in_txn_to < 0)
        return;
    for (size_t i = 0; i < r->n; i++) {
        const int64_t at = p->in_txn_timestamp, n = r->v[i].length;
        part_copied(p, &(struct copied){.run = r->v[i],
                                        .age_ms = look_count_age(&f->latencies,
                                                                 at, f->wall_ms,
                                                                 (uint64_t)n),
                                        .timestamp = at,
                                        .last_timestamp = at});
    }
    pthread_mutex_lock(&f->lock);
    p->bytes += p->in_txn_bytes;
    p->acked = p->saved = p->in_txn_to;
    part_seen_acked(p, NULL);
    pthread_mutex_unlock(&f->lock);
    atomic_fetch_add(&f->refusals[NOTE_POSITION].written, 1);
    runs_clear(r);
    p->in_txn_to = -1;
    p->in_txn_bytes = 0;
}

static void
committed(struct unit *u)
{
    const int64_t now = clock_mono_ms();
    for (struct part *p = u->parts; p; p = p->next_of_unit)
        account(p);
    u->txn = TXN_NONE;
    u->in_txn = 0;
    u->rested_at_ms = now + (now - u->closing_at_ms) * IDLE_FACTOR;
    u->sync_barrier = u->flow->syncs.queued;
    for (struct part *p = u->parts; p; p = p->next_of_unit)
        group_go_on(p);
    atomic_store(&u->flow->positions_at_ms, clock_coarse_ms());
}

static bool
syncs_are_told(const struct unit *u)
{
    const struct sync_queue *q = &u->flow->syncs;
    return q->queued - q->n >= u->sync_barrier;
}

static void
look_at_commit(struct unit *u)
{
    rd_kafka_resp_err_t code;
    if (!committer_done(u->committer, &code))
        return;
    if (code)
        txn_fail(u, code);
    else
        committed(u);
}

/* As far as it goes without waiting. */
static void
close_step(struct unit *u)
{
    if (u->failed || u->txn < TXN_CLOSING)
        return;
    if (u->txn == TXN_CLOSING && unit_inflight(u) == 0)
        write_positions(u);
    if (u->txn == TXN_ENDING && !u->failed && u->notes == 0 &&
        syncs_are_told(u)) {
        u->txn = TXN_COMMITTING;
        committer_begin(u->committer);
    }
    if (u->txn == TXN_COMMITTING && !u->failed)
        look_at_commit(u);
}

static bool
is_full(const struct unit *u)
{
    if (u->in_txn >= RECORDS_MAX)
        return true;
    for (const struct part *p = u->parts; p; p = p->next_of_unit)
        if (p->in_txn.n >= RUNS_OF_TXN)
            return true;
    return false;
}

/* All that was read is answered. */
static bool
is_idle(const struct unit *u)
{
    for (const struct part *p = u->parts; p; p = p->next_of_unit)
        if (p->inflight > 0 || p->kept.n > 0)
            return false;
    return true;
}

/* Of an open one. */
static int64_t
closes_at(const struct unit *u)
{
    const int64_t latest = u->opened_at_ms + u->flow->conf->transaction_ms;
    return u->rested_at_ms < latest && is_idle(u) ? u->rested_at_ms : latest;
}

/* ---- failures ----------------------------------------------------------- */

static bool
is_fenced(rd_kafka_t *rk, rd_kafka_resp_err_t code)
{
    char why[256];
    const rd_kafka_resp_err_t fatal =
        rd_kafka_fatal_error(rk, why, sizeof(why));
    return fatal == RD_KAFKA_RESP_ERR__FENCED ||
           fatal == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           fatal == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR__FENCED;
}

static void
renew(struct unit *u)
{
    struct flow *f = u->flow;
    const bool fenced = is_fenced(u->producer, u->failed);
    if (fenced && !f->share.joined)
        u->given = false; /* only by our claim: the group will decide */
    if (fenced)
        log_warn("%s: unit %d was taken by another process, or its transaction "
                 "ran out of time: what was not committed is dropped%s",
                 f->conf->name, (int)u->id,
                 u->given ? "; we ask for it again, as the group gave it to us"
                          : "");
    else
        log_warn("%s: the transaction of unit %d failed: %s (%s); it goes "
                 "again from what is committed",
                 f->conf->name, (int)u->id, rd_kafka_err2str(u->failed),
                 rd_kafka_err2name(u->failed));
    unit_renew(u, fenced ? FENCED_WAIT_MS : 0);
}

static void
renew_failed(struct flow *f)
{
    char why[256];
    for (int32_t i = 0; i < f->n_units; i++) {
        struct unit *u = &f->units[i];
        if (u->producer && !u->failed)
            txn_fail(u, rd_kafka_fatal_error(u->producer, why, sizeof(why)));
        if (u->failed)
            renew(u);
    }
}

/* ---- turns -------------------------------------------------------------- */

static void
close_unit(struct unit *u, int64_t now)
{
    u->txn = TXN_CLOSING;
    u->closing_at_ms = now;
}

void
txn_turn(struct flow *f)
{
    const int64_t now = clock_mono_ms();
    renew_failed(f);
    for (int32_t i = 0; i < f->n_units; i++) {
        struct unit *u = &f->units[i];
        if (u->txn == TXN_OPEN && (now >= closes_at(u) || is_full(u)))
            close_unit(u, now);
        close_step(u);
    }
}

int64_t
txn_wait_ms(const struct flow *f, int64_t ms)
{
    const int64_t now = clock_mono_ms();
    for (int32_t i = 0; i < f->n_units; i++) {
        const struct unit *u = &f->units[i];
        const int64_t left = u->txn == TXN_OPEN ? closes_at(u) - now : ms;
        if (left < ms)
            ms = left > 0 ? left : 0;
    }
    return ms;
}

static bool
some_are_open(const struct flow *f)
{
    for (int32_t i = 0; i < f->n_units; i++)
        if (f->units[i].txn != TXN_NONE)
            return true;
    return false;
}

void
txn_finish(struct flow *f, int64_t ms)
{
    const int64_t until = clock_mono_ms() + ms;
    while (some_are_open(f) && clock_mono_ms() < until) {
        for (int32_t i = 0; i < f->n_units; i++) {
            struct unit *u = &f->units[i];
            if (u->txn == TXN_OPEN)
                close_unit(u, 0);
            close_step(u);
            if (u->failed)
                txn_drop(u);
        }
        (void)flow_serve(f, 5);
    }
}

/* ---- after a crash ------------------------------------------------------ */

void
txn_tell_again(struct part *p)
{
    size_t len;
    struct runs left = {0};
    const struct run *last = p->runs.n > 0 ? &p->runs.v[p->runs.n - 1] : NULL;
    const int64_t told = last ? last->up + last->length - 1 : -1;
    const void *bytes =
        positions_runs(&p->unit->positions, p->topic->name, p->partition, &len);
    runs_decode(&left, bytes, len, p->acked);
    for (size_t i = 0; i < left.n; i++) {
        struct run run = left.v[i];
        const int64_t known = told + 1 - run.up;
        if (known > 0)
            run = (struct run){run.up + known, run.down + known,
                               run.length - known};
        if (run.length > 0)
            part_tell(p, run);
    }
    runs_fini(&left);
}
