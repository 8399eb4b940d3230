/*
 * Owns nothing that outlives a call.  Topics are made through the admin API.
 * librdkafka's mock cluster names a controller that is none of its brokers and
 * never answers admin requests; there, asking for a topic's metadata makes it.
 */
#include "replicator/topics.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/clients.h"

#define METADATA_TIMEOUT_MS 5000
#define LIST_TIMEOUT_MS     2000 /* a flow copies nothing meanwhile */
#define ADMIN_TIMEOUT_MS    15000
#define APPEAR_TIMEOUT_MS   10000
#define READ_TIMEOUT_MS     60000

int
topics_list(rd_kafka_t *rk, const struct rd_kafka_metadata **out,
            struct err *err)
{
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(rk, 1, NULL, out, LIST_TIMEOUT_MS);
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

static bool
has_controller(rd_kafka_t *rk, const struct rd_kafka_metadata *md)
{
    const int32_t id = rd_kafka_controllerid(rk, METADATA_TIMEOUT_MS);
    for (int i = 0; i < md->broker_cnt; i++)
        if (md->brokers[i].id == id)
            return true;
    return false;
}

/* Asks for this one topic. */
static int
look(rd_kafka_t *rk, const char *name, int32_t *partitions, struct err *err)
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

static int
wait_for(rd_kafka_t *rk, const struct topic_want *want, int32_t *partitions,
         struct err *err)
{
    const int64_t until = clock_mono_ms() + APPEAR_TIMEOUT_MS;
    do {
        const int rc = look(rk, want->name, partitions, err);
        if (rc != 0 || *partitions >= want->partitions)
            return rc;
        (void)rd_kafka_poll(rk, 50); /* a pause that serves callbacks */
    } while (clock_mono_ms() < until);
    return err_set(err, ERR_TIMEOUT,
                   "topic %s was made, but does not have its %d partitions",
                   want->name, (int)want->partitions);
}

static rd_kafka_AdminOptions_t *
options(rd_kafka_t *rk, rd_kafka_admin_op_t op)
{
    char why[128];
    rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(rk, op);
    (void)rd_kafka_AdminOptions_set_request_timeout(o, ADMIN_TIMEOUT_MS, why,
                                                    sizeof(why));
    return o;
}

/* Takes the event: the code of its only topic, with words. */
static int
verdict_take(rd_kafka_event_t *ev, const rd_kafka_topic_result_t **results,
             const char *what, const char *name, struct err *err)
{
    if (!ev)
        return err_set(err, ERR_TIMEOUT, "cannot %s topic %s: no answer", what,
                       name);
    rd_kafka_resp_err_t code = rd_kafka_event_error(ev);
    const char *why = rd_kafka_event_error_string(ev);
    if (!code && results) {
        code = rd_kafka_topic_result_error(results[0]);
        why = rd_kafka_topic_result_error_string(results[0]);
    }
    int rc = 0;
    if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        rc = err_set(err, ERR_KAFKA, "cannot %s topic %s: %s (%s)", what, name,
                     why ? why : "", rd_kafka_err2name(code));
    rd_kafka_event_destroy(ev);
    return rc;
}

static int
create(rd_kafka_t *rk, const struct topic_want *want, struct err *err)
{
    char why[256];
    size_t n;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        want->name, want->partitions, (int)want->replication, why, sizeof(why));
    if (!topic)
        return err_set(err, ERR_INVALID, "cannot create topic %s: %s",
                       want->name, why);
    if (want->compact)
        (void)rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
    rd_kafka_AdminOptions_t *o = options(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &topic, 1, o, q);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, ADMIN_TIMEOUT_MS + 5000);
    const rd_kafka_CreateTopics_result_t *res =
        ev ? rd_kafka_event_CreateTopics_result(ev) : NULL;
    const int rc = verdict_take(
        ev, res ? rd_kafka_CreateTopics_result_topics(res, &n) : NULL, "create",
        want->name, err);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(o);
    rd_kafka_NewTopic_destroy(topic);
    return rc;
}

static int
grow(rd_kafka_t *rk, const struct topic_want *want, struct err *err)
{
    char why[256];
    size_t n;
    rd_kafka_NewPartitions_t *parts = rd_kafka_NewPartitions_new(
        want->name, (size_t)want->partitions, why, sizeof(why));
    if (!parts)
        return err_set(err, ERR_INVALID, "cannot grow topic %s: %s", want->name,
                       why);
    rd_kafka_AdminOptions_t *o =
        options(rk, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_CreatePartitions(rk, &parts, 1, o, q);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, ADMIN_TIMEOUT_MS + 5000);
    const rd_kafka_CreatePartitions_result_t *res =
        ev ? rd_kafka_event_CreatePartitions_result(ev) : NULL;
    const int rc = verdict_take(
        ev, res ? rd_kafka_CreatePartitions_result_topics(res, &n) : NULL,
        "grow", want->name, err);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(o);
    rd_kafka_NewPartitions_destroy(parts);
    return rc;
}

int
topics_ensure(rd_kafka_t *rk, const struct rd_kafka_metadata *md,
              const struct topic_want *want, int32_t *partitions,
              struct err *err)
{
    *partitions = topics_partitions(md, want->name);
    if (*partitions >= want->partitions)
        return 0;
    if (!has_controller(rk, md))
        return look(rk, want->name, partitions, err);
    const int rc =
        *partitions == 0 ? create(rk, want, err) : grow(rk, want, err);
    return rc != 0 ? rc : wait_for(rk, want, partitions, err);
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
    int rc = look(rk, r->topic, &r->partitions, err);
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
    int rc = client_consumer(c, NULL, id, true, &rk, err);
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
