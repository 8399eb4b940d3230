/*
 * Owns one rd_kafka_t.  librdkafka calls back below a poll, which is made without
 * the lock, and, once closing, below the closing thread, where nothing of the
 * consumer is touched any more (`muted`).
 *
 * An offset below the expected one is a record that must be delivered: the log
 * was cut or made anew, and auto.offset.reset went back.
 */
#include "sdk/src/consumer/generation.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "common/kafka/kconf.h"
#include "sdk/src/consumer/generation_int.h"
#include "sdk/src/name.h"

static void
note(const struct generation *g, int level, const char *text)
{
    if (!atomic_load(&g->muted) && g->hooks.on_log)
        g->hooks.on_log(level, "SHUNT", text, g->hooks.log_arg);
}

void
generation_log_error(const struct generation *g, const char *what,
                     rd_kafka_error_t *error)
{
    if (!error)
        return;
    char text[512];
    (void)snprintf(text, sizeof(text), "%s on cluster %s: %s", what, g->cluster,
                   rd_kafka_error_string(error));
    note(g, LOG_WARNING, text);
    rd_kafka_error_destroy(error);
}

void
generation_log_code(const struct generation *g, const char *what,
                    rd_kafka_resp_err_t code)
{
    char text[512];
    (void)snprintf(text, sizeof(text), "%s on cluster %s: %s", what, g->cluster,
                   rd_kafka_err2str(code));
    note(g, LOG_WARNING, text);
}

/* ---- partitions ---------------------------------------------------------- */

static bool
make_key(struct part_key *k, unsigned *len, const char *topic,
         int32_t partition)
{
    const size_t n = strlen(topic);
    if (n > TOPIC_MAX)
        return false;
    k->partition = partition;
    memcpy(k->topic, topic, n + 1);
    *len = (unsigned)(offsetof(struct part_key, topic) + n);
    return true;
}

struct part *
generation_find(struct generation *g, const char *topic, int32_t partition)
{
    struct part_key key;
    unsigned len = 0;
    struct part *p = NULL;
    if (make_key(&key, &len, topic, partition))
        HASH_FIND(hh, g->parts, &key, len, p);
    return p;
}

struct part *
generation_part(struct generation *g, const char *topic, int32_t partition)
{
    struct part *p = generation_find(g, topic, partition);
    if (p)
        return p;
    unsigned len = 0;
    p = calloc(1, sizeof(*p));
    if (!p || !make_key(&p->key, &len, topic, partition)) {
        free(p);
        return NULL;
    }
    p->start = RD_KAFKA_OFFSET_INVALID;
    p->next = p->finished = p->committed = p->acked = p->commit = -1;
    p->commit_since = p->end = -1;
    HASH_ADD_KEYPTR(hh, g->parts, &p->key, len, p);
    if (hash_has(p))
        return p;
    free(p);
    return NULL;
}

void
generation_set_state(struct generation *g, struct part *p, enum part_state to)
{
    g->n_waiting -= p->state == PART_WAITING;
    g->n_waiting += to == PART_WAITING;
    p->state = to;
}

static void
free_parts(struct generation *g)
{
    struct part *p, *tmp;
    HASH_ITER(hh, g->parts, p, tmp)
    {
        HASH_DEL(g->parts, p);
        generation_set_given_take(g, p, NULL);
        free(p);
    }
}

/* ---- positions ----------------------------------------------------------- */

static int64_t
lag_of(const struct generation *g, const struct part *p)
{
    int64_t low = 0, high = 0;
    const int64_t at = p->next >= 0 ? p->next : p->start;
    const rd_kafka_resp_err_t rc = rd_kafka_get_watermark_offsets(
        g->rk, p->key.topic, p->key.partition, &low, &high);
    if (rc || high < 0 || (at < 0 && high > low))
        return -1;
    return high > at && high > low ? high - at : 0;
}

int64_t
generation_part_lag(const struct generation *g, const struct part *p)
{
    return p->state == PART_RUNNING ? lag_of(g, p) : -1;
}

int64_t
generation_lag(const struct generation *g)
{
    int64_t sum = g->joined ? 0 : -1;
    for (const struct part *p = g->parts; p; p = p->hh.next)
        if (p->state != PART_NONE)
            sum = handover_sum(sum, generation_part_lag(g, p));
    return sum;
}

/* ---- librdkafka's callbacks ---------------------------------------------- */

bool
generation_lock(struct generation *g, bool *entered)
{
    if (atomic_load(&g->muted))
        return false;
    *entered = g->hooks.enter(g->hooks.arg);
    if (!atomic_load(&g->muted))
        return true;
    g->hooks.leave(g->hooks.arg, *entered);
    return false;
}

void
generation_unlock(struct generation *g, bool entered)
{
    g->hooks.leave(g->hooks.arg, entered);
}

static void
commit_cb(rd_kafka_t *rk, rd_kafka_resp_err_t code,
          rd_kafka_topic_partition_list_t *l, void *opaque)
{
    struct generation *g = opaque;
    bool entered;
    (void)rk;
    if (!generation_lock(g, &entered))
        return;
    if (!code)
        g->down = false;
    g->hooks.on_commit(g, code, l, g->hooks.arg);
    generation_unlock(g, entered);
}

static void
error_cb(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct generation *g = opaque;
    bool entered;
    (void)rk;
    if (!generation_lock(g, &entered))
        return;
    g->down = g->down || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    g->hooks.on_error(g, (rd_kafka_resp_err_t)code, reason, g->hooks.arg);
    generation_unlock(g, entered);
}

static void
log_cb(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    const struct generation *g = rd_kafka_opaque(rk);
    if (g && !atomic_load(&g->muted) && g->hooks.on_log)
        g->hooks.on_log(level, fac, text, g->hooks.log_arg);
}

/* ---- making -------------------------------------------------------------- */

/* Where the group came from another cluster, an offset that is out of range
 * must never mean "the end": that would skip what stands in between.  So what
 * the application says of auto.offset.reset holds only for groups that are
 * new. */
static int
never_skip(rd_kafka_conf_t *conf, struct err *err)
{
    return kconf_set(conf, "auto.offset.reset", "earliest", err);
}

static int
set_ours(rd_kafka_conf_t *conf, struct err *err)
{
    static const char *const ours[][2] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"allow.auto.create.topics", "false"},
        {"topic.metadata.refresh.interval.ms", "5000"},
    };
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
        const int rc = kconf_set(conf, ours[i][0], ours[i][1], err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int
generation_conf(const struct engine *e, const struct pt_cluster *cluster,
                bool has_previous, rd_kafka_conf_t **out, struct err *err)
{
    rd_kafka_conf_t *conf = engine_conf(e);
    int rc = kconf_set_all_refs(conf, &cluster->properties, err);
    if (rc == 0)
        rc = kconf_set(conf, "bootstrap.servers", cluster->bootstrap_servers,
                       err);
    if (rc == 0)
        rc = set_ours(conf, err);
    if (rc == 0 && has_previous)
        rc = never_skip(conf, err);
    if (rc != 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    *out = conf;
    return 0;
}

static int
start_handle(struct generation *g, const struct engine *e,
             const struct target *to, struct err *err)
{
    rd_kafka_conf_t *conf = NULL;
    int rc = generation_conf(e, to->cluster, to->previous != NULL, &conf, err);
    if (rc != 0)
        return rc;
    rd_kafka_conf_set_opaque(conf, g);
    rd_kafka_conf_set_rebalance_cb(conf, generation_rebalance_cb);
    rd_kafka_conf_set_offset_commit_cb(conf, commit_cb);
    rd_kafka_conf_set_error_cb(conf, error_cb);
    rd_kafka_conf_set_log_cb(conf, log_cb);
    rc = kafka_new_take(RD_KAFKA_CONSUMER, conf, &g->rk, err);
    if (rc != 0)
        return rc;
    (void)rd_kafka_poll_set_consumer(g->rk); /* fails without a group only */
    g->queue = rd_kafka_queue_get_consumer(g->rk);
    return 0;
}

static void
free_generation(struct generation *g)
{
    generation_forget_leaving(g);
    free_parts(g);
    generation_free_views(g);
    if (g->short_of)
        rd_kafka_topic_partition_list_destroy(g->short_of);
    free(g->cluster);
    strlist_fini(&g->lent);
    free(g->previous);
    free(g->servers);
    props_fini(&g->properties);
    free(g);
}

static int
name_place(struct generation *g, const struct target *to)
{
    const struct pt_cluster *cluster = to->cluster;
    g->cluster = strdup(cluster->name);
    g->servers = strdup(cluster->bootstrap_servers);
    g->previous = to->previous ? strdup(to->previous) : NULL;
    if (!g->cluster || !g->servers || (to->previous && !g->previous))
        return ERR_NOMEM;
    return props_copy(&g->properties, &cluster->properties);
}

bool
generation_is_at(const struct generation *g, const struct pt_cluster *cluster)
{
    return strcmp(g->servers, cluster->bootstrap_servers) == 0 &&
           props_equal(&g->properties, &cluster->properties);
}

int
generation_new(const struct engine *e, const struct target *to,
               const struct generation_hooks *hooks, struct generation **out,
               struct err *err)
{
    struct generation *g = calloc(1, sizeof(*g));
    if (!g)
        return err_nomem(err);
    g->tag.arg = e->arg;
    g->hooks = *hooks;
    g->since = to->since;
    g->never_skips = to->previous != NULL;
    atomic_init(&g->refs, 1);
    int rc = name_place(g, to) != 0 ? err_nomem(err) : 0;
    if (rc == 0)
        rc = start_handle(g, e, to, err);
    if (rc != 0) {
        free_generation(g);
        return rc;
    }
    *out = g;
    return 0;
}

int
generation_enter(struct generation *g, int64_t since, const char *previous)
{
    char *copy = previous ? strdup(previous) : NULL;
    if (previous && !copy)
        return ERR_NOMEM;
    if (copy) {
        free(g->previous);
        g->previous = copy;
    }
    g->since = since;
    for (struct part *p = g->parts; p; p = p->hh.next)
        p->committed = -1;
    return 0;
}

/* ---- polling ------------------------------------------------------------- */

void
generation_serve(struct generation *g)
{
    for (;;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(g->rk, 0);
        if (!m)
            return;
        if (m->err)
            generation_log_code(g, "consumer error", m->err);
        rd_kafka_message_destroy(m);
    }
}

/* ---- commits ------------------------------------------------------------- */

bool
generation_add_commit(const struct generation *g,
                      rd_kafka_topic_partition_list_t *l, const char *topic,
                      int32_t partition, int64_t offset)
{
    char text[64];
    handover_metadata(g->since, text, sizeof(text));
    rd_kafka_topic_partition_t *p =
        rd_kafka_topic_partition_list_add(l, topic, partition);
    p->offset = offset;
    p->metadata = strdup(text);
    p->metadata_size = p->metadata ? strlen(text) : 0;
    return p->metadata != NULL;
}

rd_kafka_resp_err_t
generation_commit(struct generation *g,
                  const rd_kafka_topic_partition_list_t *l)
{
    return rd_kafka_commit(g->rk, l, 1);
}

/* The first error of a partition. */
static rd_kafka_resp_err_t
take_errors(rd_kafka_topic_partition_list_t *l,
            const rd_kafka_topic_partition_list_t *answer)
{
    rd_kafka_resp_err_t first = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; answer && i < answer->cnt; i++) {
        const rd_kafka_topic_partition_t *a = &answer->elems[i];
        rd_kafka_topic_partition_t *t =
            rd_kafka_topic_partition_list_find(l, a->topic, a->partition);
        if (t)
            t->err = a->err;
        if (!first)
            first = a->err;
    }
    return first;
}

rd_kafka_resp_err_t
generation_commit_wait(struct generation *g, rd_kafka_topic_partition_list_t *l,
                       int timeout_ms)
{
    rd_kafka_queue_t *answer = rd_kafka_queue_new(g->rk);
    rd_kafka_resp_err_t code =
        rd_kafka_commit_queue(g->rk, l, answer, NULL, NULL);
    rd_kafka_event_t *e = code ? NULL : rd_kafka_queue_poll(answer, timeout_ms);
    if (e) {
        const rd_kafka_resp_err_t first =
            take_errors(l, rd_kafka_event_topic_partition_list(e));
        code = rd_kafka_event_error(e) ? rd_kafka_event_error(e) : first;
        rd_kafka_event_destroy(e);
    } else if (!code) {
        code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    rd_kafka_queue_destroy(answer);
    return code;
}

/* ---- the end ------------------------------------------------------------- */

static void
end_handle(void *arg)
{
    struct generation *g = arg;
    generation_forget_topics(g);
    generation_end_assignment(g);
    reaper_close_handle(g->reaper, g->rk, g->queue);
    free_generation(g);
}

void
generation_ref(struct generation *g)
{
    atomic_fetch_add(&g->refs, 1);
}

void
generation_unref(struct generation *g)
{
    if (!g || atomic_fetch_sub(&g->refs, 1) != 1)
        return;
    reaper_run(g->reaper, end_handle, g);
}

void
generation_close_take(struct generation *g, struct reaper *r)
{
    if (!g)
        return;
    atomic_store(&g->muted, true);
    rd_kafka_queue_cb_event_enable(g->queue, NULL, NULL);
    g->reaper = r;
    reaper_expect(r);
    generation_unref(g);
}
