/*
 * What the examples begin with: a handle of some properties, which tells on
 * standard error what becomes of its route.
 */
#ifndef EXAMPLES_CONNECT_H
#define EXAMPLES_CONNECT_H

#include <shunt/shunt.h>
#include <stdio.h>

static void
on_event(shunt_t *rk, const shunt_event_t *e, void *opaque)
{
    (void)opaque;
    const char *from = shunt_event_from(e);
    const char *to = shunt_event_to(e);
    (void)fprintf(stderr, "%s: %s %s -> %s %s\n", shunt_name(rk),
                  shunt_event_name(e), from ? from : "-", to ? to : "-",
                  shunt_event_text(e));
}

/*
 * `props`: names and values, NULL at the end.  Takes `conf`, which has the
 * callbacks.  NULL: the reason is told.
 */
static inline shunt_t *
connect_take(rd_kafka_type_t type, shunt_conf_t *conf, const char *const *props)
{
    char why[512] = "out of memory";
    rd_kafka_conf_res_t rc = conf ? RD_KAFKA_CONF_OK : RD_KAFKA_CONF_INVALID;
    if (conf)
        shunt_conf_set_event_cb(conf, on_event);
    for (; !rc && *props; props += 2)
        rc = shunt_conf_set(conf, props[0], props[1], why, sizeof(why));
    shunt_t *rk = rc ? NULL : shunt_new(type, conf, why, sizeof(why));
    if (rk)
        return rk;
    (void)fprintf(stderr, "%s\n", why);
    shunt_conf_destroy(conf);
    return NULL;
}

#endif
