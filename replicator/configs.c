/*
 * Owns nothing that outlives a call.  librdkafka 2.0.2 has no incremental
 * alteration: what stands on the copy is read, merged, and replaced as a
 * whole, and only when it differs.  What somebody else sets between reading
 * and replacing, milliseconds, is lost until it is set again.
 */
#include "replicator/configs.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "common/kafka/kconf.h"

#define CHUNK ((size_t)100) /* topics per request */

struct config_rule
configs_rule(const struct flow_settings *c)
{
    return (struct config_rule){.exclude = c->configs_exclude,
                                .defaults_from_source =
                                    c->configs_defaults_from_source};
}

static size_t
min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- reading ----------------------------------------------------------- */

static enum config_from
from_of(rd_kafka_ConfigSource_t source)
{
    if (source == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
        return CONFIG_OF_TOPIC;
    if (source == RD_KAFKA_CONFIG_SOURCE_STATIC_BROKER_CONFIG)
        return CONFIG_OF_BROKER_FILE;
    if (source == RD_KAFKA_CONFIG_SOURCE_DEFAULT_CONFIG)
        return CONFIG_DEFAULT;
    return CONFIG_OF_BROKERS;
}

static void
take_entries(const rd_kafka_ConfigResource_t *r, struct config *out)
{
    size_t n;
    const rd_kafka_ConfigEntry_t **v = rd_kafka_ConfigResource_configs(r, &n);
    out->v = xcalloc(n + 1, sizeof(*out->v));
    out->n = n;
    for (size_t i = 0; i < n; i++)
        out->v[i] = (struct config_entry){
            .name = rd_kafka_ConfigEntry_name(v[i]),
            .value = rd_kafka_ConfigEntry_value(v[i]),
            .from = from_of(rd_kafka_ConfigEntry_source(v[i])),
            .read_only = rd_kafka_ConfigEntry_is_read_only(v[i]) == 1,
            .sensitive = rd_kafka_ConfigEntry_is_sensitive(v[i]) == 1};
}

static int
resource_err(const rd_kafka_ConfigResource_t *r, const char *what,
             struct err *err)
{
    const rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(r);
    const char *why = rd_kafka_ConfigResource_error_string(r);
    if (!code)
        return 0;
    return err_set(err, ERR_KAFKA, "cannot %s topic %s: %s (%s)", what,
                   rd_kafka_ConfigResource_name(r),
                   why ? why : rd_kafka_err2str(code), rd_kafka_err2name(code));
}

/* The answer to a description; destroy the event afterwards. */
static int
describe(const struct admin *a, const char *const *topics, size_t n,
         rd_kafka_event_t **ev, struct err *err)
{
    rd_kafka_ConfigResource_t *of[CHUNK];
    struct admin_call call;
    for (size_t i = 0; i < n; i++)
        of[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]);
    admin_begin(&call, a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(a->rk, of, n, call.options, call.queue);
    rd_kafka_ConfigResource_destroy_array(of, n);
    return admin_end(&call, "read the configurations of topics", ev, err)
               ? err->code
               : 0;
}

struct reading {
    const char *const *topics;
    size_t first, n; /* of this chunk */
    void (*found)(void *arg, size_t i, const struct config *config,
                  const struct err *err);
    void *arg;
};

/* librdkafka answers in the order of the request. */
static void
tell(const struct reading *r, rd_kafka_event_t *ev)
{
    const rd_kafka_DescribeConfigs_result_t *res =
        rd_kafka_event_DescribeConfigs_result(ev);
    size_t n;
    const rd_kafka_ConfigResource_t **of =
        rd_kafka_DescribeConfigs_result_resources(res, &n);
    for (size_t i = 0; i < n && i < r->n; i++) {
        struct err err = {0};
        struct config config = {0};
        if (resource_err(of[i], "read the configuration of", &err) == 0)
            take_entries(of[i], &config);
        r->found(r->arg, r->first + i, &config, err.code ? &err : NULL);
        free(config.v);
    }
}

int
configs_read(const struct admin *a, const char *const *topics, size_t n,
             void (*found)(void *arg, size_t i, const struct config *config,
                           const struct err *err),
             void *arg, struct err *err)
{
    struct reading r = {.topics = topics, .found = found, .arg = arg};
    for (; r.first < n; r.first += r.n) {
        rd_kafka_event_t *ev;
        r.n = min_size(n - r.first, CHUNK);
        const int rc = describe(a, topics + r.first, r.n, &ev, err);
        if (rc != 0)
            return rc;
        tell(&r, ev);
        rd_kafka_event_destroy(ev);
    }
    return 0;
}

/* ---- giving ------------------------------------------------------------ */

static void
failed(struct configs_outcome *out, const struct err *err)
{
    out->failed++;
    if (out->first.code == 0)
        out->first = *err;
}

/* Answers of both clusters, compared one by one. */
struct both {
    const struct config_rule *rule;
    const struct config_pair *pairs;
    const rd_kafka_ConfigResource_t **here; /* the source's answer */
    size_t n_here;
    rd_kafka_ConfigResource_t *changes[CHUNK];
    size_t n_changes;
    struct configs_outcome *out;
};

static void
change(struct both *b, const char *topic, const struct props *want)
{
    rd_kafka_ConfigResource_t *r =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    for (size_t i = 0; i < want->n; i++)
        (void)rd_kafka_ConfigResource_set_config(r, want->v[i].key,
                                                 want->v[i].value);
    b->changes[b->n_changes++] = r;
}

static void
compare(void *arg, size_t i, const struct config *there, const struct err *err)
{
    struct both *b = arg;
    struct config here;
    struct props want = {0};
    struct err why = {0};
    if (i >= b->n_here)
        (void)err_set(&why, ERR_KAFKA, "no configuration of topic %s came",
                      b->pairs[i].here);
    else if (!err)
        (void)resource_err(b->here[i], "read the configuration of", &why);
    if (why.code)
        err = &why;
    if (err) {
        failed(b->out, err);
        return;
    }
    take_entries(b->here[i], &here);
    const enum config_merge m = config_merge(b->rule, &here, there, &want);
    if (m == CONFIG_DIFFERS)
        change(b, b->pairs[i].there, &want);
    else if (m == CONFIG_HIDDEN)
        failed(b->out,
               (err_set(&why, ERR_UNSUPPORTED,
                        "topic %s has a setting that cannot be read (%s), so "
                        "its configuration cannot be replaced",
                        b->pairs[i].there, want.v[0].key),
                &why));
    props_fini(&want);
    free(here.v);
}

static void
alter(const struct admin *target, struct both *b)
{
    struct admin_call call;
    struct err err = {0};
    rd_kafka_event_t *ev;
    size_t n;
    admin_begin(&call, target, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(target->rk, b->changes, b->n_changes, call.options,
                          call.queue);
    if (admin_end(&call, "alter the configurations of topics", &ev, &err)) {
        failed(b->out, &err);
        return;
    }
    const rd_kafka_AlterConfigs_result_t *res =
        rd_kafka_event_AlterConfigs_result(ev);
    const rd_kafka_ConfigResource_t **of =
        rd_kafka_AlterConfigs_result_resources(res, &n);
    for (size_t i = 0; i < n; i++) {
        if (resource_err(of[i], "alter the configuration of", &err) != 0)
            failed(b->out, &err);
        else
            b->out->changed++;
    }
    rd_kafka_event_destroy(ev);
}

static void
sync_chunk(const struct admin *source, const struct admin *target,
           const struct config_rule *rule, const struct config_pair *pairs,
           size_t n, struct configs_outcome *out)
{
    const char *here[CHUNK], *there[CHUNK];
    struct both b = {.rule = rule, .pairs = pairs, .out = out};
    struct err err = {0};
    rd_kafka_event_t *ev;
    for (size_t i = 0; i < n; i++) {
        here[i] = pairs[i].here;
        there[i] = pairs[i].there;
    }
    if (describe(source, here, n, &ev, &err) != 0) {
        failed(out, &err);
        return;
    }
    b.here = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(ev), &b.n_here);
    if (configs_read(target, there, n, compare, &b, &err) != 0)
        failed(out, &err);
    else if (b.n_changes > 0)
        alter(target, &b);
    rd_kafka_ConfigResource_destroy_array(b.changes, b.n_changes);
    rd_kafka_event_destroy(ev);
}

void
configs_sync(const struct admin *source, const struct admin *target,
             const struct config_rule *rule, const struct config_pair *pairs,
             size_t n, struct configs_outcome *out)
{
    *out = (struct configs_outcome){0};
    for (size_t at = 0; at < n && out->first.code != ERR_CLOSED; at += CHUNK)
        sync_chunk(source, target, rule, pairs + at, min_size(n - at, CHUNK),
                   out);
}
