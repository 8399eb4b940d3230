/*
 * What is asked and changed about topics.  Owns nothing.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/strs.h"
#include "tests/tools/ktool/ktool.h"

/* Takes the event; NULL is "no answer". */
static int
verdict_take(rd_kafka_event_t *ev, const char *what)
{
    if (!ev)
        return fail(what, "no answer");
    const rd_kafka_resp_err_t kerr = rd_kafka_event_error(ev);
    const int rc = kerr ? fail(what, rd_kafka_event_error_string(ev)) : 0;
    rd_kafka_event_destroy(ev);
    return rc;
}

static rd_kafka_resp_err_t
grown(rd_kafka_event_t *ev)
{
    size_t n;
    const rd_kafka_CreatePartitions_result_t *res =
        ev ? rd_kafka_event_CreatePartitions_result(ev) : NULL;
    const rd_kafka_topic_result_t **topics =
        res ? rd_kafka_CreatePartitions_result_topics(res, &n) : NULL;
    return topics ? rd_kafka_topic_result_error(topics[0]) : 0;
}

/* grow TOPIC PARTITIONS */
int
run_grow(struct ktool *k)
{
    char why[256];
    int64_t n;
    if (!str_to_i64(k->words[1], 1, 100000, &n))
        return fail(k->words[1], "is no number of partitions");
    rd_kafka_NewPartitions_t *parts =
        rd_kafka_NewPartitions_new(k->words[0], (size_t)n, why, sizeof(why));
    if (!parts)
        return fail(k->words[0], why);
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_CreatePartitions(k->rk, &parts, 1, NULL, q);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, DEADLINE_MS);
    const rd_kafka_resp_err_t kerr = grown(ev);
    int rc = verdict_take(ev, k->words[0]);
    if (rc == 0 && kerr)
        rc = fail(k->words[0], rd_kafka_err2str(kerr));
    rd_kafka_queue_destroy(q);
    rd_kafka_NewPartitions_destroy(parts);
    return rc;
}

static int
print_size(struct ktool *k, const char *topic)
{
    const struct rd_kafka_metadata *md;
    if (rd_kafka_metadata(k->rk, 1, NULL, &md, ADMIN_MS))
        return fail(topic, "no metadata");
    int found = 0;
    for (int i = 0; i < md->topic_cnt && !found; i++) {
        const struct rd_kafka_metadata_topic *t = &md->topics[i];
        found = str_equal(t->topic, topic) && t->partition_cnt > 0;
        if (found)
            (void)printf("%d %d ", t->partition_cnt,
                         t->partitions[0].replica_cnt);
    }
    rd_kafka_metadata_destroy(md);
    return found ? 0 : fail(topic, "no such topic");
}

static void
print_config(rd_kafka_event_t *ev, const char *name)
{
    size_t n = 0, m = 0;
    const rd_kafka_ConfigResource_t **res =
        rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(ev), &n);
    const rd_kafka_ConfigEntry_t **entries =
        n > 0 ? rd_kafka_ConfigResource_configs(res[0], &m) : NULL;
    for (size_t i = 0; i < m; i++)
        if (str_equal(rd_kafka_ConfigEntry_name(entries[i]), name))
            (void)printf("%s\n", rd_kafka_ConfigEntry_value(entries[i]));
}

/* describe TOPIC CONFIG: "PARTITIONS REPLICATION VALUE" */
int
run_describe(struct ktool *k)
{
    if (print_size(k, k->words[0]))
        return 1;
    rd_kafka_ConfigResource_t *res =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, k->words[0]);
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_DescribeConfigs(k->rk, &res, 1, NULL, q);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, DEADLINE_MS);
    if (ev && !rd_kafka_event_error(ev))
        print_config(ev, k->words[1]);
    const int rc = verdict_take(ev, k->words[0]);
    rd_kafka_queue_destroy(q);
    rd_kafka_ConfigResource_destroy(res);
    return rc;
}
