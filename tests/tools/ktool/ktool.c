/*
 * ktool: what tests ask of a Kafka cluster, in milliseconds instead of the
 * second that a JVM takes to start.  One command, one thread, exit code 0 or
 * 1 with a sentence on stderr.
 */
#include "tests/tools/ktool/ktool.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/strs.h"

#define TRY_MS   2000
#define RETRY_MS 20

struct command {
    const char *name;
    int words;
    const char *usage;
    int (*run)(struct ktool *k);
};

int
fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "ktool: %s: %s\n", what, why);
    return 1;
}

/* Of all topics: naming one might make it. NULL: none. */
static const struct rd_kafka_metadata *
metadata(struct ktool *k)
{
    const struct rd_kafka_metadata *md;
    const rd_kafka_resp_err_t kerr =
        rd_kafka_metadata(k->rk, 1, NULL, &md, ADMIN_MS);
    return kerr ? NULL : md;
}

/* NULL, or why a partition does not answer yet.  After a broker's restart
 * metadata names it as the leader before it knows of it. */
static const char *
topic_silent(struct ktool *k, const struct rd_kafka_metadata_topic *t)
{
    int64_t low, high;
    rd_kafka_resp_err_t kerr = t->err;
    for (int p = 0; p < t->partition_cnt && kerr == 0; p++)
        kerr = rd_kafka_query_watermark_offsets(k->rk, t->topic, p, &low, &high,
                                                TRY_MS);
    return kerr ? rd_kafka_err2str(kerr) : NULL;
}

/* NULL when every partition of every topic answers. */
static const char *
cluster_silent(struct ktool *k)
{
    const struct rd_kafka_metadata *md = metadata(k);
    if (!md)
        return "no metadata";
    const char *why = NULL;
    for (int i = 0; i < md->topic_cnt && !why; i++)
        why = topic_silent(k, &md->topics[i]);
    rd_kafka_metadata_destroy(md);
    return why;
}

/* wait SECONDS */
static int
run_wait(struct ktool *k)
{
    int64_t seconds;
    if (!str_to_i64(k->words[0], 0, 3600, &seconds))
        return fail(k->words[0], "is no number of seconds");
    const int64_t end = clock_mono_ms() + seconds * 1000;
    const char *why;
    while ((why = cluster_silent(k))) {
        if (clock_mono_ms() > end)
            return fail("wait", why);
        (void)rd_kafka_poll(k->rk, RETRY_MS);
    }
    return 0;
}

/* The number of partitions if each has a leader; else 0. */
static int
ready_partitions(struct ktool *k, const char *topic)
{
    int found = 0;
    const struct rd_kafka_metadata *md = metadata(k);
    for (int i = 0; md && i < md->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &md->topics[i];
        if (!str_equal(t->topic, topic) || t->err)
            continue;
        found = t->partition_cnt;
        for (int p = 0; p < t->partition_cnt; p++)
            if (t->partitions[p].err || t->partitions[p].leader < 0)
                found = 0;
    }
    if (md)
        rd_kafka_metadata_destroy(md);
    return found;
}

static int
topic_result(rd_kafka_event_t *ev)
{
    size_t n = 0;
    if (rd_kafka_event_error(ev))
        return fail("create-topic", rd_kafka_event_error_string(ev));
    const rd_kafka_topic_result_t **r = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(ev), &n);
    if (n == 1 && rd_kafka_topic_result_error(r[0]))
        return fail(rd_kafka_topic_result_name(r[0]),
                    rd_kafka_topic_result_error_string(r[0]));
    return 0;
}

static int
create(struct ktool *k, const char *topic, int partitions)
{
    char why[256];
    rd_kafka_NewTopic_t *t =
        rd_kafka_NewTopic_new(topic, partitions, 1, why, sizeof(why));
    if (!t)
        return fail(topic, why);
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_CreateTopics(k->rk, &t, 1, NULL, q);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, DEADLINE_MS);
    const int rc = ev ? topic_result(ev) : fail(topic, "no answer");
    if (ev)
        rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(q);
    rd_kafka_NewTopic_destroy(t);
    return rc;
}

/* create-topic TOPIC PARTITIONS */
static int
run_create_topic(struct ktool *k)
{
    int64_t partitions;
    if (!str_to_i64(k->words[1], 1, 100000, &partitions))
        return fail(k->words[1], "is no number of partitions");
    if (create(k, k->words[0], (int)partitions))
        return 1;
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (ready_partitions(k, k->words[0]) != partitions) {
        if (clock_mono_ms() > end)
            return fail(k->words[0], "made, but has no leaders");
        (void)rd_kafka_poll(k->rk, RETRY_MS);
    }
    return 0;
}

/* end-offsets TOPIC: "PARTITION START END" each */
static int
run_end_offsets(struct ktool *k)
{
    const char *topic = k->words[0];
    const int n = ready_partitions(k, topic);
    if (n == 0)
        return fail(topic, "no such topic, or a partition without a leader");
    for (int p = 0; p < n; p++) {
        int64_t low, high;
        const rd_kafka_resp_err_t kerr = rd_kafka_query_watermark_offsets(
            k->rk, topic, p, &low, &high, ADMIN_MS);
        if (kerr)
            return fail(topic, rd_kafka_err2str(kerr));
        (void)printf("%d %lld %lld\n", p, (long long)low, (long long)high);
    }
    return 0;
}

/* topics: "NAME PARTITIONS" each */
static int
run_topics(struct ktool *k)
{
    const struct rd_kafka_metadata *md = metadata(k);
    if (!md)
        return fail("topics", "no metadata");
    for (int i = 0; i < md->topic_cnt; i++)
        (void)printf("%s %d\n", md->topics[i].topic,
                     md->topics[i].partition_cnt);
    rd_kafka_metadata_destroy(md);
    return 0;
}

/* leaders TOPIC: "PARTITION BROKER" each; -1: none */
static int
run_leaders(struct ktool *k)
{
    const struct rd_kafka_metadata *md = metadata(k);
    if (!md)
        return fail("leaders", "no metadata");
    for (int i = 0; i < md->topic_cnt; i++)
        for (int p = 0; p < md->topics[i].partition_cnt; p++)
            if (str_equal(md->topics[i].topic, k->words[0]))
                (void)printf("%d %d\n", (int)md->topics[i].partitions[p].id,
                             (int)md->topics[i].partitions[p].leader);
    rd_kafka_metadata_destroy(md);
    return 0;
}

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    (void)rk;
    (void)arg;
    rd_kafka_resp_err_t *result = m->_private;
    *result = m->err;
}

/* produce TOPIC PARTITION VALUE */
static int
run_produce(struct ktool *k)
{
    int64_t partition;
    rd_kafka_resp_err_t result = RD_KAFKA_RESP_ERR__IN_PROGRESS;
    if (!str_to_i64(k->words[1], 0, 100000, &partition))
        return fail(k->words[1], "is no partition");
    rd_kafka_resp_err_t kerr =
        rd_kafka_producev(k->rk, RD_KAFKA_V_TOPIC(k->words[0]),
                          RD_KAFKA_V_PARTITION((int32_t)partition),
                          RD_KAFKA_V_VALUE(k->words[2], strlen(k->words[2])),
                          RD_KAFKA_V_OPAQUE(&result), RD_KAFKA_V_END);
    if (kerr == 0)
        kerr = rd_kafka_flush(k->rk, DEADLINE_MS);
    if (kerr == 0)
        kerr = result;
    return kerr ? fail(k->words[0], rd_kafka_err2str(kerr)) : 0;
}

static const struct command commands[] = {
    {"wait", 1, "wait BOOTSTRAP SECONDS", run_wait},
    {"topics", 0, "topics BOOTSTRAP", run_topics},
    {"leaders", 1, "leaders BOOTSTRAP TOPIC", run_leaders},
    {"create-topic", 2, "create-topic BOOTSTRAP TOPIC PARTITIONS",
     run_create_topic},
    {"end-offsets", 1, "end-offsets BOOTSTRAP TOPIC", run_end_offsets},
    {"produce", 3, "produce BOOTSTRAP TOPIC PARTITION VALUE", run_produce},
    {"grow", 2, "grow BOOTSTRAP TOPIC PARTITIONS", run_grow},
    {"describe", 2, "describe BOOTSTRAP TOPIC CONFIG", run_describe},
    {"alter", 2, "alter BOOTSTRAP TOPIC KEY=VALUE,...", run_alter},
    {"delete-topic", 1, "delete-topic BOOTSTRAP TOPIC", run_delete_topic},
    {"delete-records", 3, "delete-records BOOTSTRAP TOPIC PARTITION OFFSET",
     run_delete_records},
    {"deny", 2, "deny BOOTSTRAP TOPIC PRINCIPAL", run_deny},
    {"allow", 3, "allow BOOTSTRAP TOPIC PRINCIPAL OPERATION", run_allow},
    {"lift", 1, "lift BOOTSTRAP TOPIC", run_lift},
    {"rules", 0, "rules BOOTSTRAP", run_rules},
    {"settings", 1, "settings BOOTSTRAP TOPIC", run_settings},
    {"write", 1, "write BOOTSTRAP TOPIC", run_write},
    {"write-tx", 1, "write-tx BOOTSTRAP TOPIC", run_write_tx},
    {"dump", 1, "dump BOOTSTRAP TOPIC", run_dump},
    {"prints", 1, "prints BOOTSTRAP TOPIC", run_prints},
    {"commit", 5, "commit BOOTSTRAP GROUP TOPIC PARTITION OFFSET METADATA",
     run_commit},
    {"committed", 2, "committed BOOTSTRAP GROUP TOPIC", run_committed},
    {"join", 2, "join BOOTSTRAP GROUP TOPIC", run_join},
    {NULL, 0, NULL, NULL},
};

static rd_kafka_t *
client_new(const char *bootstrap)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    /* log_level: what fails is told by the command. */
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why,
                          sizeof(why)) ||
        rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why)))
        goto bad;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (rk)
        return rk; /* which took conf */
bad:
    rd_kafka_conf_destroy(conf);
    (void)fail(bootstrap, why);
    return NULL;
}

static const struct command *
find(const char *name, int words)
{
    for (const struct command *c = commands; c->name; c++)
        if (str_equal(c->name, name) && c->words == words)
            return c;
    return NULL;
}

int
main(int argc, char **argv)
{
    const struct command *c = argc < 3 ? NULL : find(argv[1], argc - 3);
    if (!c) {
        for (c = commands; c->name; c++)
            (void)fprintf(stderr, "usage: ktool %s\n", c->usage);
        return 1;
    }
    struct ktool k = {
        .rk = client_new(argv[2]), .bootstrap = argv[2], .words = argv + 3};
    if (!k.rk)
        return 1;
    const int rc = c->run(&k);
    rd_kafka_destroy(k.rk);
    return rc;
}
