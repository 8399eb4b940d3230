/* See engine.h. */
#include "sdk/src/engine.h"

/* Written by each poll: this model spares a call. */
static _Thread_local bool yielded __attribute__((tls_model("initial-exec")));

void
engine_yield(bool now)
{
    yielded = now;
}

bool
engine_yielded(void)
{
    return yielded;
}

static void
set_credentials(rd_kafka_conf_t *conf, const struct credentials *c)
{
    /* Any text is allowed. */
    (void)rd_kafka_conf_set(conf, "sasl.username", c->username, NULL, 0);
    (void)rd_kafka_conf_set(conf, "sasl.password", c->password, NULL, 0);
}

rd_kafka_conf_t *
engine_conf(const struct engine *e)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(e->template);
    struct credentials *c = e->credentials;
    if (!c)
        return conf;
    pthread_mutex_lock(&c->mutex);
    if (c->username)
        set_credentials(conf, c);
    pthread_mutex_unlock(&c->mutex);
    return conf;
}
