/*
 * Owns a flow: its handles, its two threads, its life.  The flow's thread
 * starts by connecting (again and again, if it must), asks for its share of the
 * work, then turns: records, deliveries, units that come and go, chores that
 * are due.
 */
#include "replicator/flow.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "common/mm2/codec.h"
#include "replicator/group.h"
#include "replicator/parts.h"
#include "replicator/topics.h"

#define DESTROY_WAIT_S  3
#define NAME_MAX_BYTES  512
#define START_RETRY_MS  1000
#define TURN_MAX_MS     50
#define RETRY_LOOK_MS   200
#define ANSWERS_WAIT_MS 10000
#define NOTES_WAIT_MS   3000

static int
serve_all(struct flow *f)
{
    int n = rd_kafka_poll(f->producer, 0);
    if (f->back)
        n += rd_kafka_poll(f->back, 0);
    n += compress_serve(f);
    for (int32_t i = 0; i < f->n_units; i++)
        if (f->units[i].producer)
            n += rd_kafka_poll(f->units[i].producer, 0);
    return n;
}

bool
flow_serve(struct flow *f, int timeout_ms)
{
    struct pollfd fd = {.fd = f->delivery_fd, .events = POLLIN};
    int n = serve_all(f);
    if (n == 0 && timeout_ms > 0 && poll(&fd, 1, timeout_ms) > 0) {
        kqueue_drain_fd(f->delivery_fd);
        n = serve_all(f);
    }
    copy_count(f);
    emit_waiting_syncs(f);
    return n > 0;
}

void
flow_wake(const struct flow *f)
{
    static const uint64_t one = 1;
    (void)!write(f->delivery_fd, &one, sizeof(one)); /* full: it wakes */
}

void
flow_ring(struct flow *f, rd_kafka_t *rk)
{
    static const uint64_t one = 1;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk);
    rd_kafka_queue_io_event_enable(queue, f->delivery_fd, &one, sizeof(one));
    rd_kafka_queue_destroy(queue);
}

/* ---- start ------------------------------------------------------------- */

static int
name_topics(struct flow *f, struct err *err)
{
    const struct flow_settings *c = f->conf;
    char syncs[NAME_MAX_BYTES], checkpoints[NAME_MAX_BYTES];
    const char *other = c->syncs_on_target ? c->source->name : c->target->name;
    if (naming_offset_syncs(&c->naming, other, syncs, sizeof(syncs)) != 0 ||
        naming_checkpoints(&c->naming, c->source->name, checkpoints,
                           sizeof(checkpoints)) != 0)
        return err_set(err, ERR_LIMIT, "%s: the cluster's name is too long",
                       c->name);
    f->syncs_topic = xstrdup(syncs);
    f->checkpoints_topic = xstrdup(checkpoints);
    f->positions_topic =
        c->target->positions_topic
            ? xstrdup(c->target->positions_topic)
            : xasprintf("mm2-offsets.%s.internal", c->source->name);
    return 0;
}

static int
make_handles(struct flow *f, struct err *err)
{
    const struct flow_settings *c = f->conf;
    char *id = xasprintf("shunt-replicator-%s", c->name);
    f->codecs = client_compression(&c->clients[ROLE_TARGET_PRODUCER])
                    ? NULL
                    : codecs_new();
    int rc = client_copier(&c->clients[ROLE_SOURCE_CONSUMER], id, f->codecs,
                           &f->consumer, err);
    if (rc == 0)
        rc = client_producer(&c->clients[ROLE_TARGET_PRODUCER], NULL, id,
                             &f->producer, err);
    if (rc == 0 && ((c->syncs_enabled && !c->syncs_on_target) || f->beat_back))
        rc = client_producer(&c->clients[ROLE_SOURCE_PRODUCER], NULL, id,
                             &f->back, err);
    free(id);
    return rc;
}

/* Two descriptors, so that the thread wakes for records and for deliveries. */
static int
make_wakes(struct flow *f, struct err *err)
{
    f->records = rd_kafka_queue_get_consumer(f->consumer);
    appetite_init(f);
    groups_init(f);
    rd_kafka_queue_t *deliveries = rd_kafka_queue_get_main(f->producer);
    int rc = kqueue_fd(f->records, &f->wake_fd, err);
    if (rc == 0)
        rc = kqueue_fd(deliveries, &f->delivery_fd, err);
    rd_kafka_queue_destroy(deliveries);
    if (rc == 0 && f->back)
        flow_ring(f, f->back);
    return rc;
}

/* Once more from the beginning whenever a step fails; all may be repeated. */
static int
try_start(struct flow *f, struct err *err)
{
    int32_t positions = 0;
    int rc = survey_internal(f, &positions, err);
    if (rc == 0)
        units_make(f, positions);
    if (rc == 0)
        rc = share_open(f, err);
    if (rc == 0)
        rc = discover(f, err);
    if (rc == 0)
        share_begin(f);
    return rc;
}

void
flow_complain(struct flow *f, const char *what, const char *why)
{
    pthread_mutex_lock(&f->lock);
    const bool said = strcmp(f->complaint, why) == 0;
    (void)snprintf(f->complaint, sizeof(f->complaint), "%s", why);
    pthread_mutex_unlock(&f->lock);
    if (why[0] && !said)
        log_warn("%s: %s: %s; trying again", f->conf->name, what, why);
}

static void
rest(struct flow *f, int64_t ms)
{
    const int64_t until = clock_mono_ms() + ms;
    while (!atomic_load(&f->stop) && clock_mono_ms() < until)
        (void)flow_serve(f, TURN_MAX_MS);
}

static bool
start(struct flow *f)
{
    struct err err = {0};
    while (!atomic_load(&f->stop)) {
        if (try_start(f, &err) == 0) {
            flow_complain(f, "", "");
            return true;
        }
        if (err.code != ERR_CLOSED)
            flow_complain(f, "cannot start", err.text);
        rest(f, START_RETRY_MS);
    }
    return false;
}

/* ---- turns ------------------------------------------------------------- */

static bool
is_due(int64_t *next, int64_t now, int64_t interval_ms)
{
    if (now < *next)
        return false;
    *next = now + interval_ms;
    return true;
}

static void
chores(struct flow *f, int64_t now)
{
    const struct flow_settings *c = f->conf;
    char why[256];
    if (units_lead(f) &&
        is_due(&f->next_beat_ms, now, c->heartbeats_interval_s * 1000))
        emit_heartbeats(f);
    if (!f->flushing &&
        is_due(&f->next_flush_ms, now, c->target->flush_interval_ms))
        emit_flush_begin(f);
    emit_flush_step(f);
    if (f->n_broken > 0 && is_due(&f->next_retry_ms, now, RETRY_LOOK_MS))
        copy_retry(f);
    struct survey *found = atomic_exchange(&f->found, NULL);
    if (found)
        discover_apply_take(f, found);
    if ((rd_kafka_fatal_error(f->producer, why, sizeof(why)) ||
         compress_fatal_error(f, why, sizeof(why))) &&
        !atomic_exchange(&f->broken, true))
        log_error("%s: the producer to %s cannot go on: %s", c->name,
                  c->target->name, why);
}

static void
wait_for_work(struct flow *f)
{
    struct pollfd fds[] = {{.fd = f->wake_fd, .events = POLLIN},
                           {.fd = f->delivery_fd, .events = POLLIN}};
    /* Chores wait at most one turn. */
    if (poll(fds, 2, (int)txn_wait_ms(f, TURN_MAX_MS)) <= 0)
        return; /* nothing, or a signal: the next turn looks again */
    kqueue_drain_fd(f->wake_fd);
    kqueue_drain_fd(f->delivery_fd);
}

/* All that it has been given first is being copied. */
static void
look_ready(struct flow *f)
{
    if (share_settled(f) && units_settled(f))
        atomic_store(&f->ready, true);
}

static void
turn(struct flow *f)
{
    f->wall_ms = clock_wall_ms();
    pause_step(f);
    reconf_step(f);
    const bool more = copy_batch(f);
    compress_hear(f, more);
    const bool served = flow_serve(f, 0);
    share_turn(f);
    take_turn(f);
    txn_turn(f);
    compress_turn(f);
    chores(f, clock_mono_ms());
    holds_apply(f);
    if (!atomic_load(&f->ready))
        look_ready(f);
    if (!more && !served)
        wait_for_work(f);
}

static void
wait_until_zero(struct flow *f, const uint64_t *count, int64_t ms)
{
    const int64_t until = clock_mono_ms() + ms;
    while (*count > 0 && clock_mono_ms() < until)
        (void)flow_serve(f, TURN_MAX_MS);
}

/* Records that are on their way arrive, and are accounted for. */
static void
finish(struct flow *f)
{
    txn_finish(f, ANSWERS_WAIT_MS);
    wait_until_zero(f, &f->inflight, ANSWERS_WAIT_MS);
    emit_flush_begin(f);
    const int64_t until = clock_mono_ms() + NOTES_WAIT_MS;
    while (f->flushing && clock_mono_ms() < until) {
        (void)flow_serve(f, 5);
        emit_flush_step(f);
    }
    wait_until_zero(f, &f->notes, NOTES_WAIT_MS);
    if (f->inflight > 0 || f->flushing || f->notes > 0)
        log_warn("%s: stopped without all answers: some records will be "
                 "copied again",
                 f->conf->name);
}

static void *
run(void *arg)
{
    struct flow *f = arg;
    if (!start(f)) {
        share_close(f);
        return NULL;
    }
    const int64_t now = clock_mono_ms();
    f->next_flush_ms = now + f->conf->target->flush_interval_ms;
    while (!atomic_load(&f->stop))
        turn(f);
    take_end(f);
    finish(f);
    share_close(f);
    return NULL;
}

/* ---- life -------------------------------------------------------------- */

static void
join_threads(struct flow *f)
{
    flow_stop(f);
    (void)pthread_join(f->thread, NULL);
    if (f->has_checkpointer)
        (void)pthread_join(f->checkpointer, NULL);
    if (f->has_keeper)
        (void)pthread_join(f->keeper, NULL);
}

static int
start_threads(struct flow *f, struct err *err)
{
    int bad = pthread_create(&f->thread, NULL, run, f);
    if (bad)
        return err_errno(err, ERR_NOMEM, bad, "cannot start a thread");
    bad = pthread_create(&f->keeper, NULL, keeper_thread, f);
    f->has_keeper = bad == 0;
    if (!bad &&
        (f->conf->checkpoints_enabled || f->conf->group_offsets_enabled)) {
        bad = pthread_create(&f->checkpointer, NULL, checkpoints_thread, f);
        f->has_checkpointer = bad == 0;
    }
    if (!bad)
        return 0;
    join_threads(f);
    return err_errno(err, ERR_NOMEM, bad, "cannot start a thread");
}

static void
free_topics(struct flow *f)
{
    struct topic *t, *next;
    HASH_ITER(hh, f->topics, t, next)
    {
        HASH_DEL(f->topics, t);
        for (int32_t i = 0; i < t->n_parts; i++) {
            runs_fini(&t->parts[i]->runs);
            sight_fini(&t->parts[i]->sight);
            free(t->parts[i]);
        }
        free(t->parts);
        free(t->name);
        free(t->remote);
        free(t);
    }
}

static void
close_topics(struct flow *f)
{
    struct topic *t, *next;
    HASH_ITER(hh, f->topics, t, next)
    {
        rd_kafka_topic_destroy(t->from);
        for (int32_t i = 0; i < t->n_parts; i++) {
            group_forget(t->parts[i]);
            part_close(t->parts[i]);
        }
    }
}

static void *
destroy_consumer(void *rk)
{
    rd_kafka_destroy(rk);
    return NULL;
}

/* librdkafka 2.0.2 waits for ever when a topic that was read has been deleted;
 * the end of the process ends that, too. */
static bool
end_consumer(struct flow *f)
{
    pthread_t thread;
    struct timespec until;
    if (pthread_create(&thread, NULL, destroy_consumer, f->consumer) != 0)
        return false; /* the end of the process will do */
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DESTROY_WAIT_S;
    if (pthread_timedjoin_np(thread, NULL, &until) == 0)
        return true;
    (void)pthread_detach(thread);
    log_warn("%s: the consumer of %s does not end; left to the end of the "
             "process",
             f->conf->name, f->conf->source->name);
    return false;
}

static void
release(struct flow *f)
{
    if (f->consumer)
        (void)rd_kafka_consumer_close(f->consumer); /* it never commits */
    close_topics(f);
    txn_end_all(f);
    if (f->records)
        rd_kafka_queue_destroy(f->records);
    if (!f->consumer || end_consumer(f))
        codecs_free(f->codecs); /* else it may still log */
    client_end_producer(f->producer);
    client_end_producer(f->back);
    compress_end(f);
    if (f->wake_fd >= 0)
        (void)close(f->wake_fd); /* nothing to do about a failure */
    if (f->delivery_fd >= 0)
        (void)close(f->delivery_fd);
    free_topics(f);
    units_free(f);
    survey_free(atomic_load(&f->found));
    pthread_mutex_destroy(&f->lock);
    free(f->syncs.v);
    free(f->positions_topic);
    free(f->syncs_topic);
    free(f->checkpoints_topic);
    free(f);
}

int
flow_start(const struct flow_settings *settings, bool beat_back,
           struct flow **out, struct err *err)
{
    struct flow *f = xcalloc(1, sizeof(*f));
    f->conf = settings;
    f->beat_back = beat_back;
    f->wake_fd = f->delivery_fd = -1;
    pthread_mutex_init(&f->lock, NULL);
    int rc = name_topics(f, err);
    if (rc == 0)
        rc = make_handles(f, err);
    if (rc == 0)
        rc = make_wakes(f, err);
    if (rc == 0)
        rc = start_threads(f, err);
    if (rc != 0) {
        release(f);
        f = NULL;
    }
    *out = f;
    return rc;
}

bool
flow_ready(const struct flow *flow)
{
    return atomic_load(&flow->ready);
}

bool
flow_broken(const struct flow *flow)
{
    return atomic_load(&flow->broken);
}

void
flow_stop(struct flow *flow)
{
    atomic_store(&flow->stop, true);
}

void
flow_free(struct flow *flow)
{
    if (!flow)
        return;
    join_threads(flow);
    release(flow);
}
