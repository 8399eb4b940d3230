/*
 * The follower thread owns its librdkafka handle and `progress`; `status` is
 * what others see, behind `lock`.  The simple consumer is used, because it
 * needs no group and so no rights on one.
 *
 * A round: wait for a record, take what else is there, write it all with the
 * position behind it in one transaction; when much is there, much at once,
 * because what a transaction touches is written once.  When the write fails nothing has
 * moved: the same offset is asked for again.
 */
#include "offset-mapper/follow.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "common/mm2/codec.h"

#define CHUNK          1000   /* records that are taken at a time, */
#define BATCH_MAX      100000 /* ... and that one transaction keeps: when */
#define BATCH_MS       200    /* much is there, or this time has passed */
#define POLL_MS        100
#define ASK_TIMEOUT_MS 2000
#define RETRY_MIN_MS   100
#define RETRY_MAX_MS   2000

struct follower {
    const struct flow *flow;
    struct store *store;
    char *source; /* "topic@cluster": names the stored position */
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    pthread_t thread;
    atomic_bool stopping;
    struct store_progress progress;
    struct backoff backoff;
    int64_t at_end; /* log end, when this round came to it; or -1 */
    bool shaken;    /* a connection was lost since the topic was opened */
    pthread_mutex_t lock;
    struct follow_status status;
};

const struct flow *
follow_flow(const struct follower *f)
{
    return f->flow;
}

void
follow_status(struct follower *f, struct follow_status *out)
{
    (void)pthread_mutex_lock(&f->lock); /* cannot fail: never recursive */
    *out = f->status;
    (void)pthread_mutex_unlock(&f->lock);
}

/* `caught_up`: the end that the topic had at start is reached. */
static void
publish(struct follower *f, int64_t end, bool caught_up)
{
    (void)pthread_mutex_lock(&f->lock);
    f->status.progress = f->progress;
    if (end >= 0)
        f->status.end = end;
    if (f->status.end < f->progress.position)
        f->status.end = f->progress.position;
    f->status.ready = f->status.ready || caught_up;
    (void)pthread_mutex_unlock(&f->lock);
}

/* Says a trouble once, and its end. */
static void
trouble(struct follower *f, const char *text)
{
    (void)pthread_mutex_lock(&f->lock);
    const bool news = strcmp(f->status.error, text) != 0;
    (void)snprintf(f->status.error, sizeof(f->status.error), "%s", text);
    (void)pthread_mutex_unlock(&f->lock);
    if (!news)
        return;
    if (*text)
        log_warn("flow %s: %s", f->flow->name, text);
    else
        log_info("flow %s: reading %s on %s from %lld", f->flow->name,
                 f->flow->topic, f->flow->cluster->name,
                 (long long)f->progress.position);
}

static void
wait_a_little(struct follower *f)
{
    const int64_t until = clock_mono_ms() + backoff_next_ms(&f->backoff);
    while (!atomic_load(&f->stopping) && clock_mono_ms() < until)
        (void)rd_kafka_poll(f->rk, 20);
}

/* ---- records ---------------------------------------------------------- */

static void
skip_record(struct follower *f, const rd_kafka_message_t *m, const char *why)
{
    f->progress.undecodable++;
    log_warn("flow %s: %s offset %lld skipped: %s", f->flow->name,
             f->flow->topic, (long long)m->offset, why);
}

static void
tell_change(const struct follower *f, const struct mm2_offset_sync *s,
            enum runs_change change)
{
    if (change == RUNS_RESTART)
        log_warn("flow %s: %s [%d] was made anew on the target (sync %lld -> "
                 "%lld): its older syncs are dropped",
                 f->flow->name, s->topic, s->partition, (long long)s->upstream,
                 (long long)s->downstream);
    else if (change == RUNS_BACK)
        log_info("flow %s: %s [%d] is copied again from %lld on (to %lld)",
                 f->flow->name, s->topic, s->partition, (long long)s->upstream,
                 (long long)s->downstream);
}

static int
keep_record(struct follower *f, struct store_batch *batch,
            const rd_kafka_message_t *m, struct err *err)
{
    struct mm2_offset_sync s;
    struct err why = {0};
    int rc = mm2_offset_sync_decode(m->key, m->key_len, m->payload, m->len, &s,
                                    &why);
    if (rc) {
        skip_record(f, m, why.text);
        return 0;
    }
    const struct store_part part = {f->flow->name, s.topic, s.partition};
    rd_kafka_timestamp_type_t type;
    const int64_t time_ms = rd_kafka_message_timestamp(m, &type);
    enum runs_change change = RUNS_SAME;
    rc = store_batch_sync(batch, &part, s.upstream, s.downstream, time_ms,
                          &f->progress, &change, err);
    if (rc == 0)
        tell_change(f, &s, change);
    else if (rc == ERR_INVALID)
        skip_record(f, m, err ? err->text : "out of range");
    mm2_offset_sync_fini(&s);
    return rc == ERR_INVALID ? 0 : rc;
}

/* ---- the topic -------------------------------------------------------- */

static bool
missing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

static void
say_kafka(struct follower *f, rd_kafka_resp_err_t code, const char *what)
{
    char text[256];
    if (missing(code))
        (void)snprintf(text, sizeof(text),
                       "waiting for the topic %s on cluster %s", f->flow->topic,
                       f->flow->cluster->name);
    else
        (void)snprintf(text, sizeof(text), "cannot %s %s on cluster %s: %s",
                       what, f->flow->topic, f->flow->cluster->name,
                       rd_kafka_err2str(code));
    trouble(f, text);
}

/* Asked with rd_kafka_metadata(), which keeps its timeout;
 * rd_kafka_query_watermark_offsets() waits for as long as the broker is down. */
static rd_kafka_resp_err_t
ask_topic(struct follower *f)
{
    const rd_kafka_metadata_t *md;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(f->rk, 0, f->rkt, &md, ASK_TIMEOUT_MS);
    if (code)
        return code;
    rd_kafka_resp_err_t found = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (md->topic_cnt == 1 && md->topics[0].err)
        found = md->topics[0].err;
    else if (md->topic_cnt == 1 && md->topics[0].partition_cnt > 0)
        found = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_metadata_destroy(md);
    return found;
}

static bool
open_topic(struct follower *f)
{
    const int64_t at = f->progress.position;
    f->shaken = false;
    rd_kafka_resp_err_t code = ask_topic(f);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (rd_kafka_consume_start(f->rkt, 0,
                                   at ? at : RD_KAFKA_OFFSET_BEGINNING) == 0) {
            trouble(f, "");
            return true;
        }
        code = rd_kafka_last_error();
    }
    if (missing(code)) /* then there are no syncs that could be missed */
        publish(f, -1, true);
    say_kafka(f, code, "read");
    return false;
}

/* The position is outside the log: the topic was made anew (beyond its end),
 * or old records are gone (before its start). */
static void
begin_again(struct follower *f)
{
    log_warn("flow %s: %s has no offset %lld any more: reading it from its "
             "start",
             f->flow->name, f->flow->topic, (long long)f->progress.position);
    f->progress.position = 0;
    f->progress.resets++;
}

/* ---- rounds ----------------------------------------------------------- */

enum round { GO_ON, REOPEN };

static enum round
event(struct follower *f, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        f->at_end = m->offset;
        return GO_ON;
    }
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        begin_again(f);
    else
        say_kafka(f, m->err, "read");
    return REOPEN;
}

/* Takes the messages. What stands behind an event that ends the round will
 * come again. */
static int
keep_chunk_take(struct follower *f, struct store_batch *batch,
                rd_kafka_message_t **m, size_t n, enum round *round,
                struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0 && *round == GO_ON; i++) {
        if (m[i]->err) {
            *round = event(f, m[i]);
            continue;
        }
        rc = keep_record(f, batch, m[i], err);
        f->progress.position = m[i]->offset + 1;
        f->at_end = -1;
    }
    for (size_t i = 0; i < n; i++)
        rd_kafka_message_destroy(m[i]);
    return rc;
}

/* What else is there at once. */
static size_t
take_more(struct follower *f, rd_kafka_message_t **m, size_t taken,
          int64_t until_ms)
{
    if (taken >= BATCH_MAX || clock_mono_ms() >= until_ms)
        return 0;
    const ssize_t n = rd_kafka_consume_batch(f->rkt, 0, 0, m, CHUNK);
    return n > 0 ? (size_t)n : 0;
}

/* m[0], a record, and all that is there behind it: one transaction with the
 * position. Takes the messages. */
static int
keep_batch_take(struct follower *f, rd_kafka_message_t **m, enum round *round,
                struct err *err)
{
    struct store_batch *batch;
    int rc = store_batch_begin(f->store, &batch, err);
    if (rc) {
        rd_kafka_message_destroy(m[0]);
        return rc;
    }
    const int64_t until_ms = clock_mono_ms() + BATCH_MS;
    size_t taken = 0;
    for (size_t n = 1; n > 0;) {
        rc = keep_chunk_take(f, batch, m, n, round, err);
        taken += n;
        n = rc == 0 && *round == GO_ON ? take_more(f, m, taken, until_ms) : 0;
    }
    if (rc) {
        store_batch_abort(batch);
        return rc;
    }
    return store_batch_commit_take(batch, f->flow->name, f->source,
                                   &f->progress, err);
}

/* Waits a little for what comes next; *kept tells whether it was a record. */
static int
take_round(struct follower *f, rd_kafka_message_t **m, bool *kept,
           enum round *round, struct err *err)
{
    *kept = false;
    m[0] = rd_kafka_consume(f->rkt, 0, POLL_MS);
    if (!m[0])
        return 0;
    if (m[0]->err) {
        *round = event(f, m[0]);
        rd_kafka_message_destroy(m[0]);
        return 0;
    }
    *kept = true;
    return keep_batch_take(f, m, round, err);
}

static int64_t
seen_end(const struct follower *f)
{
    int64_t low, high;
    if (rd_kafka_get_watermark_offsets(f->rk, f->flow->topic, 0, &low, &high))
        return -1;
    return high;
}

static enum round
one_round(struct follower *f, rd_kafka_message_t **m)
{
    enum round round = GO_ON;
    bool kept;
    f->at_end = -1;
    const struct store_progress before = f->progress;
    struct err err = {0};
    const int rc = take_round(f, m, &kept, &round, &err);
    (void)rd_kafka_poll(f->rk, 0);
    if (rc) {
        f->progress = before;
        trouble(f, err.text);
        return REOPEN;
    }
    if (kept)
        backoff_reset(&f->backoff);
    if (kept || f->at_end >= 0)
        publish(f, f->at_end >= 0 ? f->at_end : seen_end(f), f->at_end >= 0);
    return f->shaken ? REOPEN : round;
}

static void
follow_topic(struct follower *f, rd_kafka_message_t **m)
{
    enum round round = GO_ON;
    while (!atomic_load(&f->stopping) && round == GO_ON)
        round = one_round(f, m);
    (void)rd_kafka_consume_stop(f->rkt, 0); /* only fails when not started */
}

static void *
run(void *arg)
{
    struct follower *f = arg;
    rd_kafka_message_t **m = xcalloc(CHUNK, sizeof(*m));
    while (!atomic_load(&f->stopping)) {
        if (open_topic(f))
            follow_topic(f, m);
        if (!atomic_load(&f->stopping))
            wait_a_little(f);
    }
    free(m);
    return NULL;
}

/* Called from rd_kafka_poll(), so on the follower's thread.  A lost connection
 * may be just that: opening the topic again shows what is the matter. */
static void
on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct follower *f = opaque;
    log_debug("flow %s: %s", f->flow->name, reason);
    f->shaken = code == RD_KAFKA_RESP_ERR__TRANSPORT ||
                code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || f->shaken;
}

/* ---- life ------------------------------------------------------------- */

static int
configure(struct follower *f, rd_kafka_conf_t *conf, int64_t fetch_wait_max_ms,
          struct err *err)
{
    char wait[24];
    (void)snprintf(wait, sizeof(wait), "%lld", (long long)fetch_wait_max_ms);
    const char *const own[][2] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"fetch.wait.max.ms", wait},
        {"fetch.error.backoff.ms", "100"},
        {"reconnect.backoff.max.ms", "2000"},
        {"topic.metadata.refresh.interval.ms", "10000"},
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && rc == 0; i++)
        rc = kconf_set(conf, own[i][0], own[i][1], err);
    rd_kafka_conf_set_opaque(conf, f);
    rd_kafka_conf_set_error_cb(conf, on_error);
    kconf_log_to_base(conf);
    return rc;
}

static int
open_handle(struct follower *f, int64_t fetch_wait_max_ms, struct err *err)
{
    const struct pt_cluster *c = f->flow->cluster;
    rd_kafka_conf_t *conf;
    int rc = kconf_new(c->bootstrap_servers, NULL, &conf, err);
    if (rc)
        return rc;
    rc = kconf_set_all_refs(conf, &c->properties, err);
    if (!rc)
        rc = configure(f, conf, fetch_wait_max_ms, err);
    if (rc) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    rc = kafka_new_take(RD_KAFKA_CONSUMER, conf, &f->rk, err);
    if (rc)
        return rc;
    f->rkt = rd_kafka_topic_new(f->rk, f->flow->topic, NULL);
    return f->rkt ? 0
                  : err_kafka(err, rd_kafka_last_error(), "cannot use %s",
                              f->flow->topic);
}

static void
follower_free(struct follower *f)
{
    if (f->rkt)
        rd_kafka_topic_destroy(f->rkt);
    if (f->rk)
        rd_kafka_destroy(f->rk);
    (void)pthread_mutex_destroy(&f->lock);
    free(f->source);
    free(f);
}

int
follow_start(const struct flow *flow, struct store *store,
             int64_t fetch_wait_max_ms, struct follower **out, struct err *err)
{
    *out = NULL;
    struct follower *f = xcalloc(1, sizeof(*f));
    f->flow = flow;
    f->store = store;
    f->source = xasprintf("%s@%s", flow->topic, flow->cluster->name);
    f->status.end = -1;
    backoff_init(&f->backoff, RETRY_MIN_MS, RETRY_MAX_MS,
                 (uint64_t)clock_mono_us());
    (void)pthread_mutex_init(&f->lock, NULL); /* cannot fail: defaults */
    int rc =
        store_progress_load(store, flow->name, f->source, &f->progress, err);
    f->status.progress = f->progress;
    if (rc == 0)
        rc = open_handle(f, fetch_wait_max_ms, err);
    if (rc == 0 && pthread_create(&f->thread, NULL, run, f) != 0)
        rc = err_set(err, ERR_NOMEM, "cannot start a thread");
    if (rc) {
        follower_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void
follow_stop(struct follower *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        atomic_store(&v[i]->stopping, true);
    for (size_t i = 0; i < n; i++) {
        (void)pthread_join(v[i]->thread, NULL); /* own thread, joined once */
        follower_free(v[i]);
    }
}
