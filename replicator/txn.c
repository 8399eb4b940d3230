/*
 * Owns the transactions of a flow that copies exactly once: of each unit the
 * records and, in the same transaction, the positions that they reach.  Runs on
 * the flow's thread, which it stops for as long as commits take.
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
#include "replicator/group.h"
#include "replicator/parts.h"

#define INIT_MS        20000 /* all producers of a taking */
#define INIT_SLICE_MS  100
#define ANSWERS_MS     100 /* of a round of commits, which the flow waits for */
#define COMMIT_MS      1000
#define IDLE_FACTOR    3 /* a round may take one part of so many and one */
#define RECORDS_MAX    ((size_t)20000) /* of a unit's transaction, about */
#define RUNS_OF_TXN    ((size_t)1000)  /* of a part's */
#define WAIT_MIN_MS    2
#define WARM_MS        5000
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
make_producer(struct unit *u, struct err *err)
{
    struct flow *f = u->flow;
    struct props over = {0};
    char *txn_id = transactional_id(u);
    char *id = xasprintf("shunt-replicator-%s-%d", f->conf->name, (int)u->id);
    if (props_set(&over, "transactional.id", txn_id) != 0)
        abort(); /* out of memory */
    const int rc = client_producer(&f->conf->clients[ROLE_TARGET_PRODUCER],
                                   &over, id, &u->producer, err);
    if (rc == 0)
        flow_ring(f, u->producer);
    props_fini(&over);
    free(txn_id);
    free(id);
    return rc;
}

/* One step; ERR_TIMEOUT: to be called again. */
static int
init_step(struct unit *u, int ms, struct err *err)
{
    rd_kafka_error_t *bad = rd_kafka_init_transactions(u->producer, ms);
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
init_wait(struct unit *u, int64_t until, struct err *err)
{
    int rc;
    while ((rc = init_step(u, INIT_SLICE_MS, err)) == ERR_TIMEOUT &&
           clock_mono_ms() < until)
        if (atomic_load(&u->flow->stop))
            return err_set(err, ERR_CLOSED, "stopped");
    return rc;
}

int
txn_begin_units(struct unit **units, int32_t n, struct err *err)
{
    struct err later;
    const int64_t until = clock_mono_ms() + INIT_MS;
    int rc = 0;
    for (int32_t i = 0; i < n && rc == 0; i++) {
        rc = make_producer(units[i], err);
        if (rc == 0) /* all at once; the answers are waited for below */
            (void)init_step(units[i], 0, &later);
    }
    for (int32_t i = 0; i < n && rc == 0; i++)
        rc = init_wait(units[i], until, err);
    for (int32_t i = 0; i < n && rc == 0; i++)
        if (!units[i]->parts)
            txn_drop(units[i]);
    return rc;
}

void
txn_warm(struct unit *u)
{
    const struct rd_kafka_metadata *md;
    if (!u->producer)
        return;
    u->positions_at =
        rd_kafka_topic_new(u->producer, u->flow->positions_topic, NULL);
    if (rd_kafka_metadata(u->producer, 0, NULL, &md, WARM_MS) == 0)
        rd_kafka_metadata_destroy(md);
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
        part_release(p, HOLD_TXN);
    }
    flow_end_producer(u->producer);
    u->producer = NULL;
    u->txn = TXN_NONE;
    u->failed = 0;
    u->odd = false;
    u->in_txn = 0;
    u->late = false;
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

bool
txn_open(struct unit *u)
{
    if (!txn_wanted(u->flow))
        return true;
    if (u->failed || !u->producer)
        return false;
    if (u->txn == TXN_NONE) {
        const rd_kafka_resp_err_t code =
            code_take(rd_kafka_begin_transaction(u->producer));
        if (code) {
            txn_fail(u, code);
            return false;
        }
        u->txn = TXN_OPEN;
    }
    u->in_txn++;
    return true;
}

void
txn_passed(struct part *p, int64_t offset)
{
    if (p->unit->failed || !txn_open(p->unit))
        return;
    p->in_txn_to = offset;
    p->reset = -1;
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
write_position(struct part *p)
{
    struct unit *u = p->unit;
    char *key, *value;
    if (position_key(u->flow->conf->source->name, p->topic->name, p->partition,
                     &key) != 0 ||
        position_value(p->in_txn_to, &value) != 0)
        abort(); /* out of memory */
    const struct runs *r = &p->in_txn;
    struct last_record last = p->last;
    if (r->n > 0)
        last = (struct last_record){.offset = r->v[r->n - 1].up +
                                              r->v[r->n - 1].length - 1,
                                    .timestamp = p->in_txn_timestamp};
    struct position_flight *flight = xcalloc(1, sizeof(*flight));
    flight->flight.done = on_position;
    flight->unit = u;
    rd_kafka_headers_t *headers = runs_header(r);
    emit_last_header(headers, last);
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        u->producer, RD_KAFKA_V_TOPIC(u->flow->positions_topic),
        RD_KAFKA_V_PARTITION(u->id), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key, strlen(key)),
        RD_KAFKA_V_VALUE(value, strlen(value)), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(flight), RD_KAFKA_V_END);
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
            p->in_txn_to >= 0 ? write_position(p) : RD_KAFKA_RESP_ERR_NO_ERROR;
        if (code)
            txn_fail(u, code);
    }
    u->txn = TXN_ENDING;
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
    for (struct part *p = u->parts; p; p = p->next_of_unit) {
        account(p);
        part_release(p, HOLD_TXN);
    }
    u->txn = TXN_NONE;
    u->in_txn = 0;
    u->late = false;
    u->sync_barrier = u->flow->syncs.queued;
    for (struct part *p = u->parts; p; p = p->next_of_unit)
        group_go_on(p);
    atomic_store(&u->flow->positions_at_ms, clock_coarse_ms());
}

/* False: it takes longer, for all of them perhaps. */
static bool
commit(struct unit *u)
{
    rd_kafka_error_t *bad = rd_kafka_commit_transaction(u->producer, COMMIT_MS);
    if (!bad) {
        committed(u);
        return true;
    }
    const bool later = rd_kafka_error_is_retriable(bad);
    const rd_kafka_resp_err_t code = code_take(bad);
    if (!later)
        txn_fail(u, code);
    return !later;
}

static bool
syncs_are_told(const struct unit *u)
{
    const struct sync_queue *q = &u->flow->syncs;
    return q->queued - q->n >= u->sync_barrier;
}

/* As far as it goes without waiting; true: it may be committed. */
static bool
close_step(struct unit *u)
{
    if (u->failed || u->txn < TXN_CLOSING || unit_inflight(u) > 0)
        return false;
    if (u->txn == TXN_CLOSING)
        write_positions(u);
    return !u->failed && u->notes == 0 && syncs_are_told(u);
}

/* Has another one to be waited for? */
static bool
closing_is_under_way(struct flow *f)
{
    bool wait = false;
    for (int32_t i = 0; i < f->n_units; i++) {
        struct unit *u = &f->units[i];
        if (u->txn >= TXN_CLOSING && !u->failed && !close_step(u))
            wait = wait || (!u->failed && !u->late);
    }
    return wait;
}

/* Those that take longer are read no more until they are there; the others
 * need not wait for them. */
static void
hold_late(struct unit *u)
{
    u->late = true;
    for (struct part *p = u->parts; p; p = p->next_of_unit)
        part_hold(p, HOLD_TXN);
}

static void
close_all(struct flow *f, int64_t ms)
{
    const int64_t until = clock_mono_ms() + ms;
    for (int32_t i = 0; i < f->n_units; i++)
        if (f->units[i].txn == TXN_OPEN)
            f->units[i].txn = TXN_CLOSING;
    while (closing_is_under_way(f) && clock_mono_ms() < until)
        (void)flow_serve(f, 5);
    bool go_on = true;
    for (int32_t i = 0; i < f->n_units; i++) {
        struct unit *u = &f->units[i];
        if (u->txn < TXN_CLOSING || u->failed)
            continue;
        if (close_step(u) && go_on)
            go_on = commit(u);
        if (u->txn >= TXN_CLOSING)
            hold_late(u);
    }
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

static bool
some_are_open(const struct flow *f, bool full)
{
    for (int32_t i = 0; i < f->n_units; i++)
        if (f->units[i].txn != TXN_NONE && (!full || is_full(&f->units[i])))
            return true;
    return false;
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

void
txn_turn(struct flow *f)
{
    const int64_t now = clock_mono_ms();
    renew_failed(f);
    if (!some_are_open(f, now < f->next_commit_ms))
        return;
    close_all(f, ANSWERS_MS);
    const int64_t took = clock_mono_ms() - now;
    const int64_t rest = took * IDLE_FACTOR;
    f->next_commit_ms =
        clock_mono_ms() +
        (rest > f->conf->transaction_ms ? rest : f->conf->transaction_ms);
}

int64_t
txn_wait_ms(const struct flow *f, int64_t ms)
{
    if (!some_are_open(f, false))
        return ms;
    const int64_t left = f->next_commit_ms - clock_mono_ms();
    return left < WAIT_MIN_MS ? WAIT_MIN_MS : left < ms ? left : ms;
}

void
txn_finish(struct flow *f, int64_t ms)
{
    const int64_t until = clock_mono_ms() + ms;
    while (some_are_open(f, false) && clock_mono_ms() < until) {
        (void)flow_serve(f, 5);
        close_all(f, ANSWERS_MS);
        for (int32_t i = 0; i < f->n_units; i++)
            if (f->units[i].failed)
                txn_drop(&f->units[i]);
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
