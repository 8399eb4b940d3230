/* See queue_background.h.  Events that the application forwards here come to
 * its background_event_cb, on this thread. */
#include "sdk/src/queue_background.h"

#include "sdk/src/queue_int.h"
#include "sdk/src/tell.h"

static void
handle_event(shunt_t *rk, shunt_event_t *e)
{
    const shunt_conf_t *conf = rk->conf;
    const bool token =
        shunt_event_type(e) == RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;
    if (token && conf->oauth_cb) {
        conf->oauth_cb(rk, shunt_event_config_string(e), conf->opaque);
        shunt_event_destroy(e);
    } else if (conf->background_event_cb) {
        conf->background_event_cb(rk, e, conf->opaque); /* it destroys it */
    } else {
        shunt_event_destroy(e);
    }
}

static void *
run(void *arg)
{
    shunt_t *rk = arg;
    shunt_queue_t q = {.rk = rk, .node = rk->queues.roots[QUEUE_BACKGROUND]};
    while (!atomic_load(&rk->background.stop)) {
        shunt_event_t *e = shunt_queue_poll(&q, -1);
        if (e)
            handle_event(rk, e);
        else if (rk->consumer && consumer_closed(rk->consumer))
            queue_rest(&q); /* a closed consumer ends polls at once */
    }
    return NULL;
}

static int
start(shunt_t *rk)
{
    struct background *b = &rk->background;
    pthread_mutex_lock(&rk->gate);
    if (!b->started)
        b->started = pthread_create(&b->thread, NULL, run, rk) == 0;
    const bool started = b->started;
    pthread_mutex_unlock(&rk->gate);
    return started ? 0 : ERR_NOMEM;
}

int
background_start(shunt_t *rk, struct err *err)
{
    if (!rk->conf->background_event_cb || start(rk) == 0)
        return 0;
    return err_set(err, ERR_NOMEM,
                   "cannot start a thread for the background "
                   "queue");
}

void
background_stop(shunt_t *rk)
{
    shunt_queue_t q = {.rk = rk, .node = rk->queues.roots[QUEUE_BACKGROUND]};
    if (!rk->background.started)
        return;
    atomic_store(&rk->background.stop, true);
    shunt_queue_yield(&q);
    (void)pthread_join(rk->background.thread, NULL);
}

shunt_queue_t *
shunt_queue_get_background(shunt_t *rk)
{
    return start(rk) == 0 ? queue_get_root(rk, QUEUE_BACKGROUND) : NULL;
}

rd_kafka_error_t *
shunt_sasl_background_callbacks_enable(shunt_t *rk)
{
    shunt_queue_t to = {.rk = rk, .node = rk->queues.roots[QUEUE_BACKGROUND]};
    if (start(rk) != 0)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE,
                                  "cannot start a thread");
    atomic_store(&rk->background.oauth, true);
    queue_forward_root(rk, QUEUE_SASL, &to);
    return NULL;
}
