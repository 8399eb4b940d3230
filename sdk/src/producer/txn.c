/*
 * See txn.h.  The application's thread talks to the transaction coordinator;
 * the worker only initialises handles, ahead of a move.
 *
 * Reports: librdkafka ends a transaction when every record has had its report
 * taken.  Where these come by callback, whoever commits or aborts makes them,
 * while a thread of the transactions' own waits for the cluster.
 *
 * A commit that the old cluster does not answer, while the route is elsewhere,
 * is given up after switch.flush.timeout.ms (at once when every broker is
 * gone): whether it stands is then not known.  The error says so.
 */
#include "sdk/src/producer/txn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/kafka/kconf.h"
#include "sdk/src/producer/producer_int.h"
#include "sdk/src/producer/txn_error.h"

#define TXN_TOPIC    "(transactions)" /* no topic can be called so */
#define FOR_EVER_MS  (INT64_MAX / 2)
#define MOVE_WAIT_MS 60000
#define SLICE_MS     1000 /* less, and librdkafka loses count of its steps */
#define WAIT_MS      20
#define DOWN_MS      200
#define BEHIND_MS    50

/* ---- inside the engine -------------------------------------------------- */

void
txn_init(struct producer *p)
{
    char id[512];
    size_t size = sizeof(id);
    p->txn.on = rd_kafka_conf_get(p->e.template, "transactional.id", id,
                                  &size) == RD_KAFKA_CONF_OK &&
                size > 1;
    p->txn.state = p->txn.on ? TXN_NONE : TXN_OFF;
}

bool
txn_takes_records(const struct producer *p)
{
    return p->txn.state == TXN_OFF || p->txn.state == TXN_OPEN;
}

rd_kafka_error_t *
txn_refusal(const struct producer *p)
{
    switch (p->txn.state) {
    case TXN_DOOMED:
        return txn_error_abort(p->txn.code, p->txn.why);
    case TXN_NONE:
    case TXN_READY:
    case TXN_ENDING:
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE,
                                  "records are taken between "
                                  "shunt_begin_transaction() and its end");
    case TXN_OFF:
    case TXN_OPEN:
        break;
    }
    return NULL;
}

/* gate shut. */
static void
doom(struct producer *p, rd_kafka_resp_err_t code, const char *why)
{
    p->txn.state = TXN_DOOMED;
    p->txn.code = code;
    (void)snprintf(p->txn.why, sizeof(p->txn.why), "%s", why);
    producer_log(p, LOG_WARNING, "the transaction has to be aborted: %s", why);
}

void
txn_lost(struct producer *p, const char *topic, rd_kafka_resp_err_t err)
{
    char why[256];
    if (p->txn.state != TXN_OPEN)
        return;
    (void)snprintf(why, sizeof(why), "a record of topic %s was given up: %s",
                   topic, rd_kafka_err2str(err));
    doom(p, err, why);
}

/* ---- the mover's -------------------------------------------------------- */

void
txn_plan(struct producer *p)
{
    const struct lane *first = NULL;
    if (p->txn.state == TXN_OFF)
        return;
    for (const struct lane *l = p->lanes; l; l = l->next)
        if (l->wanted && (!first || first->no_topic))
            first = l;
    for (struct lane *l = p->lanes; first && l; l = l->next) {
        if (l->wanted && strcmp(l->wanted->name, first->wanted->name) != 0 &&
            !l->complained && !l->no_topic)
            producer_log(p, LOG_WARNING,
                         "topic %s is routed to cluster %s: a transaction is "
                         "of one cluster, it goes to %s with the others",
                         l->topic, l->wanted->name, first->wanted->name);
        l->wanted = first->wanted;
        l->since = first->since;
        l->fence = first->fence;
    }
}

static bool
timed_out(const rd_kafka_error_t *error)
{
    return error && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

/* For who waits in shunt_init_transactions(). */
static void
note_trouble(struct producer *p, const rd_kafka_error_t *error)
{
    gate_shut(&p->gate);
    p->txn.trouble_code = rd_kafka_error_code(error);
    (void)snprintf(p->txn.trouble, sizeof(p->txn.trouble), "%s",
                   rd_kafka_error_string(error));
    gate_open(&p->gate);
    producer_wake(p);
}

int
txn_prepare(struct producer *p, struct gen *g, int timeout_ms, struct err *err)
{
    if (g->txn_ready)
        return 0;
    rd_kafka_error_t *error = rd_kafka_init_transactions(g->rk, timeout_ms);
    g->txn_ready = error == NULL;
    if (!error)
        return 0;
    note_trouble(p, error);
    const int rc = err_kafka(err, rd_kafka_error_code(error),
                             "cluster %s: transactions: %s", g->cluster,
                             rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return rc;
}

static const char *
target_of(const struct producer *p)
{
    for (const struct lane *l = p->lanes; l; l = l->next)
        if (l->wanted)
            return l->wanted->name;
    return "another";
}

bool
txn_move(struct producer *p, bool fence)
{
    char why[256];
    struct txn *t = &p->txn;
    bool may = true;
    gate_shut(&p->gate);
    t->wanted = t->state != TXN_OFF;
    if (t->state == TXN_OPEN) {
        (void)snprintf(why, sizeof(why),
                       "cluster %s was left for %s in the middle of it; abort "
                       "it, and the next one begins there",
                       t->gen->cluster, target_of(p));
        doom(p, RD_KAFKA_RESP_ERR__STATE, why);
        metrics_add(p->e.metrics, METRIC_TXNS_MOVED, 1);
    }
    if (t->state == TXN_DOOMED || t->state == TXN_ENDING)
        may = fence;
    if (may && fence && t->gen)
        atomic_store(&t->gen->spent, true);
    t->moving = may && t->state != TXN_OFF;
    gate_open(&p->gate);
    producer_tell(p, NULL);
    return may;
}

void
txn_moved(struct producer *p)
{
    gate_shut(&p->gate);
    p->txn.moving = false;
    p->txn.wanted = false;
    gate_open(&p->gate);
    producer_wake(p);
}

void
txn_drop_records(struct producer *p, const struct gen *g)
{
    if (!atomic_load(&g->spent))
        return;
    gate_shut(&p->gate);
    lanes_fail_all(p, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
    lanes_bury(p);
    gate_open(&p->gate);
}

/* ---- waiting ------------------------------------------------------------ */

static int64_t
end_of(int timeout_ms)
{
    return timeout_ms < 0 ? FOR_EVER_MS : clock_mono_ms() + timeout_ms;
}

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* False: the time is over. */
static bool
wait_some(struct producer *p, struct seen seen, int64_t end_ms)
{
    const int64_t now_ms = clock_mono_ms();
    if (now_ms >= end_ms || atomic_load(&p->stopping))
        return false;
    producer_wait(p, seen, least(end_ms, now_ms + WAIT_MS));
    return true;
}

static void
make_reports(struct producer *p)
{
    if (p->e.reports == REPORTS_CALLBACK)
        (void)producer_poll(p, 0);
}

static rd_kafka_error_t *
not_now(const char *what)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "%s: not in this state", what);
    return rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE, "%s", text);
}

static rd_kafka_error_t *
not_transactional(void)
{
    return rd_kafka_error_new(RD_KAFKA_RESP_ERR__NOT_CONFIGURED,
                              "transactional.id is not set");
}

/* ---- init and begin ----------------------------------------------------- */

static bool
add_lane(struct producer *p)
{
    gate_shut(&p->gate);
    if (!p->txn.lane) {
        p->txn.lane = lane_add(p, TXN_TOPIC);
        if (p->txn.lane)
            p->txn.lane->no_topic = true;
    }
    const bool there = p->txn.lane != NULL;
    gate_open(&p->gate);
    return there;
}

/* gate held. */
static bool
is_bound(const struct txn *t)
{
    return t->lane && t->lane->gen && !t->moving && !t->wanted &&
           !atomic_load(&t->lane->gen->spent);
}

/* True: there is nothing to wait for. */
static bool
try_init(struct producer *p, rd_kafka_error_t **error)
{
    struct txn *t = &p->txn;
    bool done = true;
    gate_shut(&p->gate);
    if (t->state != TXN_NONE)
        *error = t->state == TXN_READY ? NULL : not_now("init_transactions");
    else if (is_bound(t))
        t->state = TXN_READY;
    else
        done = false;
    gate_open(&p->gate);
    return done;
}

static rd_kafka_error_t *
init_late(struct producer *p)
{
    char text[512];
    gate_enter(&p->gate);
    const bool orphan = p->txn.lane->orphan;
    rd_kafka_resp_err_t code = p->txn.trouble_code;
    (void)snprintf(text, sizeof(text), "%s",
                   p->txn.trouble[0] ? p->txn.trouble
                   : orphan ? "no rule routes transactions: a rule of the "
                              "cluster code without a topic is needed"
                            : "there is no route yet, or its cluster does not "
                              "answer");
    gate_leave(&p->gate);
    return txn_error_retry(code ? code : RD_KAFKA_RESP_ERR__TIMED_OUT, text);
}

static rd_kafka_error_t *
start(struct producer *p)
{
    struct err err = {0};
    if (!p->txn.on)
        return not_transactional();
    if ((!p->txn.worker && worker_start(&p->txn.worker, &err) != 0) ||
        !add_lane(p))
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__FAIL, "out of memory");
    return NULL;
}

rd_kafka_error_t *
producer_txn_init(struct producer *p, int timeout_ms)
{
    const int64_t end_ms =
        end_of(timeout_ms < 0 ? MOVE_WAIT_MS * 2 : timeout_ms);
    rd_kafka_error_t *error = start(p);
    if (error)
        return error;
    produce_announce(p);
    for (;;) {
        const struct seen seen = producer_see(p);
        if (try_init(p, &error))
            return error;
        make_reports(p);
        if (!wait_some(p, seen, end_ms))
            return init_late(p);
    }
}

/* gate shut. */
static rd_kafka_error_t *
begin(struct producer *p)
{
    struct txn *t = &p->txn;
    struct gen *g = t->lane->gen;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(g->rk);
    if (error)
        return error;
    pthread_mutex_lock(&p->drain);
    g->users++;
    pthread_mutex_unlock(&p->drain);
    t->gen = g;
    t->state = TXN_OPEN;
    t->committing = false;
    return NULL;
}

/* True: there is nothing to wait for. */
static bool
try_begin(struct producer *p, rd_kafka_error_t **error)
{
    bool done = true;
    gate_shut(&p->gate);
    if (p->txn.state == TXN_OFF)
        *error = not_transactional();
    else if (p->txn.state != TXN_READY)
        *error = not_now("begin_transaction");
    else if (is_bound(&p->txn))
        *error = begin(p);
    else
        done = false;
    gate_open(&p->gate);
    return done;
}

rd_kafka_error_t *
producer_txn_begin(struct producer *p)
{
    const int64_t end_ms = end_of(MOVE_WAIT_MS);
    rd_kafka_error_t *error = NULL;
    for (;;) {
        const struct seen seen = producer_see(p);
        if (try_begin(p, &error))
            return error;
        make_reports(p);
        if (!wait_some(p, seen, end_ms))
            return txn_error_retry(RD_KAFKA_RESP_ERR__TIMED_OUT,
                                   "the move to the new cluster is not done "
                                   "yet");
    }
}

/* ---- of an open one ----------------------------------------------------- */

/* NULL: it is open. */
static rd_kafka_error_t *
expect_open(struct producer *p, const char *what)
{
    rd_kafka_error_t *error = NULL;
    gate_enter(&p->gate);
    if (p->txn.state == TXN_OFF)
        error = not_transactional();
    else if (p->txn.state == TXN_DOOMED)
        error = txn_refusal(p);
    else if (p->txn.state != TXN_OPEN)
        error = not_now(what);
    gate_leave(&p->gate);
    return error;
}

const char *
producer_txn_cluster(struct producer *p)
{
    gate_enter(&p->gate);
    const char *cluster = p->txn.gen ? p->txn.gen->cluster : NULL;
    gate_leave(&p->gate);
    return cluster;
}

rd_kafka_error_t *
producer_txn_doom(struct producer *p, const char *why)
{
    gate_shut(&p->gate);
    if (p->txn.state == TXN_OPEN)
        doom(p, RD_KAFKA_RESP_ERR__STATE, why);
    gate_open(&p->gate);
    return expect_open(p, "send_offsets_to_transaction");
}

/* The consumer follows in a while: a program that begins anew at once would do
 * nothing but abort until then. */
static void
wait_for_consumer(int timeout_ms)
{
    const long ms =
        timeout_ms >= 0 && timeout_ms < BEHIND_MS ? timeout_ms : BEHIND_MS;
    const struct timespec pause = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&pause, NULL); /* cut short: it is only slower */
}

rd_kafka_error_t *
producer_txn_send_offsets(struct producer *p, const char *cluster,
                          const rd_kafka_topic_partition_list_t *offsets,
                          const rd_kafka_consumer_group_metadata_t *metadata,
                          int timeout_ms)
{
    char why[256];
    rd_kafka_error_t *error = expect_open(p, "send_offsets_to_transaction");
    if (error)
        return error;
    /* Only the thread that ends it changes which one is open. */
    struct gen *g = p->txn.gen;
    if (cluster && strcmp(cluster, g->cluster) != 0) {
        (void)snprintf(why, sizeof(why),
                       "the offsets are of cluster %s, the transaction is on "
                       "%s: abort it, and go on where the consumer is then",
                       cluster, g->cluster);
        wait_for_consumer(timeout_ms);
        return producer_txn_doom(p, why);
    }
    error = rd_kafka_send_offsets_to_transaction(g->rk, offsets, metadata,
                                                 timeout_ms);
    rd_kafka_error_t *doomed = expect_open(p, "send_offsets_to_transaction");
    if (!doomed)
        return error;
    if (error)
        rd_kafka_error_destroy(error);
    return doomed;
}

/* ---- the end ------------------------------------------------------------ */

static void
let_go(struct producer *p, struct gen *g)
{
    pthread_mutex_lock(&p->drain);
    g->users--;
    pthread_mutex_unlock(&p->drain);
}

/* gate shut. */
static void
release(struct producer *p)
{
    struct txn *t = &p->txn;
    let_go(p, t->gen);
    t->gen = NULL;
    t->state = TXN_READY;
    t->committing = false;
    mover_post_look(p, 0);
}

/* The route is elsewhere, and the cluster that could answer does not. */
static bool
is_hopeless(struct producer *p, const struct gen *g, int64_t start_ms)
{
    const int64_t spent_ms = clock_mono_ms() - start_ms;
    gate_enter(&p->gate);
    const bool wanted = p->txn.wanted;
    gate_leave(&p->gate);
    return atomic_load(&g->spent) ||
           (wanted && (spent_ms >= p->e.flush_ms ||
                       (atomic_load(&g->all_down) && spent_ms >= DOWN_MS)));
}

/* ---- the coordinator's answer ------------------------------------------- */

static void
ask_free(struct txn_ask *a)
{
    if (!a)
        return;
    let_go(a->p, a->g);
    if (a->error)
        rd_kafka_error_destroy(a->error);
    free(a);
}

void
txn_stop(struct producer *p)
{
    worker_stop(p->txn.worker);
    p->txn.worker = NULL;
    ask_free(p->txn.ask);
    p->txn.ask = NULL;
}

/* The transactions' own thread: whoever asked makes reports meanwhile. */
static void
run_ask(void *arg)
{
    struct txn_ask *a = arg;
    int state = ASK_RUNS;
    rd_kafka_error_t *error = a->fn(a->g->rk, SLICE_MS);
    if (timed_out(error) && !atomic_load(&a->p->stopping) &&
        atomic_load(&a->state) == ASK_RUNS) {
        if (worker_post(a->p->txn.worker, 0, run_ask, a) == 0) {
            rd_kafka_error_destroy(error);
            return;
        }
    }
    a->error = error;
    if (atomic_compare_exchange_strong(&a->state, &state, ASK_DONE))
        producer_wake(a->p);
    else
        ask_free(a); /* nobody waits any more */
}

/* NULL: under way. */
static rd_kafka_error_t *
start_ask(struct producer *p, struct gen *g,
          rd_kafka_error_t *(*fn)(rd_kafka_t *rk, int timeout_ms))
{
    struct txn *t = &p->txn;
    if (t->ask)
        return t->ask->fn == fn
                   ? NULL
                   : rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE,
                                        "the transaction is being ended the "
                                        "other way: call that again");
    struct txn_ask *a = calloc(1, sizeof(*a));
    if (!a)
        return txn_error_retry(RD_KAFKA_RESP_ERR__FAIL, "out of memory");
    *a = (struct txn_ask){.p = p, .g = g, .fn = fn, .state = ASK_RUNS};
    pthread_mutex_lock(&p->drain);
    g->users++;
    pthread_mutex_unlock(&p->drain);
    if (worker_post(t->worker, 0, run_ask, a) == 0) {
        t->ask = a;
        return NULL;
    }
    ask_free(a);
    return txn_error_retry(RD_KAFKA_RESP_ERR__FAIL, "out of memory");
}

/* True: it has been answered, or nobody will. */
static bool
look_at_ask(struct producer *p, int64_t start_ms, rd_kafka_error_t **error,
            bool *given_up)
{
    struct txn *t = &p->txn;
    struct txn_ask *a = t->ask;
    int state = ASK_RUNS;
    if (atomic_load(&a->state) == ASK_DONE) {
        *error = a->error;
        a->error = NULL;
        ask_free(a);
        t->ask = NULL;
        return true;
    }
    if (!is_hopeless(p, a->g, start_ms) ||
        !atomic_compare_exchange_strong(&a->state, &state, ASK_LEFT))
        return false;
    *given_up = true;
    t->ask = NULL;
    return true;
}

/* Until the coordinator has answered; *given_up: it will not. */
static rd_kafka_error_t *
ask_until(struct producer *p, struct gen *g,
          rd_kafka_error_t *(*fn)(rd_kafka_t *rk, int timeout_ms),
          int64_t end_ms, bool *given_up)
{
    const int64_t start_ms = clock_mono_ms();
    rd_kafka_error_t *error = start_ask(p, g, fn);
    *given_up = false;
    while (!error) {
        const struct seen seen = producer_see(p);
        if (look_at_ask(p, start_ms, &error, given_up))
            break;
        make_reports(p);
        if (!wait_some(p, seen, end_ms))
            error = txn_error_retry(RD_KAFKA_RESP_ERR__TIMED_OUT,
                                    "the cluster has not answered yet");
    }
    return error;
}

/* Until every record of it has been delivered, as far as that is ours to see. */
static rd_kafka_error_t *
flush(struct producer *p, int64_t end_ms)
{
    for (;;) {
        const struct seen seen = producer_see(p);
        rd_kafka_error_t *error = expect_open(p, "commit_transaction");
        if (error)
            return error;
        make_reports(p);
        const bool waits = p->e.reports == REPORTS_CALLBACK
                               ? producer_outq_len(p) > 0
                               : atomic_load(&p->held) > 0;
        if (!waits)
            return NULL;
        producer_hurry(p);
        if (!wait_some(p, seen, end_ms))
            return txn_error_retry(RD_KAFKA_RESP_ERR__TIMED_OUT,
                                   "not every record is delivered yet");
    }
}

/* NULL: `ask` may be asked. */
static rd_kafka_error_t *
begin_commit(struct producer *p, int64_t end_ms)
{
    gate_enter(&p->gate);
    const bool resumed = p->txn.state == TXN_ENDING && p->txn.committing;
    gate_leave(&p->gate);
    rd_kafka_error_t *error = resumed ? NULL : flush(p, end_ms);
    if (error || resumed)
        return error;
    gate_shut(&p->gate);
    if (p->txn.state == TXN_OPEN) {
        p->txn.state = TXN_ENDING;
        p->txn.committing = true;
    } else {
        error = txn_refusal(p);
    }
    gate_open(&p->gate);
    return error;
}

static rd_kafka_error_t *
in_doubt(struct producer *p, const struct gen *g)
{
    char why[256];
    (void)snprintf(why, sizeof(why),
                   "cluster %s has not answered the commit and was left: "
                   "whether it stands there is not known. Abort; if it is done "
                   "again, its records may be there twice",
                   g->cluster);
    doom(p, RD_KAFKA_RESP_ERR__TIMED_OUT, why);
    return txn_refusal(p);
}

rd_kafka_error_t *
producer_txn_commit(struct producer *p, int timeout_ms)
{
    const int64_t end_ms = end_of(timeout_ms);
    bool given_up;
    rd_kafka_error_t *error = begin_commit(p, end_ms);
    if (error)
        return error;
    struct gen *g = p->txn.gen;
    error = ask_until(p, g, rd_kafka_commit_transaction, end_ms, &given_up);
    gate_shut(&p->gate);
    if (given_up) {
        atomic_store(&g->spent, true);
        error = in_doubt(p, g);
    } else if (!error) {
        release(p);
        metrics_add(p->e.metrics, METRIC_TXNS_COMMITTED, 1);
    } else if (!timed_out(error) && !rd_kafka_error_is_retriable(error)) {
        doom(p, rd_kafka_error_code(error), rd_kafka_error_string(error));
    }
    gate_open(&p->gate);
    return error;
}

/* NULL: `ask` may be asked. */
static rd_kafka_error_t *
begin_abort(struct producer *p)
{
    rd_kafka_error_t *error = NULL;
    gate_shut(&p->gate);
    if (p->txn.state == TXN_OFF) {
        error = not_transactional();
    } else if (!p->txn.gen) {
        error = not_now("abort_transaction");
    } else {
        p->txn.state = TXN_ENDING;
        lanes_fail_all(p, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
        lanes_bury(p);
    }
    gate_open(&p->gate);
    return error;
}

rd_kafka_error_t *
producer_txn_abort(struct producer *p, int timeout_ms)
{
    const int64_t end_ms = end_of(timeout_ms);
    bool given_up = false;
    rd_kafka_error_t *error = begin_abort(p);
    if (error)
        return error;
    struct gen *g = p->txn.gen;
    if (!atomic_load(&g->spent))
        error = ask_until(p, g, rd_kafka_abort_transaction, end_ms, &given_up);
    gate_shut(&p->gate);
    if (given_up) /* its coordinator will, after its timeout */
        atomic_store(&g->spent, true);
    if (timed_out(error)) {
        p->txn.committing = false; /* it is ENDING: to be called again */
    } else if (error) {
        doom(p, rd_kafka_error_code(error), rd_kafka_error_string(error));
    } else {
        release(p);
        metrics_add(p->e.metrics, METRIC_TXNS_ABORTED, 1);
    }
    gate_open(&p->gate);
    return error;
}
