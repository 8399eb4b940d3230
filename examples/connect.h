/*
 * What the examples share: a handle of some properties, which tells on standard
 * error what becomes of its route; a subscription; records on standard output.
 *
 * Each takes KEY=VALUE words after its arguments: properties, over its own.
 */
#ifndef EXAMPLES_CONNECT_H
#define EXAMPLES_CONNECT_H

#include <shunt/shunt.h>
#include <stdio.h>
#include <string.h>

static void
on_event(shunt_t *rk, const shunt_event_t *e, void *opaque)
{
    (void)opaque;
    const char *from = shunt_event_from(e);
    const char *to = shunt_event_to(e);
    const char *phase = shunt_event_phase(e); /* of PHASE */
    (void)fprintf(stderr, "%s: %s%s%s %s -> %s: %s\n", shunt_name(rk),
                  shunt_event_name(e), phase ? " " : "", phase ? phase : "",
                  from ? from : "-", to ? to : "-", shunt_event_text(e));
}

static inline rd_kafka_conf_res_t
set_word(shunt_conf_t *conf, const char *word, char *why, size_t size)
{
    char key[256];
    const size_t len = strcspn(word, "=");
    (void)snprintf(key, sizeof(key), "%.*s", (int)len, word);
    if (word[len] && len < sizeof(key))
        return shunt_conf_set(conf, key, word + len + 1, why, size);
    (void)snprintf(why, size, "\"%s\" is not KEY=VALUE", word);
    return RD_KAFKA_CONF_INVALID;
}

/*
 * argv[1], argv[2]: route service, cluster code; argv[n] and on: KEY=VALUE.
 * `props`: name and value each, {NULL} at the end.  Takes `conf`, which has the
 * callbacks.  NULL: the reason is told.
 */
static inline shunt_t *
connect_take(rd_kafka_type_t type, shunt_conf_t *conf, char **argv, int n,
             const char *const (*props)[2])
{
    const char *const first[][2] = {
        {"route.service", argv[1]}, {"cluster.code", argv[2]}, {NULL, NULL}};
    char why[512] = "out of memory";
    rd_kafka_conf_res_t rc = conf ? RD_KAFKA_CONF_OK : RD_KAFKA_CONF_INVALID;
    if (conf)
        shunt_conf_set_event_cb(conf, on_event);
    for (int i = 0; !rc && first[i][0]; i++)
        rc = shunt_conf_set(conf, first[i][0], first[i][1], why, sizeof(why));
    for (; !rc && (*props)[0]; props++)
        rc = shunt_conf_set(conf, (*props)[0], (*props)[1], why, sizeof(why));
    for (; !rc && argv[n]; n++)
        rc = set_word(conf, argv[n], why, sizeof(why));
    shunt_t *rk = rc ? NULL : shunt_new(type, conf, why, sizeof(why));
    if (rk)
        return rk;
    (void)fprintf(stderr, "%s\n", why);
    shunt_conf_destroy(conf);
    return NULL;
}

static inline rd_kafka_resp_err_t
subscribe(shunt_t *rk, const char *topic)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(l, topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t rc = shunt_subscribe(rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    return rc;
}

static inline void
print(const rd_kafka_message_t *m)
{
    const char *origin = shunt_message_origin(m);
    if (m->err) {
        (void)fprintf(stderr, "%s\n", rd_kafka_message_errstr(m));
        return;
    }
    (void)printf("%s[%d]@%lld from %s: %.*s\n", shunt_topic_name(m->rkt),
                 (int)m->partition, (long long)m->offset, origin ? origin : "?",
                 (int)m->len, m->payload ? (const char *)m->payload : "");
}

#endif
