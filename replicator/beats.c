/*
 * Owns a thread, and a producer for each cluster that is written to.  Every
 * process writes them: of a key the last one counts.
 */
#include "replicator/beats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/mm2/codec.h"
#include "replicator/admin.h"
#include "replicator/clients.h"
#include "replicator/topics.h"

#define PAUSE_MS 100
#define RETRY_MS 5000

/* Heartbeats of `source` on the cluster of a writer. */
struct pair {
    char *source;
    int64_t interval_ms, next_ms;
};

struct writer {
    char *target;
    rd_kafka_t *rk;
    struct pair *pairs;
    size_t n;
    int64_t replication, admin_timeout_ms;
    bool there; /* the topic is */
    int64_t retry_ms;
    char complaint[512]; /* said once */
};

struct beats {
    pthread_t thread;
    atomic_bool stop;
    struct writer *writers;
    size_t n;
};

static void
complain(struct writer *w, const char *why)
{
    if (strcmp(w->complaint, why) == 0)
        return;
    (void)snprintf(w->complaint, sizeof(w->complaint), "%s", why);
    if (why[0])
        log_warn("heartbeats of clusters that no flow joins with %s: %s; "
                 "trying again",
                 w->target, why);
}

/* ---- writing ----------------------------------------------------------- */

struct beat_flight {
    struct flight flight; /* first */
    struct writer *writer;
};

static void
on_beat(struct flight *flight, const rd_kafka_message_t *m)
{
    struct writer *w = ((struct beat_flight *)flight)->writer;
    complain(w, m->err ? rd_kafka_err2str(m->err) : "");
    free(flight);
}

static void
beat(struct writer *w, const struct pair *p)
{
    const struct mm2_heartbeat h = {.source = p->source,
                                    .target = w->target,
                                    .timestamp_ms = clock_wall_ms()};
    struct mm2_bytes bytes;
    if (mm2_heartbeat_encode(&h, &bytes) != 0)
        return; /* an alias of 32 KiB */
    struct beat_flight *f = xmalloc(sizeof(*f));
    *f = (struct beat_flight){.flight.done = on_beat, .writer = w};
    if (rd_kafka_producev(w->rk, RD_KAFKA_V_TOPIC("heartbeats"),
                          RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(bytes.key, bytes.key_len),
                          RD_KAFKA_V_VALUE(bytes.value, bytes.value_len),
                          RD_KAFKA_V_OPAQUE(f), RD_KAFKA_V_END) != 0)
        free(f); /* not taken: the next one will do */
    mm2_bytes_fini(&bytes);
}

static int
make_topic(struct beats *b, struct writer *w, struct err *err)
{
    struct prop compact = {.key = (char *)(uintptr_t) "cleanup.policy",
                           .value = (char *)(uintptr_t) "compact"};
    const struct props configs = {.v = &compact, .n = 1};
    struct topic_want want = {.name = "heartbeats",
                              .partitions = 1,
                              .replication = w->replication,
                              .configs = &configs};
    const struct admin a = {
        .rk = w->rk, .stop = &b->stop, .timeout_ms = w->admin_timeout_ms};
    const struct rd_kafka_metadata *md;
    const int rc = topics_list(w->rk, &md, err);
    if (rc != 0)
        return rc;
    topics_ensure(&a, md, &want, 1);
    rd_kafka_metadata_destroy(md);
    if (want.err.code)
        *err = want.err;
    return want.err.code;
}

static bool
may_write(struct beats *b, struct writer *w, int64_t now)
{
    struct err err = {0};
    if (w->there || now < w->retry_ms)
        return w->there;
    w->there = make_topic(b, w, &err) == 0;
    w->retry_ms = clock_mono_ms() + RETRY_MS;
    if (!atomic_load(&b->stop))
        complain(w, w->there ? "" : err.text);
    return w->there;
}

static void
turn(struct beats *b, struct writer *w)
{
    const int64_t now = clock_mono_ms();
    (void)rd_kafka_poll(w->rk, 0);
    if (!may_write(b, w, now))
        return;
    for (size_t i = 0; i < w->n; i++) {
        struct pair *p = &w->pairs[i];
        if (now < p->next_ms)
            continue;
        p->next_ms = now + p->interval_ms;
        if (rd_kafka_outq_len(w->rk) < BEATS_MAX)
            beat(w, p);
    }
}

static void *
run(void *arg)
{
    struct beats *b = arg;
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    while (!atomic_load(&b->stop)) {
        for (size_t i = 0; i < b->n && !atomic_load(&b->stop); i++)
            turn(b, &b->writers[i]);
        (void)nanosleep(&pause, NULL); /* cut short: the clock decides */
    }
    return NULL;
}

/* ---- life -------------------------------------------------------------- */

static void
writer_fini(struct writer *w)
{
    client_end_producer(w->rk);
    for (size_t i = 0; i < w->n; i++)
        free(w->pairs[i].source);
    free(w->pairs);
    free(w->target);
}

static void
beats_free(struct beats *b)
{
    for (size_t i = 0; i < b->n; i++)
        writer_fini(&b->writers[i]);
    free(b->writers);
    free(b);
}

static int
writer_to(struct beats *b, const struct flow_settings *f, struct writer **out,
          struct err *err)
{
    for (size_t i = 0; i < b->n; i++) {
        *out = &b->writers[i];
        if (strcmp((*out)->target, f->target->name) == 0)
            return 0;
    }
    *out = &b->writers[b->n++];
    **out = (struct writer){.target = xstrdup(f->target->name),
                            .replication = f->heartbeats_replication,
                            .admin_timeout_ms = f->admin_timeout_ms};
    return client_producer(&f->clients[ROLE_TARGET_PRODUCER], NULL,
                           "shunt-replicator-heartbeats", &(*out)->rk, err);
}

static int
add_pair(struct beats *b, const struct flow_settings *f, struct err *err)
{
    struct writer *w;
    const int rc = writer_to(b, f, &w, err);
    if (rc != 0)
        return rc;
    w->pairs = xreallocarray(w->pairs, w->n + 1, sizeof(*w->pairs));
    w->pairs[w->n++] =
        (struct pair){.source = xstrdup(f->source->name),
                      .interval_ms = f->heartbeats_interval_s * 1000};
    return 0;
}

int
beats_start(const struct settings *s, struct beats **out, struct err *err)
{
    struct beats *b = xcalloc(1, sizeof(*b));
    int rc = 0;
    *out = NULL;
    atomic_init(&b->stop, false);
    b->writers = xcalloc(s->n_clusters + 1, sizeof(*b->writers));
    for (size_t i = 0; i < s->n_flows && rc == 0; i++)
        if (settings_beats_alone(s, &s->flows[i]))
            rc = add_pair(b, &s->flows[i], err);
    const int bad =
        rc == 0 && b->n > 0 ? pthread_create(&b->thread, NULL, run, b) : 0;
    if (bad)
        rc = err_errno(err, ERR_NOMEM, bad, "cannot start a thread");
    if (rc == 0 && b->n > 0)
        *out = b;
    else
        beats_free(b);
    return rc;
}

void
beats_stop(struct beats *b)
{
    if (!b)
        return;
    atomic_store(&b->stop, true);
    (void)pthread_join(b->thread, NULL);
    beats_free(b);
}
