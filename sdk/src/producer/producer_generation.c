/*
 * See producer_generation.h.
 *
 * Two interceptors ride on each handle.  on_send numbers a record, in the
 * order of acceptance, in its `offset`, which nobody needs until it is
 * acknowledged: by that number those that come back are put into their order
 * again.  on_acknowledgement takes the number away where not every report comes
 * by reports.c, which does it otherwise, and cheaper.
 */
#include "sdk/src/producer/producer_generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/kafka/kconf.h"
#include "sdk/src/hash.h"
#include "sdk/src/name.h"
#include "sdk/src/producer/producer_int.h"

struct gen_topic {
    const char *name; /* interned */
    rd_kafka_topic_t *rkt;
    bool warm;
    UT_hash_handle hh;
};

/* ---- callbacks of librdkafka -------------------------------------------- */

static rd_kafka_resp_err_t
on_send(rd_kafka_t *rk, rd_kafka_message_t *m, void *arg)
{
    struct gen *g = arg;
    (void)rk;
    numbers_give(g, m);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_acknowledgement(rd_kafka_t *rk, rd_kafka_message_t *m, void *arg)
{
    struct gen *g = arg;
    (void)rk;
    numbers_take(g, m);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
hub_on_send(rd_kafka_t *rk, rd_kafka_message_t *m, void *arg)
{
    struct gen *g = arg;
    (void)rk;
    m->offset = (int64_t)g->p->verdict;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
hub_on_acknowledgement(rd_kafka_t *rk, rd_kafka_message_t *m, void *arg)
{
    (void)rk;
    (void)arg;
    m->err = (rd_kafka_resp_err_t)m->offset;
    m->offset = RD_KAFKA_OFFSET_INVALID;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *arg, char *text,
       size_t size)
{
    const struct gen *g = arg;
    rd_kafka_resp_err_t rc;
    (void)conf;
    (void)text;
    (void)size;
    if (!g->cluster) {
        rc = rd_kafka_interceptor_add_on_send(rk, "shunt", hub_on_send, arg);
        return rc ? rc
                  : rd_kafka_interceptor_add_on_acknowledgement(
                        rk, "shunt", hub_on_acknowledgement, arg);
    }
    rc = rd_kafka_interceptor_add_on_send(rk, "shunt", on_send, arg);
    if (!rc && numbers_early(g->p))
        rc = rd_kafka_interceptor_add_on_acknowledgement(
            rk, "shunt", on_acknowledgement, arg);
    return rc;
}

static void
on_wake(rd_kafka_t *rk, void *arg)
{
    (void)rk;
    producer_wake(arg);
}

static void
on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    const struct gen *g = rk ? rd_kafka_opaque(rk) : NULL;
    /* What it says of a line that we cut ourselves interests nobody. */
    if (g && g->cluster && !atomic_load(&g->leaving) && g->p->e.on_log)
        g->p->e.on_log(level, fac, text, g->p->e.arg);
}

static int
on_socket(int domain, int type, int protocol, void *arg)
{
    return line_socket(&((struct gen *)arg)->line, domain, type, protocol);
}

static int
on_connect(int fd, const struct sockaddr *addr, int len, const char *id,
           void *arg)
{
    return line_connect(&((struct gen *)arg)->line, fd, addr, len, id);
}

static int
on_close(int fd, void *arg)
{
    return line_close(&((struct gen *)arg)->line, fd);
}

/* ---- open and close ----------------------------------------------------- */

static rd_kafka_conf_t *
conf_of(struct gen *g)
{
    const struct engine *e = &g->p->e;
    const bool hub = !g->cluster;
    rd_kafka_conf_t *c = hub ? rd_kafka_conf_new() : engine_conf(e);
    rd_kafka_conf_set_events(c, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR |
                                    (hub ? 0 : e->events));
    rd_kafka_conf_set_log_cb(c, on_log);
    rd_kafka_conf_set_opaque(c, g);
    rd_kafka_conf_set_socket_cb(c, on_socket);
    rd_kafka_conf_set_connect_cb(c, on_connect);
    rd_kafka_conf_set_closesocket_cb(c, on_close);
    (void)rd_kafka_conf_interceptor_add_on_new(c, "shunt", on_new, g);
    return c;
}

/* Takes `c`. */
static int
start_take(struct gen *g, rd_kafka_conf_t *c, struct err *err)
{
    const int rc = kafka_new_take(RD_KAFKA_PRODUCER, c, &g->rk, err);
    if (rc)
        return rc;
    g->queue = rd_kafka_queue_get_main(g->rk);
    rd_kafka_queue_cb_event_enable(g->queue, on_wake, g->p);
    return 0;
}

static int
set_cluster(rd_kafka_conf_t *c, struct gen *g, struct err *err)
{
    int rc = kconf_set(c, "bootstrap.servers", g->bootstrap, err);
    if (!rc)
        rc = kconf_set_all_refs(c, &g->properties, err);
    /* Nobody asks for reports: only what fails makes one, for a move has to
     * see what it purges; the rest costs what it costs without reports. */
    if (!rc && g->p->e.reports == REPORTS_NONE)
        rc = kconf_set(c, "delivery.report.only.error", "true", err);
    return rc;
}

static struct gen *
new_gen(struct producer *p)
{
    struct gen *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    g->tag.arg = p->e.arg;
    g->p = p;
    line_init(&g->line, &p->e.net, p->e.arg);
    return g;
}

/* Takes `g`, whose cluster is set. */
static int
start_gen(struct gen *g, struct gen **out, struct err *err)
{
    rd_kafka_conf_t *c = conf_of(g);
    int rc = set_cluster(c, g, err);
    if (rc)
        rd_kafka_conf_destroy(c);
    else
        rc = start_take(g, c, err);
    if (rc) {
        gen_close(g);
        return rc;
    }
    *out = g;
    return 0;
}

int
gen_open(struct producer *p, const struct pt_cluster *cluster, struct gen **out,
         struct err *err)
{
    struct gen *g = new_gen(p);
    if (!g)
        return err_nomem(err);
    g->cluster = name_intern(cluster->name);
    g->bootstrap = strdup(cluster->bootstrap_servers);
    if (!g->cluster || !g->bootstrap ||
        props_copy(&g->properties, &cluster->properties) != 0) {
        gen_close(g);
        return err_nomem(err);
    }
    return start_gen(g, out, err);
}

int
gen_open_hub(struct producer *p, struct gen **out, struct err *err)
{
    static const char *const limits[][2] = {
        {"queue.buffering.max.messages", "10000000"},
        {"queue.buffering.max.kbytes", "2147483647"},
        {"message.max.bytes", "1000000000"},
    };
    struct gen *g = new_gen(p);
    if (!g)
        return err_nomem(err);
    rd_kafka_conf_t *c = conf_of(g);
    int rc = 0;
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits) && !rc; i++)
        rc = kconf_set(c, limits[i][0], limits[i][1], err);
    if (rc)
        rd_kafka_conf_destroy(c);
    else
        rc = start_take(g, c, err);
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
    return g->cluster && strcmp(g->cluster, cluster->name) == 0 &&
           strcmp(g->bootstrap, cluster->bootstrap_servers) == 0 &&
           props_equal(&g->properties, &cluster->properties);
}

void
gen_close(struct gen *g)
{
    struct gen_topic *t, *tmp;
    if (!g)
        return;
    if (g->queue) {
        rd_kafka_queue_cb_event_enable(g->queue, NULL, NULL);
        rd_kafka_queue_destroy(g->queue);
    }
    name_forget(g);
    HASH_ITER(hh, g->topics, t, tmp)
    {
        HASH_DEL(g->topics, t);
        rd_kafka_topic_destroy(t->rkt);
        free(t);
    }
    if (g->rk)
        rd_kafka_destroy(g->rk);
    line_fini(&g->line);
    free(g->bootstrap);
    props_fini(&g->properties);
    free(g);
}

/* ---- topics ------------------------------------------------------------- */

static struct gen_topic *
add_topic(struct gen *g, const char *name, const rd_kafka_topic_conf_t *conf)
{
    struct gen_topic *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->name = name_intern(name);
    t->rkt = t->name
                 ? rd_kafka_topic_new(
                       g->rk, name, conf ? rd_kafka_topic_conf_dup(conf) : NULL)
                 : NULL;
    if (!t->rkt) {
        free(t);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, g->topics, t->name, strlen(t->name), t);
    if (!hash_has(t)) {
        rd_kafka_topic_destroy(t->rkt);
        free(t);
        return NULL;
    }
    /* Without memory for it a report does not tell its cluster. */
    if (g->cluster)
        (void)!name_note(g, t->rkt, g->rk, name, g->cluster);
    return t;
}

static struct gen_topic *
topic_of(struct gen *g, const char *name, const rd_kafka_topic_conf_t *conf)
{
    struct gen_topic *t;
    HASH_FIND_STR(g->topics, name, t);
    return t ? t : add_topic(g, name, conf);
}

rd_kafka_topic_t *
gen_topic(struct gen *g, const char *name, const rd_kafka_topic_conf_t *conf)
{
    struct gen_topic *t = topic_of(g, name, conf);
    return t ? t->rkt : NULL;
}

static rd_kafka_resp_err_t
ask_about(struct gen *g, const struct gen_topic *t, int timeout_ms,
          rd_kafka_resp_err_t *topic_err)
{
    const struct rd_kafka_metadata *md = NULL;
    const rd_kafka_resp_err_t rc =
        rd_kafka_metadata(g->rk, 0, t->rkt, &md, timeout_ms);
    if (rc)
        return rc;
    *topic_err = md->topic_cnt == 1 ? md->topics[0].err
                                    : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    rd_kafka_metadata_destroy(md);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int
gen_warm(struct gen *g, const char *name, const rd_kafka_topic_conf_t *conf,
         int timeout_ms, struct err *err)
{
    rd_kafka_resp_err_t topic_err = RD_KAFKA_RESP_ERR_NO_ERROR;
    struct gen_topic *t = topic_of(g, name, conf);
    if (!t)
        return err_kafka(err, rd_kafka_last_error(),
                         "cannot use topic %s on cluster %s", name, g->cluster);
    if (t->warm)
        return 0;
    const rd_kafka_resp_err_t rc = ask_about(g, t, timeout_ms, &topic_err);
    if (rc) {
        (void)err_kafka(err, rc, "cluster %s (%s) does not answer", g->cluster,
                        g->bootstrap);
        return ERR_UNAVAILABLE;
    }
    if (topic_err)
        return err_kafka(err, topic_err, "cluster %s, topic %s", g->cluster,
                         name);
    t->warm = true;
    return 0;
}

/* ---- counts ------------------------------------------------------------- */

size_t
gen_records(struct gen *g)
{
    const int n = rd_kafka_outq_len(g->rk);
    return n > 0 ? (size_t)n : 0;
}

size_t
gen_inflight(struct gen *g)
{
    if (g->p->e.reports == REPORTS_EVENT)
        return atomic_load(&g->unseen);
    const size_t all = gen_records(g);
    const size_t kept = atomic_load(&g->kept);
    return all > kept ? all - kept : 0;
}
