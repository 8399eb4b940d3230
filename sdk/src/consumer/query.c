/*
 * A query is shared by who asked and by the worker (`refs`); the worker writes
 * it before it sets `done`, the other one reads it after that.
 */
#include "sdk/src/consumer/query.h"

#include <stdlib.h>

#include "common/kafka/kconf.h"

#define QUERY_MS  2000
#define TOPICS_MS 300 /* a hint only, and others wait for the worker */

struct query {
    atomic_int refs;
    atomic_bool done;
    struct wake *wake;
    struct generation *gen; /* either this, with a reference */
    rd_kafka_conf_t *conf;  /* or this */
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;
};

void
query_free(struct query *q)
{
    if (!q || atomic_fetch_sub(&q->refs, 1) != 1)
        return;
    rd_kafka_topic_partition_list_destroy(q->list);
    if (q->conf)
        rd_kafka_conf_destroy(q->conf);
    wake_unref(q->wake);
    free(q);
}

static void
finish(struct query *q)
{
    atomic_store(&q->done, true);
    wake_up(q->wake);
    query_free(q);
}

static void
run_commits(void *arg)
{
    struct query *q = arg;
    q->code = rd_kafka_committed(q->gen->rk, q->list, QUERY_MS);
    generation_unref(q->gen);
    q->gen = NULL;
    finish(q);
}

static rd_kafka_resp_err_t
look_for(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    if (!rkt)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, rkt, &md, TOPICS_MS);
    if (!code && md->topic_cnt == 1)
        code = md->topics[0].err;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        code = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (md)
        rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(rkt);
    return code;
}

static void
run_topics(void *arg)
{
    struct query *q = arg;
    for (int i = 0; i < q->list->cnt && !q->code; i++) {
        const rd_kafka_resp_err_t code =
            look_for(q->gen->rk, q->list->elems[i].topic);
        q->list->elems[i].err = code;
        if (code && code != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
            q->code = code; /* the cluster is gone: ask no more */
    }
    generation_unref(q->gen);
    q->gen = NULL;
    finish(q);
}

static void
run_ends(void *arg)
{
    struct query *q = arg;
    for (int i = 0; i < q->list->cnt && !q->code; i++) {
        rd_kafka_topic_partition_t *t = &q->list->elems[i];
        int64_t low = 0;
        t->err = rd_kafka_query_watermark_offsets(
            q->gen->rk, t->topic, t->partition, &low, &t->offset, QUERY_MS);
        if (t->err == RD_KAFKA_RESP_ERR__TIMED_OUT)
            q->code = t->err; /* the cluster is gone: ask no more */
    }
    generation_unref(q->gen);
    q->gen = NULL;
    finish(q);
}

static void
ask_elsewhere(struct query *q,
              rd_kafka_resp_err_t (*ask)(rd_kafka_t *rk,
                                         rd_kafka_topic_partition_list_t *l))
{
    rd_kafka_t *rk = NULL;
    rd_kafka_conf_set_log_cb(q->conf, NULL); /* what matters is in `code` */
    const int rc = kafka_new_take(RD_KAFKA_CONSUMER, q->conf, &rk, NULL);
    q->conf = NULL;
    q->code = RD_KAFKA_RESP_ERR__FAIL;
    if (rc == 0) {
        q->code = ask(rk, q->list);
        rd_kafka_destroy(rk);
    }
    finish(q);
}

static rd_kafka_resp_err_t
ask_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *l)
{
    return rd_kafka_committed(rk, l, QUERY_MS);
}

static void
run_elsewhere(void *arg)
{
    ask_elsewhere(arg, ask_committed);
}

static rd_kafka_resp_err_t
ask_names(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *l)
{
    const struct rd_kafka_metadata *md = NULL;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(rk, 1, NULL, &md, QUERY_MS);
    for (int i = 0; !code && i < md->topic_cnt; i++)
        if (!md->topics[i].err)
            rd_kafka_topic_partition_list_add(l, md->topics[i].topic,
                                              RD_KAFKA_PARTITION_UA);
    if (md)
        rd_kafka_metadata_destroy(md);
    return code;
}

static void
run_names(void *arg)
{
    struct query *q = arg;
    q->code = ask_names(q->gen->rk, q->list);
    generation_unref(q->gen);
    q->gen = NULL;
    finish(q);
}

static void
run_names_elsewhere(void *arg)
{
    ask_elsewhere(arg, ask_names);
}

static struct query *
post(struct worker *w, struct query *q, void (*fn)(void *arg))
{
    if (worker_post(w, 0, fn, q) == 0)
        return q;
    generation_unref(q->gen);
    query_free(q);
    query_free(q);
    return NULL;
}

static struct query *
new_query(struct wake *wake, rd_kafka_topic_partition_list_t *list)
{
    struct query *q = calloc(1, sizeof(*q));
    if (!q) {
        rd_kafka_topic_partition_list_destroy(list);
        return NULL;
    }
    q->list = list;
    q->wake = wake_ref(wake);
    atomic_init(&q->refs, 2);
    return q;
}

static struct query *
ask_generation(struct worker *w, struct wake *wake, struct generation *g,
               rd_kafka_topic_partition_list_t *list, void (*fn)(void *arg))
{
    struct query *q = new_query(wake, list);
    if (!q)
        return NULL;
    generation_ref(g);
    q->gen = g;
    return post(w, q, fn);
}

struct query *
query_commits(struct worker *w, struct wake *wake, struct generation *g,
              rd_kafka_topic_partition_list_t *list)
{
    return ask_generation(w, wake, g, list, run_commits);
}

struct query *
query_topics(struct worker *w, struct wake *wake, struct generation *g,
             rd_kafka_topic_partition_list_t *list)
{
    return ask_generation(w, wake, g, list, run_topics);
}

struct query *
query_ends(struct worker *w, struct wake *wake, struct generation *g,
           rd_kafka_topic_partition_list_t *list)
{
    return ask_generation(w, wake, g, list, run_ends);
}

static struct query *
ask_conf(struct worker *w, struct wake *wake, rd_kafka_conf_t *conf,
         rd_kafka_topic_partition_list_t *list, void (*fn)(void *arg))
{
    struct query *q = new_query(wake, list);
    if (!q) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    q->conf = conf;
    return post(w, q, fn);
}

struct query *
query_elsewhere(struct worker *w, struct wake *wake, rd_kafka_conf_t *conf,
                rd_kafka_topic_partition_list_t *list)
{
    return ask_conf(w, wake, conf, list, run_elsewhere);
}

struct query *
query_names(struct worker *w, struct wake *wake, struct generation *g)
{
    return ask_generation(w, wake, g, rd_kafka_topic_partition_list_new(64),
                          run_names);
}

struct query *
query_names_elsewhere(struct worker *w, struct wake *wake,
                      rd_kafka_conf_t *conf)
{
    return ask_conf(w, wake, conf, rd_kafka_topic_partition_list_new(64),
                    run_names_elsewhere);
}

bool
query_done(struct query *q)
{
    return atomic_load(&q->done);
}

rd_kafka_resp_err_t
query_result(struct query *q, const rd_kafka_topic_partition_list_t **list)
{
    *list = q->list;
    return q->code;
}
