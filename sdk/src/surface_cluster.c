/*
 * Questions about the Kafka cluster in use, and what is passed to librdkafka's
 * handles as it is.  A generation is held meanwhile, so that a move does not
 * take it away; no lock is held where librdkafka waits.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/consumer/generation.h"
#include "sdk/src/handle.h"
#include "sdk/src/producer/producer_generation.h"

/* ---- generations -------------------------------------------------------- */

/* One look at a generation; `own`: the properties of its cluster. */
struct use {
    void (*fn)(rd_kafka_t *rk, const struct props *own, void *arg);
    void *arg;
    const char *cluster; /* of producers: only this one; NULL: all */
    int done;
};

static void
use_generation(struct generation *g, void *arg)
{
    struct use *u = arg;
    u->done++;
    u->fn(g->rk, &g->properties, u->arg);
}

static void
use_gen(struct gen *g, void *arg)
{
    struct use *u = arg;
    if (u->cluster && (u->done > 0 || atomic_load(&g->leaving) ||
                       strcmp(u->cluster, g->cluster) != 0))
        return;
    u->done++;
    u->fn(g->rk, &g->properties, u->arg);
}

/* The one that has `topic` (NULL: the first); `fn` may wait.  False: there is
 * no cluster yet. */
static bool
use_one(shunt_t *rk, const char *topic, struct use u)
{
    if (rk->producer) {
        u.cluster = topic ? producer_cluster_of(rk->producer, topic)
                          : producer_cluster(rk->producer);
        if (u.cluster)
            producer_each(rk->producer, use_gen, &u);
        return u.done > 0;
    }
    struct generation *g = consumer_hold(rk->consumer, topic);
    if (g)
        use_generation(g, &u);
    generation_unref(g);
    return g != NULL;
}

/* All that live; `fn` must not wait. */
static void
use_all(shunt_t *rk, struct use u)
{
    if (rk->producer)
        producer_each(rk->producer, use_gen, &u);
    else
        consumer_each(rk->consumer, use_generation, &u);
}

/* ---- questions ---------------------------------------------------------- */

struct metadata_call {
    int all_topics;
    rd_kafka_topic_t *only;
    const struct rd_kafka_metadata **out;
    int timeout_ms;
    rd_kafka_resp_err_t code;
};

static void
ask_metadata(rd_kafka_t *rk, const struct props *own, void *arg)
{
    struct metadata_call *c = arg;
    (void)own;
    c->code =
        rd_kafka_metadata(rk, c->all_topics, c->only, c->out, c->timeout_ms);
}

rd_kafka_resp_err_t
shunt_metadata(shunt_t *rk, int all_topics, rd_kafka_topic_t *only_rkt,
               const struct rd_kafka_metadata **metadatap, int timeout_ms)
{
    const char *topic = only_rkt ? rd_kafka_topic_name(only_rkt) : NULL;
    struct metadata_call c = {all_topics, only_rkt, metadatap, timeout_ms, 0};
    *metadatap = NULL;
    return use_one(rk, topic, (struct use){.fn = ask_metadata, .arg = &c})
               ? c.code
               : RD_KAFKA_RESP_ERR__STATE;
}

struct groups_call {
    const char *group;
    const struct rd_kafka_group_list **out;
    int timeout_ms;
    rd_kafka_resp_err_t code;
};

static void
ask_groups(rd_kafka_t *rk, const struct props *own, void *arg)
{
    struct groups_call *c = arg;
    (void)own;
    c->code = rd_kafka_list_groups(rk, c->group, c->out, c->timeout_ms);
}

rd_kafka_resp_err_t
shunt_list_groups(shunt_t *rk, const char *group,
                  const struct rd_kafka_group_list **grplistp, int timeout_ms)
{
    struct groups_call c = {group, grplistp, timeout_ms, 0};
    *grplistp = NULL;
    return use_one(rk, NULL, (struct use){.fn = ask_groups, .arg = &c})
               ? c.code
               : RD_KAFKA_RESP_ERR__STATE;
}

struct id_call {
    int timeout_ms;
    char *id;
    int32_t controller;
};

static void
ask_id(rd_kafka_t *rk, const struct props *own, void *arg)
{
    struct id_call *c = arg;
    (void)own;
    c->id = rd_kafka_clusterid(rk, c->timeout_ms);
}

static void
ask_controller(rd_kafka_t *rk, const struct props *own, void *arg)
{
    struct id_call *c = arg;
    (void)own;
    c->controller = rd_kafka_controllerid(rk, c->timeout_ms);
}

char *
shunt_clusterid(shunt_t *rk, int timeout_ms)
{
    struct id_call c = {timeout_ms, NULL, -1};
    (void)use_one(rk, NULL, (struct use){.fn = ask_id, .arg = &c});
    return c.id;
}

int32_t
shunt_controllerid(shunt_t *rk, int timeout_ms)
{
    struct id_call c = {timeout_ms, NULL, -1};
    (void)use_one(rk, NULL, (struct use){.fn = ask_controller, .arg = &c});
    return c.controller;
}

/* ---- fatal errors ------------------------------------------------------- */

struct fatal_call {
    char *errstr;
    size_t size;
    const char *reason;
    rd_kafka_resp_err_t code;
};

static void
look_for_fatal(rd_kafka_t *rk, const struct props *own, void *arg)
{
    struct fatal_call *c = arg;
    (void)own;
    if (!c->code)
        c->code = rd_kafka_fatal_error(rk, c->errstr, c->size);
}

static void
make_fatal(rd_kafka_t *rk, const struct props *own, void *arg)
{
    struct fatal_call *c = arg;
    (void)own;
    c->code = rd_kafka_test_fatal_error(rk, c->code, c->reason);
}

rd_kafka_resp_err_t
shunt_fatal_error(shunt_t *rk, char *errstr, size_t errstr_size)
{
    struct fatal_call c = {.errstr = errstr, .size = errstr_size};
    use_all(rk, (struct use){.fn = look_for_fatal, .arg = &c});
    return c.code;
}

rd_kafka_resp_err_t
shunt_test_fatal_error(shunt_t *rk, rd_kafka_resp_err_t err, const char *reason)
{
    struct fatal_call c = {.reason = reason, .code = err};
    return use_one(rk, NULL, (struct use){.fn = make_fatal, .arg = &c})
               ? c.code
               : RD_KAFKA_RESP_ERR__STATE;
}

/* ---- credentials -------------------------------------------------------- */

struct login {
    const char *username, *password;
    rd_kafka_error_t *error; /* the first */
};

static void
log_in(rd_kafka_t *rk, const struct props *own, void *arg)
{
    struct login *l = arg;
    if (props_get(own, "sasl.username"))
        return; /* the route says who we are there */
    rd_kafka_error_t *e =
        rd_kafka_sasl_set_credentials(rk, l->username, l->password);
    if (e && l->error)
        rd_kafka_error_destroy(e);
    else if (e)
        l->error = e;
}

static bool
remember(struct credentials *c, const char *username, const char *password)
{
    char *u = strdup(username), *p = strdup(password);
    if (!u || !p) {
        free(u);
        free(p);
        return false;
    }
    pthread_mutex_lock(&c->mutex);
    free(c->username);
    free(c->password);
    c->username = u;
    c->password = p;
    pthread_mutex_unlock(&c->mutex);
    return true;
}

rd_kafka_error_t *
shunt_sasl_set_credentials(shunt_t *rk, const char *username,
                           const char *password)
{
    struct login l = {username, password, NULL};
    if (!username || !password)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                  "Username and password are required");
    if (!remember(&rk->credentials, username, password))
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__FAIL, "Out of memory");
    use_all(rk, (struct use){.fn = log_in, .arg = &l});
    return l.error;
}

/* ---- for people --------------------------------------------------------- */

static void
dump(rd_kafka_t *rk, const struct props *own, void *arg)
{
    (void)own;
    rd_kafka_dump(arg, rk);
}

void
shunt_dump(FILE *fp, shunt_t *rk)
{
    const char *cluster = shunt_cluster(rk);
    struct route *route = control_route(rk->engine.control);
    (void)fprintf(fp, "shunt_t %s: %s, cluster %s, revision %" PRId64 "%s\n",
                  rk->name, rk->producer ? "producer" : "consumer",
                  cluster ? cluster : "(none yet)",
                  route ? route->answer.revision : 0,
                  route && route->from_disk ? " (from disk)" : "");
    route_unref(route);
    use_all(rk, (struct use){.fn = dump, .arg = fp});
}

void
shunt_yield(shunt_t *rk)
{
    engine_yield(true);
    atomic_store(&rk->interrupt, true);
}

/* ---- of the process ----------------------------------------------------- */

int
shunt_thread_cnt(void)
{
    return rd_kafka_thread_cnt();
}

int
shunt_wait_destroyed(int timeout_ms)
{
    return rd_kafka_wait_destroyed(timeout_ms);
}
