/* See producer_generation.h. */
#include "sdk/src/producer/producer_generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/kafka/kconf.h"
#include "sdk/src/name.h"

static rd_kafka_conf_t *
conf_of(const struct gen_conf *conf)
{
    rd_kafka_conf_t *c = conf->template ? rd_kafka_conf_dup(conf->template)
                                        : rd_kafka_conf_new();
    rd_kafka_conf_set_events(c, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_log_cb(c, conf->on_log);
    rd_kafka_conf_set_opaque(c, conf->arg);
    return c;
}

/* Takes `c`. */
static int
start_take(struct gen *g, const struct gen_conf *conf, rd_kafka_conf_t *c,
           struct err *err)
{
    const int rc = kafka_new_take(RD_KAFKA_PRODUCER, c, &g->rk, err);
    if (rc)
        return rc;
    g->refs = 1;
    g->queue = rd_kafka_queue_get_main(g->rk);
    rd_kafka_queue_cb_event_enable(g->queue, conf->on_wake, conf->arg);
    return 0;
}

static int
set_cluster(rd_kafka_conf_t *c, const struct pt_cluster *cluster,
            struct err *err)
{
    const int rc =
        kconf_set(c, "bootstrap.servers", cluster->bootstrap_servers, err);
    return rc ? rc : kconf_set_all_refs(c, &cluster->properties, err);
}

int
gen_open(const struct gen_conf *conf, const struct pt_cluster *cluster,
         int64_t since, struct gen **out, struct err *err)
{
    struct gen *g = calloc(1, sizeof(*g));
    if (!g)
        return err_nomem(err);
    g->since = since;
    g->cluster = name_intern(cluster->name);
    g->bootstrap = strdup(cluster->bootstrap_servers);
    if (!g->cluster || !g->bootstrap ||
        props_copy(&g->properties, &cluster->properties) != 0) {
        gen_close(g);
        return err_nomem(err);
    }
    rd_kafka_conf_t *c = conf_of(conf);
    int rc = set_cluster(c, cluster, err);
    if (rc)
        rd_kafka_conf_destroy(c);
    else
        rc = start_take(g, conf, c, err);
    if (rc) {
        gen_close(g);
        return rc;
    }
    *out = g;
    return 0;
}

static void
be_silent(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    (void)rk;
    (void)level;
    (void)fac;
    (void)text;
}

int
gen_open_grave(const struct gen_conf *conf, struct gen **out, struct err *err)
{
    static const char *const limits[][2] = {
        {"queue.buffering.max.messages", "10000000"},
        {"queue.buffering.max.kbytes", "2147483647"},
        {"message.max.bytes", "1000000000"},
    };
    struct gen_conf bare = *conf;
    bare.template = NULL;
    bare.on_log = be_silent;
    struct gen *g = calloc(1, sizeof(*g));
    if (!g)
        return err_nomem(err);
    rd_kafka_conf_t *c = conf_of(&bare);
    int rc = 0;
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits) && !rc; i++)
        rc = kconf_set(c, limits[i][0], limits[i][1], err);
    if (rc)
        rd_kafka_conf_destroy(c);
    else
        rc = start_take(g, &bare, c, err);
    if (rc) {
        gen_close(g);
        return rc;
    }
    *out = g;
    return 0;
}

bool
gen_is_for(const struct gen *g, const struct pt_cluster *cluster)
{
    return strcmp(g->cluster, cluster->name) == 0 &&
           strcmp(g->bootstrap, cluster->bootstrap_servers) == 0 &&
           props_equal(&g->properties, &cluster->properties);
}

static rd_kafka_topic_t *
topic_of(struct gen *g, const char *name)
{
    for (size_t i = 0; i < g->n_topics; i++)
        if (strcmp(rd_kafka_topic_name(g->topics[i]), name) == 0)
            return g->topics[i];
    rd_kafka_topic_t **v = reallocarray(g->topics, g->n_topics + 1, sizeof(*v));
    if (!v)
        return NULL;
    g->topics = v;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(g->rk, name, NULL);
    if (!rkt)
        return NULL;
    g->topics[g->n_topics++] = rkt;
    /* Without memory for it a report does not tell its cluster. */
    (void)!name_note(g, rkt, g->rk, name, g->cluster);
    return rkt;
}

int
gen_warm(struct gen *g, const char *topic, int timeout_ms, struct err *err)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *rkt = topic_of(g, topic);
    if (!rkt)
        return err_kafka(err, rd_kafka_last_error(),
                         "cannot use topic %s on cluster %s", topic,
                         g->cluster);
    rd_kafka_resp_err_t rc = rd_kafka_metadata(g->rk, 0, rkt, &md, timeout_ms);
    if (rc) {
        (void)err_kafka(err, rc, "cluster %s (%s) does not answer", g->cluster,
                        g->bootstrap);
        return ERR_UNAVAILABLE;
    }
    rc = md->topic_cnt == 1 ? md->topics[0].err
                            : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    rd_kafka_metadata_destroy(md);
    if (rc)
        return err_kafka(err, rc, "cluster %s, topic %s", g->cluster, topic);
    return 0;
}

void
gen_close(struct gen *g)
{
    if (!g)
        return;
    if (g->queue) {
        rd_kafka_queue_cb_event_enable(g->queue, NULL, NULL);
        rd_kafka_queue_destroy(g->queue);
    }
    name_forget(g);
    for (size_t i = 0; i < g->n_topics; i++)
        rd_kafka_topic_destroy(g->topics[i]);
    if (g->rk)
        rd_kafka_destroy(g->rk);
    free(g->topics);
    free(g->bootstrap);
    props_fini(&g->properties);
    free(g);
}
