/*
 * Owns nothing that outlives a call.  Topics are made through the admin API,
 * many with one request; librdkafka's mock cluster has none, there asking for
 * a topic's metadata makes it.
 */
#include "replicator/topics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/clients.h"

#define METADATA_TIMEOUT_MS 5000
#define APPEAR_TIMEOUT_MS   10000
#define APPEAR_PAUSE_MS     20
#define CHUNK_TOPICS        100
#define CHUNK_PARTITIONS    2000
#define READ_TIMEOUT_MS     60000

int
topics_list(rd_kafka_t *rk, const struct rd_kafka_metadata **out,
            struct err *err)
{
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(rk, 1, NULL, out, METADATA_TIMEOUT_MS);
    return code ? err_kafka(err, code, "cannot list the topics") : 0;
}

int32_t
topics_partitions(const struct rd_kafka_metadata *md, const char *name)
{
    for (int i = 0; i < md->topic_cnt; i++)
        if (strcmp(md->topics[i].topic, name) == 0)
            return md->topics[i].err ? 0 : md->topics[i].partition_cnt;
    return 0;
}

int
topics_look(rd_kafka_t *rk, const char *name, int32_t *partitions,
            struct err *err)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, name, NULL);
    if (!rkt)
        return err_kafka(err, rd_kafka_last_error(), "topic %s", name);
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(rk, 0, rkt, &md, METADATA_TIMEOUT_MS);
    rd_kafka_topic_destroy(rkt);
    if (code)
        return err_kafka(err, code, "cannot look up topic %s", name);
    *partitions = topics_partitions(md, name);
    rd_kafka_metadata_destroy(md);
    return 0;
}

bool
topics_is_gone(rd_kafka_t *rk, const char *name)
{
    const struct rd_kafka_metadata *md;
    bool gone = false;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, name, NULL);
    if (!rkt)
        return false;
    if (rd_kafka_metadata(rk, 0, rkt, &md, METADATA_TIMEOUT_MS) == 0) {
        for (int i = 0; i < md->topic_cnt; i++)
            if (strcmp(md->topics[i].topic, name) == 0)
                gone = md->topics[i].err ==
                       RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(md);
    }
    rd_kafka_topic_destroy(rkt);
    return gone;
}

/* ---- making and growing ------------------------------------------------ */

static bool
lacks(const struct topic_want *w)
{
    return w->err.code == 0 && w->have < w->partitions;
}

/* Those of one request; of many partitions a broker refuses too many. */
struct chunk {
    struct topic_want *of[CHUNK_TOPICS];
    size_t n;
};

static size_t
next_chunk(struct topic_want *wants, size_t n, size_t from, bool new,
           struct chunk *out)
{
    int64_t partitions = 0;
    out->n = 0;
    for (; from < n && out->n < CHUNK_TOPICS; from++) {
        struct topic_want *w = &wants[from];
        if (!lacks(w) || (w->have == 0) != new)
            continue;
        partitions += w->partitions - w->have;
        if (out->n > 0 && partitions > CHUNK_PARTITIONS)
            break;
        out->of[out->n++] = w;
    }
    return from;
}

/* What one topic of the request came to: who was quicker has done our work. */
static void
verdict(struct topic_want *w, const rd_kafka_topic_result_t *res,
        const char *what)
{
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(res);
    const char *why = rd_kafka_topic_result_error_string(res);
    if (!code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ||
        code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS)
        return;
    (void)err_set(&w->err, ERR_KAFKA, "cannot %s topic %s: %s (%s)", what,
                  w->name, why ? why : rd_kafka_err2str(code),
                  rd_kafka_err2name(code));
}

static void
verdicts(struct chunk *c, const rd_kafka_topic_result_t **results, size_t n,
         const char *what)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < c->n; k++)
            if (strcmp(c->of[k]->name,
                       rd_kafka_topic_result_name(results[i])) == 0)
                verdict(c->of[k], results[i], what);
}

static void
fail_all(struct chunk *c, const struct err *err)
{
    for (size_t i = 0; i < c->n; i++)
        c->of[i]->err = *err;
}

static rd_kafka_NewTopic_t *
new_topic(struct topic_want *w)
{
    char why[256];
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(
        w->name, w->partitions, (int)w->replication, why, sizeof(why));
    if (!t)
        (void)err_set(&w->err, ERR_INVALID, "cannot create topic %s: %s",
                      w->name, why);
    for (size_t i = 0; t && w->configs && i < w->configs->n; i++)
        (void)rd_kafka_NewTopic_set_config(t, w->configs->v[i].key,
                                           w->configs->v[i].value);
    return t;
}

static void
create(const struct admin *a, struct chunk *c)
{
    rd_kafka_NewTopic_t *topics[CHUNK_TOPICS];
    struct admin_call call;
    struct err err = {0};
    rd_kafka_event_t *ev;
    size_t n = 0, answered;
    for (size_t i = 0; i < c->n; i++)
        if ((topics[n] = new_topic(c->of[i])))
            n++;
    admin_begin(&call, a, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(a->rk, topics, n, call.options, call.queue);
    rd_kafka_NewTopic_destroy_array(topics, n);
    if (admin_end(&call, "create topics", &ev, &err)) {
        fail_all(c, &err);
        return;
    }
    const rd_kafka_CreateTopics_result_t *res =
        rd_kafka_event_CreateTopics_result(ev);
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(res, &answered);
    verdicts(c, results, answered, "create");
    rd_kafka_event_destroy(ev);
}

static void
grow(const struct admin *a, struct chunk *c)
{
    rd_kafka_NewPartitions_t *topics[CHUNK_TOPICS];
    struct admin_call call;
    struct err err = {0};
    rd_kafka_event_t *ev;
    size_t n = 0, answered;
    char why[256];
    for (size_t i = 0; i < c->n; i++) {
        struct topic_want *w = c->of[i];
        topics[n] = rd_kafka_NewPartitions_new(w->name, (size_t)w->partitions,
                                               why, sizeof(why));
        if (topics[n])
            n++;
        else
            (void)err_set(&w->err, ERR_INVALID, "cannot grow topic %s: %s",
                          w->name, why);
    }
    admin_begin(&call, a, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    rd_kafka_CreatePartitions(a->rk, topics, n, call.options, call.queue);
    rd_kafka_NewPartitions_destroy_array(topics, n);
    if (admin_end(&call, "grow topics", &ev, &err)) {
        fail_all(c, &err);
        return;
    }
    const rd_kafka_CreatePartitions_result_t *res =
        rd_kafka_event_CreatePartitions_result(ev);
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreatePartitions_result_topics(res, &answered);
    verdicts(c, results, answered, "grow");
    rd_kafka_event_destroy(ev);
}

/* ---- waiting for them -------------------------------------------------- */

static size_t
look_at_all(const struct rd_kafka_metadata *md, struct topic_want *wants,
            size_t n)
{
    size_t open = 0;
    for (size_t i = 0; i < n; i++) {
        struct topic_want *w = &wants[i];
        if (!lacks(w))
            continue;
        w->have = topics_partitions(md, w->name);
        open += lacks(w);
    }
    return open;
}

static void
wait_for_all(const struct admin *a, struct topic_want *wants, size_t n)
{
    const int64_t until = clock_mono_ms() + APPEAR_TIMEOUT_MS;
    const struct rd_kafka_metadata *md;
    struct err err = {0};
    size_t open = 1;
    while (open > 0 && clock_mono_ms() < until && !atomic_load(a->stop)) {
        if (topics_list(a->rk, &md, &err) == 0) {
            open = look_at_all(md, wants, n);
            rd_kafka_metadata_destroy(md);
        }
        const struct timespec pause = {.tv_nsec = APPEAR_PAUSE_MS * 1000000L};
        if (open > 0)
            (void)nanosleep(&pause, NULL); /* cut short: looks earlier */
    }
    for (size_t i = 0; i < n; i++)
        if (lacks(&wants[i]))
            (void)err_set(&wants[i].err, ERR_TIMEOUT,
                          "topic %s has %d partitions after it was given %d",
                          wants[i].name, (int)wants[i].have,
                          (int)wants[i].partitions);
}

static void
look_at_each(const struct admin *a, struct topic_want *wants, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err err = {0};
        if (lacks(&wants[i]) &&
            topics_look(a->rk, wants[i].name, &wants[i].have, &err) != 0)
            wants[i].err = err;
    }
}

static void
each_chunk(const struct admin *a, struct topic_want *wants, size_t n, bool new,
           void (*act)(const struct admin *, struct chunk *))
{
    struct chunk c;
    for (size_t at = 0; at < n && !atomic_load(a->stop);) {
        at = next_chunk(wants, n, at, new, &c);
        if (c.n > 0)
            act(a, &c);
    }
}

void
topics_ensure(const struct admin *a, const struct rd_kafka_metadata *md,
              struct topic_want *wants, size_t n)
{
    size_t open = 0;
    for (size_t i = 0; i < n; i++) {
        wants[i].err = (struct err){0};
        wants[i].have = topics_partitions(md, wants[i].name);
        open += lacks(&wants[i]);
    }
    if (open == 0)
        return;
    if (!admin_has_controller(a)) {
        look_at_each(a, wants, n);
        return;
    }
    each_chunk(a, wants, n, true, create);
    each_chunk(a, wants, n, false, grow);
    wait_for_all(a, wants, n);
}

/* A reading under way. */
struct reading {
    const char *topic;
    const atomic_bool *stop;
    void (*record)(const rd_kafka_message_t *m, void *arg);
    void *arg;
    bool *read; /* by partition: its end was reached, or it is not wanted */
    int32_t partitions, open; /* all; those not read yet */
};

/* An absolute offset: logical ones take half a second. If the log begins
 * later, the consumer goes there by itself. */
static int
assign(rd_kafka_t *rk, struct reading *r, const int32_t *wanted, int32_t n,
       struct err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(n);
    for (int32_t i = 0; i < n; i++) {
        const int32_t p = wanted ? wanted[i] : i;
        rd_kafka_topic_partition_list_add(list, r->topic, p)->offset = 0;
        r->read[p] = false;
    }
    r->open = n;
    const rd_kafka_resp_err_t code = rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? err_kafka(err, code, "cannot read topic %s", r->topic) : 0;
}

/* Where a transaction is still open the readable part ends before the log
 * does: what it decides is waited for. */
static void
end_reached(rd_kafka_t *rk, struct reading *r, const rd_kafka_message_t *m)
{
    int64_t low = -1, high = -1;
    (void)rd_kafka_get_watermark_offsets(rk, r->topic, m->partition, &low,
                                         &high); /* unknown: the end it is */
    if (r->read[m->partition] || m->offset < high)
        return;
    r->read[m->partition] = true;
    r->open--;
}

static int
read_to_ends(rd_kafka_t *rk, struct reading *r, struct err *err)
{
    const int64_t until = clock_mono_ms() + READ_TIMEOUT_MS;
    while (r->open > 0) {
        if (atomic_load(r->stop))
            return err_set(err, ERR_CLOSED, "stopped");
        if (clock_mono_ms() > until)
            return err_set(err, ERR_TIMEOUT,
                           "topic %s could not be read to its end", r->topic);
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        if (!m)
            continue;
        if (!m->err && !r->read[m->partition])
            r->record(m, r->arg);
        else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            end_reached(rk, r, m);
        rd_kafka_message_destroy(m);
    }
    return 0;
}

/* Of all partitions when `wanted` is NULL. */
static int
read_from(rd_kafka_t *rk, struct reading *r, const int32_t *wanted, int32_t n,
          struct err *err)
{
    int rc = topics_look(rk, r->topic, &r->partitions, err);
    if (rc == 0 && r->partitions == 0)
        rc = err_set(err, ERR_NOTFOUND, "topic %s is not there", r->topic);
    if (rc != 0)
        return rc;
    r->read = xcalloc((size_t)r->partitions, sizeof(*r->read));
    memset(r->read, true, (size_t)r->partitions);
    rc = assign(rk, r, wanted, wanted ? n : r->partitions, err);
    if (rc == 0)
        rc = read_to_ends(rk, r, err);
    free(r->read);
    return rc;
}

int
topics_read_some(const struct client_settings *c, const char *id,
                 const char *topic, const int32_t *wanted, int32_t n,
                 const atomic_bool *stop,
                 void (*record)(const rd_kafka_message_t *m, void *arg),
                 void *arg, struct err *err)
{
    struct reading r = {
        .topic = topic, .stop = stop, .record = record, .arg = arg};
    rd_kafka_t *rk;
    int rc = client_consumer(c, id, &rk, err);
    if (rc != 0)
        return rc;
    rc = read_from(rk, &r, wanted, n, err);
    (void)rd_kafka_consumer_close(rk); /* reads only: nothing can be lost */
    rd_kafka_destroy(rk);
    return rc;
}

int
topics_read(const struct client_settings *c, const char *id, const char *topic,
            const atomic_bool *stop,
            void (*record)(const rd_kafka_message_t *m, void *arg), void *arg,
            struct err *err)
{
    return topics_read_some(c, id, topic, NULL, 0, stop, record, arg, err);
}
