/*
 * The thread owns everything but `inbox` and what is beside it, which stand
 * behind `lock`.  Partitions that are being read feed one queue; a job that
 * comes in interrupts the wait for it.
 *
 * The simple consumer is used: it needs no group, and its start at an absolute
 * offset needs no question before the fetch.  It is stopped after each window,
 * because it would go on fetching; topic and connection stay.
 *
 * Jobs of a partition that overlap when reading begins are one reading.  Where
 * its start proves to be deleted they are read again one by one, because that
 * may concern only some of them.
 */
#include "offset-mapper/reader.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "offset-mapper/handle.h"

#define READINGS_MAX 32    /* partitions read side by side */
#define TOPICS_MAX   1024  /* kept open */
#define SHARED_MAX   20000 /* offsets of a reading for several jobs */
#define BATCH_MAX    1000
#define IDLE_MS      1000

struct topic {
    char *name;
    rd_kafka_topic_t *rkt;
    size_t readings;
    UT_hash_handle hh;
};

struct reading {
    struct topic *topic;
    int32_t partition;
    int64_t low, high;
    bool cut_ok, cut;
    struct reader_job *jobs;
    struct po_print *v;
    size_t n, cap, bytes;
    struct reading *prev, *next;
};

struct reader {
    const struct pt_cluster *cluster;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t came; /* while there is no queue to wait for */
    struct reader_job *inbox;
    size_t n_jobs; /* not done yet */
    bool stopping;
    rd_kafka_queue_t *queue;

    rd_kafka_t *rk;
    struct reader_job *waiting;
    struct reading *readings;
    size_t n_readings;
    struct topic *topics; /* a hash by name */
    char trouble[256];    /* what librdkafka last complained of */
    rd_kafka_message_t *batch[BATCH_MAX];
};

/* ---- ends of jobs and readings ----------------------------------------- */

static void
end_job(struct reader *r, struct reader_job *job,
        const struct content_window *w)
{
    (void)pthread_mutex_lock(&r->lock); /* cannot fail: never recursive */
    r->n_jobs--;
    (void)pthread_mutex_unlock(&r->lock);
    job->done(job, w);
}

static void
fail_job(struct reader *r, struct reader_job *job, const struct err *err)
{
    const struct content_window w = {
        .low = job->low, .end = job->low, .err = err};
    end_job(r, job, &w);
}

/* No more is fetched for it; its partition may be read again. */
static void
detach(struct reader *r, struct reading *g)
{
    (void)rd_kafka_consume_stop(g->topic->rkt, g->partition); /* was started */
    g->topic->readings--;
    DL_DELETE(r->readings, g);
    r->n_readings--;
}

static void
reading_free(struct reading *g)
{
    free(g->v);
    free(g);
}

static void
fail_reading(struct reader *r, struct reading *g, const struct err *err)
{
    struct reader_job *job, *next;
    detach(r, g);
    DL_FOREACH_SAFE(g->jobs, job, next)
    {
        DL_DELETE(g->jobs, job);
        fail_job(r, job, err);
    }
    reading_free(g);
}

/* What of the reading is the job's. */
static struct content_window
slice(const struct reading *g, const struct reader_job *job, int64_t end,
      bool at_end)
{
    size_t from = 0, to = g->n;
    while (from < to && g->v[from].offset < job->low)
        from++;
    while (to > from && g->v[to - 1].offset >= job->high)
        to--;
    return (struct content_window){
        .low = job->low,
        .end = end < job->high ? end : job->high,
        .at_end = at_end && end <= job->high,
        .cut = g->cut,
        .v = g->v ? g->v + from : NULL,
        .n = to - from,
    };
}

/* Everything below `end` was seen. */
static void
complete(struct reader *r, struct reading *g, int64_t end, bool at_end)
{
    struct reader_job *job, *next;
    detach(r, g);
    DL_FOREACH_SAFE(g->jobs, job, next)
    {
        const struct content_window w = slice(g, job, end, at_end);
        DL_DELETE(g->jobs, job);
        end_job(r, job, &w);
    }
    reading_free(g);
}

/* ---- topics ------------------------------------------------------------ */

static void
topic_free(struct reader *r, struct topic *t)
{
    HASH_DEL(r->topics, t);
    rd_kafka_topic_destroy(t->rkt);
    free(t->name);
    free(t);
}

static void
forget_topics(struct reader *r)
{
    struct topic *t, *next;
    HASH_ITER(hh, r->topics, t, next)
    if (t->readings == 0)
        topic_free(r, t);
}

static struct topic *
open_topic(struct reader *r, const char *name, struct err *err)
{
    struct topic *t;
    HASH_FIND_STR(r->topics, name, t);
    if (t)
        return t;
    if (HASH_COUNT(r->topics) >= TOPICS_MAX)
        forget_topics(r);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(r->rk, name, NULL);
    if (!rkt) {
        (void)err_kafka(err, rd_kafka_last_error(), "cannot use the topic %s",
                        name);
        return NULL;
    }
    t = xcalloc(1, sizeof(*t));
    t->name = xstrdup(name);
    t->rkt = rkt;
    HASH_ADD_KEYPTR(hh, r->topics, t->name, strlen(t->name), t);
    return t;
}

/* ---- starting ---------------------------------------------------------- */

static int
consume_from(struct reader *r, struct reading *g, int64_t offset,
             struct err *err)
{
    if (rd_kafka_consume_start_queue(g->topic->rkt, g->partition, offset,
                                     r->queue) == 0)
        return 0;
    return err_kafka(err, rd_kafka_last_error(),
                     "cannot read %s [%d] on cluster %s", g->topic->name,
                     g->partition, r->cluster->name);
}

static bool
can_join(const struct reading *g, const struct reader_job *job)
{
    if (job->alone || job->cut_ok != g->cut_ok ||
        job->partition != g->partition || job->low > g->high ||
        job->high < g->low || strcmp(job->topic, g->topic->name) != 0)
        return false;
    const int64_t low = job->low < g->low ? job->low : g->low;
    const int64_t high = job->high > g->high ? job->high : g->high;
    return (low == g->low && high == g->high) || high - low <= SHARED_MAX;
}

static void
join(struct reader *r, struct reading *g, struct reader_job *job)
{
    DL_DELETE(r->waiting, job);
    DL_APPEND(g->jobs, job);
    g->low = job->low < g->low ? job->low : g->low;
    g->high = job->high > g->high ? job->high : g->high;
}

static struct reading *
new_reading(struct reader *r, struct topic *t, struct reader_job *first)
{
    struct reading *g = xcalloc(1, sizeof(*g));
    g->topic = t;
    g->partition = first->partition;
    g->low = first->low;
    g->high = first->high;
    g->cut_ok = first->cut_ok;
    join(r, g, first);
    struct reader_job *job, *next;
    DL_FOREACH_SAFE(r->waiting, job, next)
    if (!first->alone && can_join(g, job))
        join(r, g, job);
    t->readings++;
    DL_APPEND(r->readings, g);
    r->n_readings++;
    return g;
}

static void
start_job(struct reader *r, struct reader_job *job)
{
    struct err err = {0};
    struct topic *t = open_topic(r, job->topic, &err);
    if (!t) {
        DL_DELETE(r->waiting, job);
        fail_job(r, job, &err);
        return;
    }
    struct reading *g = new_reading(r, t, job);
    if (consume_from(r, g, g->low, &err))
        fail_reading(r, g, &err);
}

static struct reading *
reading_of(const struct reader *r, const char *topic, int32_t partition)
{
    struct reading *g;
    DL_FOREACH(r->readings, g)
    if (g->partition == partition && strcmp(g->topic->name, topic) == 0)
        return g;
    return NULL;
}

static struct reader_job *
startable(const struct reader *r)
{
    struct reader_job *job;
    if (r->n_readings >= READINGS_MAX)
        return NULL;
    DL_FOREACH(r->waiting, job)
    if (!reading_of(r, job->topic, job->partition))
        return job;
    return NULL;
}

static void
start_jobs(struct reader *r)
{
    struct reader_job *job;
    while ((job = startable(r)))
        start_job(r, job);
}

/* ---- records ----------------------------------------------------------- */

static void
too_much(struct reader *r, struct reading *g)
{
    struct err err;
    (void)err_set(&err, ERR_LIMIT,
                  "%s [%d] on cluster %s: offsets %lld to %lld are too much to "
                  "read at once (%d records, %zu MiB); ask for fewer",
                  g->topic->name, g->partition, r->cluster->name,
                  (long long)g->low, (long long)g->high, CONTENT_WINDOW_MAX,
                  CONTENT_BYTES_MAX >> 20);
    fail_reading(r, g, &err);
}

static void
add_print(struct reading *g, const rd_kafka_message_t *m)
{
    if (g->n == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 64;
        g->v = xreallocarray(g->v, g->cap, sizeof(*g->v));
    }
    rd_kafka_timestamp_type_t type;
    const int64_t time_ms = rd_kafka_message_timestamp(m, &type);
    struct po_print *p = &g->v[g->n++];
    po_print_make(p, m->offset,
                  type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : time_ms,
                  m->key, m->key_len, m->payload, m->len);
    p->append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
    g->bytes += m->key_len + m->len;
}

/* Asked for its start because `low` was not in the log, it shows records
 * before `low`: so `low` is beyond its end. */
static void
beyond_end(struct reader *r, struct reading *g)
{
    struct err err;
    (void)err_set(&err, ERR_NOTFOUND,
                  "%s [%d] on cluster %s has no offset %lld: it is beyond the "
                  "log's end",
                  g->topic->name, g->partition, r->cluster->name,
                  (long long)g->low);
    fail_reading(r, g, &err);
}

static void
keep(struct reader *r, struct reading *g, const rd_kafka_message_t *m)
{
    if (m->offset < g->low) {
        if (g->cut)
            beyond_end(r, g);
        return;
    }
    if (m->offset >= g->high) {
        complete(r, g, g->high, false);
        return;
    }
    add_print(g, m);
    if (m->offset + 1 == g->high)
        complete(r, g, g->high, false);
    else if (g->n >= CONTENT_WINDOW_MAX || g->bytes > CONTENT_BYTES_MAX)
        too_much(r, g);
}

static void
at_end(struct reader *r, struct reading *g, int64_t end)
{
    if (end < g->low)
        beyond_end(r, g);
    else
        complete(r, g, end < g->high ? end : g->high, end <= g->high);
}

/* ---- what is not a record ----------------------------------------------- */

static void
read_alone(struct reader *r, struct reading *g)
{
    struct reader_job *job, *next;
    detach(r, g);
    DL_FOREACH_SAFE(g->jobs, job, next)
    {
        DL_DELETE(g->jobs, job);
        job->alone = true;
        DL_PREPEND(r->waiting, job);
    }
    reading_free(g);
}

static void
read_from_start(struct reader *r, struct reading *g)
{
    struct err err = {0};
    g->cut = true;
    (void)rd_kafka_consume_stop(g->topic->rkt, g->partition); /* was started */
    if (consume_from(r, g, RD_KAFKA_OFFSET_BEGINNING, &err))
        fail_reading(r, g, &err);
}

static void
out_of_range(struct reader *r, struct reading *g)
{
    struct err err;
    if (g->jobs->next) {
        read_alone(r, g);
        return;
    }
    if (g->cut_ok && !g->cut) {
        read_from_start(r, g);
        return;
    }
    (void)err_set(&err, ERR_NOTFOUND,
                  "%s [%d] on cluster %s has no offset %lld: it is deleted, or "
                  "beyond the log's end",
                  g->topic->name, g->partition, r->cluster->name,
                  (long long)g->low);
    fail_reading(r, g, &err);
}

static void
event(struct reader *r, struct reading *g, const rd_kafka_message_t *m)
{
    struct err err;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        at_end(r, g, m->offset);
        return;
    }
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        out_of_range(r, g);
        return;
    }
    (void)err_kafka(&err, m->err, "cannot read %s [%d] on cluster %s",
                    g->topic->name, g->partition, r->cluster->name);
    fail_reading(r, g, &err);
}

static void
take(struct reader *r, rd_kafka_message_t *m)
{
    struct reading *g =
        m->rkt ? reading_of(r, rd_kafka_topic_name(m->rkt), m->partition)
               : NULL;
    if (g && m->err)
        event(r, g, m);
    else if (g)
        keep(r, g, m);
    *r->trouble = '\0';
    rd_kafka_message_destroy(m);
}

/* ---- deadlines ----------------------------------------------------------- */

static void
too_late(struct reader *r, struct reader_job *job, const char *what)
{
    struct err err;
    (void)err_set(&err, ERR_TIMEOUT,
                  "%s [%d] on cluster %s: offsets %lld to %lld were %s in "
                  "time%s%s",
                  job->topic, job->partition, r->cluster->name,
                  (long long)job->low, (long long)job->high, what,
                  *r->trouble ? "; last trouble: " : "", r->trouble);
    fail_job(r, job, &err);
}

static void
expire_list(struct reader *r, struct reader_job **jobs, int64_t now_ms,
            const char *what)
{
    struct reader_job *job, *next;
    DL_FOREACH_SAFE(*jobs, job, next)
    {
        if (job->deadline_ms > now_ms)
            continue;
        DL_DELETE(*jobs, job);
        too_late(r, job, what);
    }
}

static void
expire(struct reader *r)
{
    const int64_t now_ms = clock_mono_ms();
    struct reading *g, *next;
    DL_FOREACH_SAFE(r->readings, g, next)
    {
        expire_list(r, &g->jobs, now_ms, "not read");
        if (g->jobs)
            continue;
        detach(r, g);
        reading_free(g);
    }
    expire_list(r, &r->waiting, now_ms, "waiting for others and not read");
}

static int64_t
earliest(const struct reader_job *jobs, int64_t before_ms)
{
    const struct reader_job *job;
    DL_FOREACH(jobs, job)
    if (job->deadline_ms < before_ms)
        before_ms = job->deadline_ms;
    return before_ms;
}

static int
wait_ms(const struct reader *r)
{
    const int64_t now_ms = clock_mono_ms();
    int64_t until_ms = earliest(r->waiting, now_ms + IDLE_MS);
    const struct reading *g;
    DL_FOREACH(r->readings, g)
    until_ms = earliest(g->jobs, until_ms);
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

/* ---- the handle ---------------------------------------------------------- */

/* Inside rd_kafka_poll(), so on the reader's thread. */
static void
on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct reader *r = opaque;
    (void)rk;
    (void)code;
    (void)snprintf(r->trouble, sizeof(r->trouble), "%s", reason);
}

static const char *const own[][2] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},
    {"auto.offset.reset", "error"},
    {"isolation.level", "read_committed"},
    /* Another window must not wait for long behind a fetch at an end. */
    {"fetch.wait.max.ms", "10"},
    {"fetch.error.backoff.ms", "20"},
    {"max.partition.fetch.bytes", "262144"},
    /* Above these a broker's thread sleeps for a second. */
    {"queued.min.messages", "1000000"},
    {"queued.max.messages.kbytes", "131072"},
    {"socket.timeout.ms", "6000"},
    {"reconnect.backoff.max.ms", "1000"},
    {"topic.metadata.propagation.max.ms", "0"},
};

static int
open_handle(struct reader *r, struct err *err)
{
    const int rc = handle_open(r->cluster, own, sizeof(own) / sizeof(own[0]),
                               on_error, r, &r->rk, err);
    if (rc)
        return rc;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(r->rk);
    (void)pthread_mutex_lock(&r->lock);
    r->queue = queue;
    (void)pthread_mutex_unlock(&r->lock);
    return 0;
}

static void
close_handle(struct reader *r)
{
    (void)pthread_mutex_lock(&r->lock);
    rd_kafka_queue_t *queue = r->queue;
    r->queue = NULL;
    (void)pthread_mutex_unlock(&r->lock);
    forget_topics(r);
    if (queue)
        rd_kafka_queue_destroy(queue);
    if (r->rk)
        rd_kafka_destroy(r->rk);
    r->rk = NULL;
}

/* ---- the thread ---------------------------------------------------------- */

/* Moves what has come to `waiting`; false when the reader is to stop. */
static bool
take_inbox(struct reader *r)
{
    (void)pthread_mutex_lock(&r->lock);
    while (!r->rk && !r->inbox && !r->stopping)
        (void)pthread_cond_wait(&r->came, &r->lock); /* both are valid */
    DL_CONCAT(r->waiting, r->inbox);
    r->inbox = NULL;
    const bool go_on = !r->stopping;
    (void)pthread_mutex_unlock(&r->lock);
    return go_on;
}

static void
fail_waiting(struct reader *r, const struct err *err)
{
    struct reader_job *job, *next;
    DL_FOREACH_SAFE(r->waiting, job, next)
    {
        DL_DELETE(r->waiting, job);
        fail_job(r, job, err);
    }
}

static void
take_records(struct reader *r)
{
    rd_kafka_message_t *m = rd_kafka_consume_queue(r->queue, wait_ms(r));
    if (!m)
        return;
    take(r, m);
    const ssize_t n =
        rd_kafka_consume_batch_queue(r->queue, 0, r->batch, BATCH_MAX);
    for (ssize_t i = 0; i < n; i++)
        take(r, r->batch[i]);
}

static void
round_of(struct reader *r)
{
    struct err err = {0};
    if (!r->rk && open_handle(r, &err)) {
        fail_waiting(r, &err);
        return;
    }
    start_jobs(r);
    take_records(r);
    (void)rd_kafka_poll(r->rk, 0);
    expire(r);
}

static void *
run(void *arg)
{
    struct reader *r = arg;
    while (take_inbox(r))
        round_of(r);
    struct err err;
    (void)err_set(&err, ERR_CLOSED, "the mapper is stopping");
    while (r->readings)
        fail_reading(r, r->readings, &err);
    fail_waiting(r, &err);
    close_handle(r);
    return NULL;
}

/* ---- for others ---------------------------------------------------------- */

static int
refuse(const struct reader *r, struct err *err)
{
    if (r->stopping)
        return err_set(err, ERR_CLOSED, "the mapper is stopping");
    if (r->n_jobs < CONTENT_WAITING_MAX)
        return 0;
    return err_set(err, ERR_BUSY,
                   "%zu windows of cluster %s wait to be read already; ask "
                   "again later",
                   r->n_jobs, r->cluster->name);
}

void
reader_submit(struct reader *r, struct reader_job *job)
{
    struct err err = {0};
    job->alone = false;
    (void)pthread_mutex_lock(&r->lock);
    const int rc = refuse(r, &err);
    if (rc == 0) {
        r->n_jobs++;
        DL_APPEND(r->inbox, job);
        if (r->queue)
            rd_kafka_queue_yield(r->queue);
        (void)pthread_cond_signal(&r->came); /* cannot fail: valid */
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (rc == 0)
        return;
    const struct content_window w = {
        .low = job->low, .end = job->low, .err = &err};
    job->done(job, &w);
}

int
reader_start(const struct pt_cluster *cluster, struct reader **out,
             struct err *err)
{
    struct reader *r = xcalloc(1, sizeof(*r));
    r->cluster = cluster;
    (void)pthread_mutex_init(&r->lock, NULL); /* cannot fail: defaults */
    (void)pthread_cond_init(&r->came, NULL);
    *out = r;
    if (pthread_create(&r->thread, NULL, run, r) == 0)
        return 0;
    *out = NULL;
    (void)pthread_cond_destroy(&r->came);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
    return err_set(err, ERR_NOMEM, "cannot start a thread for cluster %s",
                   cluster->name);
}

void
reader_stop(struct reader *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)pthread_mutex_lock(&v[i]->lock);
        v[i]->stopping = true;
        if (v[i]->queue)
            rd_kafka_queue_yield(v[i]->queue);
        (void)pthread_cond_signal(&v[i]->came);
        (void)pthread_mutex_unlock(&v[i]->lock);
    }
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(v[i]->thread, NULL); /* own thread, joined once */
}

void
reader_free(struct reader *r)
{
    (void)pthread_cond_destroy(&r->came);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}
