/*
 * The thread owns the handle and the topics.  The simple consumer is used,
 * because it needs no group and so no rights on one; all topics share a queue.
 *
 * A round: open what is closed and due, wait for a record, take what else is
 * there, in chunks that stay in the cache, hand each topic its part, and have it
 * kept.  A lost connection may be just that: a look
 * at the metadata shows what is the matter.
 */
#include "offset-mapper/feed.h"

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
#include "offset-mapper/handle.h"

#define CHUNK          1000
#define BATCH_MAX      500000 /* what a transaction touches is written once */
#define ROUND_MS       500
#define POLL_MS        100
#define ASK_TIMEOUT_MS 2000
#define RETRY_MIN_MS   100
#define RETRY_MAX_MS   2000

/* Closed until `retry_ms`; open until an event or a failed take() closes it. */
enum state { CLOSED, OPEN };

struct topic {
    const char *name;
    const struct feed_calls *calls;
    void *arg;
    rd_kafka_topic_t *rkt;
    enum state state;
    int64_t retry_ms;
    struct backoff backoff;
    char said[256]; /* the last news' text */
    enum feed_news news;
    bool any_news;
    bool taken; /* something that is not kept yet */
    size_t n;   /* of `m` */
    rd_kafka_message_t *m[CHUNK];
};

struct feed {
    const struct pt_cluster *cluster;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct topic **topics;
    size_t n_topics;
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    bool shaken; /* a connection was lost since the last look */
    int64_t look_ms;
    rd_kafka_message_t *chunk[CHUNK];
};

/* ---- news ------------------------------------------------------------- */

static void
tell(struct topic *t, enum feed_news what, const char *text)
{
    if (t->any_news && t->news == what && strcmp(t->said, text) == 0)
        return;
    t->any_news = true;
    t->news = what;
    (void)snprintf(t->said, sizeof(t->said), "%s", text);
    t->calls->news(t->arg, what, t->said);
}

static bool
missing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

static void
tell_code(const struct feed *f, struct topic *t, rd_kafka_resp_err_t code)
{
    char text[256];
    const char *on = f->cluster->name;
    if (missing(code))
        (void)snprintf(text, sizeof(text),
                       "waiting for the topic %s on cluster %s", t->name, on);
    else if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        (void)snprintf(text, sizeof(text),
                       "cluster %s does not let this mapper read %s: grant it "
                       "READ and DESCRIBE",
                       on, t->name);
    else
        (void)snprintf(text, sizeof(text), "cannot read %s on cluster %s: %s",
                       t->name, on, rd_kafka_err2str(code));
    tell(t, missing(code) ? FEED_MISSING : FEED_TROUBLE, text);
}

/* ---- opening ---------------------------------------------------------- */

/* Asked with rd_kafka_metadata(), which keeps its timeout;
 * rd_kafka_query_watermark_offsets() waits for as long as the broker is down. */
static rd_kafka_resp_err_t
ask_topic(struct feed *f, struct topic *t)
{
    const rd_kafka_metadata_t *md;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(f->rk, 0, t->rkt, &md, ASK_TIMEOUT_MS);
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

/* Reading restarts after a while. */
static void
shut(struct topic *t)
{
    if (t->state == OPEN)
        (void)rd_kafka_consume_stop(t->rkt, 0); /* fails when not started */
    t->state = CLOSED;
    t->retry_ms = clock_mono_ms() + backoff_next_ms(&t->backoff);
}

/* False: the cluster does not answer, so that others need not be tried. */
static bool
open_topic(struct feed *f, struct topic *t)
{
    rd_kafka_resp_err_t code = ask_topic(f, t);
    const bool answered = code != RD_KAFKA_RESP_ERR__TIMED_OUT &&
                          code != RD_KAFKA_RESP_ERR__TRANSPORT;
    if (!code && rd_kafka_consume_start_queue(t->rkt, 0, t->calls->from(t->arg),
                                              f->queue) != 0)
        code = rd_kafka_last_error();
    if (code) {
        tell_code(f, t, code);
        shut(t);
        return answered;
    }
    t->state = OPEN;
    tell(t, FEED_READING, "");
    return true;
}

static void
open_due(struct feed *f)
{
    bool answers = true;
    for (size_t i = 0; i < f->n_topics && !atomic_load(&f->stopping); i++) {
        struct topic *t = f->topics[i];
        if (t->state == OPEN || clock_mono_ms() < t->retry_ms)
            continue;
        if (answers) {
            answers = open_topic(f, t);
        } else {
            tell_code(f, t, RD_KAFKA_RESP_ERR__TRANSPORT);
            shut(t);
        }
    }
}

/* Topics that are open go on by themselves when the cluster is back. */
static void
look(struct feed *f)
{
    if (!f->shaken || clock_mono_ms() < f->look_ms)
        return;
    bool answers = true;
    for (size_t i = 0; i < f->n_topics && !atomic_load(&f->stopping); i++) {
        struct topic *t = f->topics[i];
        if (t->state != OPEN)
            continue;
        const rd_kafka_resp_err_t code =
            answers ? ask_topic(f, t) : RD_KAFKA_RESP_ERR__TRANSPORT;
        answers = answers && code != RD_KAFKA_RESP_ERR__TIMED_OUT &&
                  code != RD_KAFKA_RESP_ERR__TRANSPORT;
        if (code)
            tell_code(f, t, code);
        else
            tell(t, FEED_READING, "");
    }
    f->shaken = !answers;
    f->look_ms = clock_mono_ms() + RETRY_MIN_MS;
}

/* ---- rounds ----------------------------------------------------------- */

static void
event(struct feed *f, struct topic *t, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        t->calls->at_end(t->arg, m->offset);
        return;
    }
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        t->calls->out_of_log(t->arg);
    else
        tell_code(f, t, m->err);
    shut(t);
}

static int64_t
seen_end(const struct feed *f, const struct topic *t)
{
    int64_t low, high;
    if (rd_kafka_get_watermark_offsets(f->rk, t->name, 0, &low, &high))
        return -1;
    return high;
}

static void
went(struct topic *t, int rc, const struct err *err)
{
    if (rc) {
        tell(t, FEED_TROUBLE, err->text);
        shut(t);
        return;
    }
    backoff_reset(&t->backoff);
    tell(t, FEED_READING, "");
}

static void
keep(struct feed *f, struct topic *t)
{
    if (!t->taken)
        return;
    t->taken = false;
    struct err err = {0};
    went(t, t->calls->keep(t->arg, seen_end(f, t), &err), &err);
}

static void
keep_all(struct feed *f)
{
    for (size_t i = 0; i < f->n_topics; i++)
        keep(f, f->topics[i]);
}

/* Hands over what was put aside for the topic. */
static void
hand_over(struct feed *f, struct topic *t)
{
    if (t->n == 0)
        return;
    if (!t->taken)
        keep_all(f);
    struct err err = {0};
    const int rc = t->calls->take(t->arg, t->m, t->n, seen_end(f, t), &err);
    t->n = 0;
    t->taken = rc == 0 && t->calls->keep;
    if (!t->taken)
        went(t, rc, &err);
}

/* What came of a topic since it was shut in this round would leave a hole. */
static void
sort_out(struct feed *f, rd_kafka_message_t *m)
{
    struct topic *t = m->rkt ? rd_kafka_topic_opaque(m->rkt) : NULL;
    if (!t || t->state != OPEN)
        return;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        t->m[t->n++] = m;
        return;
    }
    hand_over(f, t);
    keep_all(f); /* at_end() may write, too, and there is one writer */
    if (t->state == OPEN)
        event(f, t, m);
}

static size_t
receive(struct feed *f, int wait_ms)
{
    /* With a timeout it would wait for a full chunk. */
    const ssize_t first =
        rd_kafka_consume_batch_queue(f->queue, wait_ms, f->chunk, 1);
    if (first <= 0)
        return 0;
    const ssize_t more =
        rd_kafka_consume_batch_queue(f->queue, 0, f->chunk + 1, CHUNK - 1);
    return more > 0 ? 1 + (size_t)more : 1;
}

/* How many there were. */
static size_t
one_chunk(struct feed *f, int wait_ms)
{
    const size_t n = receive(f, wait_ms);
    for (size_t i = 0; i < n; i++)
        sort_out(f, f->chunk[i]);
    for (size_t i = 0; i < f->n_topics; i++)
        hand_over(f, f->topics[i]);
    for (size_t i = 0; i < n; i++)
        rd_kafka_message_destroy(f->chunk[i]);
    return n;
}

static void
one_round(struct feed *f)
{
    size_t n = one_chunk(f, POLL_MS), all = n;
    const int64_t until_ms = clock_mono_ms() + ROUND_MS;
    while (n > 0 && all < BATCH_MAX && clock_mono_ms() < until_ms) {
        n = one_chunk(f, 0);
        all += n;
    }
    keep_all(f);
    for (size_t i = 0; i < f->n_topics; i++)
        if (f->topics[i]->calls->turn)
            f->topics[i]->calls->turn(f->topics[i]->arg);
    (void)rd_kafka_poll(f->rk, 0);
}

static void *
run(void *arg)
{
    struct feed *f = arg;
    while (!atomic_load(&f->stopping)) {
        open_due(f);
        look(f);
        one_round(f);
    }
    for (size_t i = 0; i < f->n_topics; i++)
        if (f->topics[i]->state == OPEN)
            shut(f->topics[i]);
    return NULL;
}

/* From rd_kafka_poll(), so on the feed's thread. */
static void
on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct feed *f = opaque;
    log_debug("cluster %s: %s", f->cluster->name, reason);
    f->shaken = code == RD_KAFKA_RESP_ERR__TRANSPORT ||
                code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || f->shaken;
}

/* ---- life ------------------------------------------------------------- */

int
feed_new(const struct pt_cluster *cluster, int64_t fetch_wait_max_ms,
         struct feed **out, struct err *err)
{
    char wait[24];
    (void)snprintf(wait, sizeof(wait), "%lld", (long long)fetch_wait_max_ms);
    const char *const own[][2] = {
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"fetch.wait.max.ms", wait},
        {"fetch.error.backoff.ms", "100"},
        /* librdkafka 2.0 stops fetching for a second when its queue is longer
         * than this: a second's worth of syncs must fit in. */
        {"queued.min.messages", "1000000"},
        {"queued.max.messages.kbytes", "65536"},
        {"fetch.message.max.bytes", "4194304"},
    };
    *out = NULL;
    struct feed *f = xcalloc(1, sizeof(*f));
    f->cluster = cluster;
    const int rc = handle_open(cluster, own, sizeof(own) / sizeof(own[0]),
                               on_error, f, &f->rk, err);
    if (rc) {
        feed_free(f);
        return rc;
    }
    f->queue = rd_kafka_queue_new(f->rk);
    *out = f;
    return 0;
}

int
feed_add(struct feed *f, const char *name, const struct feed_calls *calls,
         void *arg, struct err *err)
{
    struct topic *t = xcalloc(1, sizeof(*t));
    t->name = name;
    t->calls = calls;
    t->arg = arg;
    backoff_init(&t->backoff, RETRY_MIN_MS, RETRY_MAX_MS,
                 (uint64_t)clock_mono_us());
    f->topics =
        xreallocarray(f->topics, f->n_topics + 1, sizeof(struct topic *));
    f->topics[f->n_topics++] = t;
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(f->rk);
    rd_kafka_topic_conf_set_opaque(conf, t);
    t->rkt = rd_kafka_topic_new(f->rk, name, conf);
    return t->rkt
               ? 0
               : err_kafka(err, rd_kafka_last_error(), "cannot use %s", name);
}

int
feed_start(struct feed *f, struct err *err)
{
    if (pthread_create(&f->thread, NULL, run, f) != 0)
        return err_set(err, ERR_NOMEM, "cannot start a thread");
    f->started = true;
    return 0;
}

void
feed_ask_to_stop(struct feed *f)
{
    atomic_store(&f->stopping, true);
}

static void
topic_free(struct topic *t)
{
    if (t->rkt)
        rd_kafka_topic_destroy(t->rkt);
    free(t);
}

void
feed_free(struct feed *f)
{
    if (!f)
        return;
    feed_ask_to_stop(f);
    if (f->started)
        (void)pthread_join(f->thread, NULL); /* own thread, joined once */
    for (size_t i = 0; i < f->n_topics; i++)
        topic_free(f->topics[i]);
    free(f->topics);
    if (f->queue)
        rd_kafka_queue_destroy(f->queue);
    if (f->rk)
        rd_kafka_destroy(f->rk);
    free(f);
}
