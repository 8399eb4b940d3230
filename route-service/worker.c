/*
 * Owns the parts of one loop and the order in which they come and go.  The
 * loop's thread, but for opening, starting, joining and closing.
 */
#include "route-service/worker.h"

#include "common/base/clock.h"
#include "common/base/must.h"
#include "route-service/answers.h"
#include "route-service/api.h"
#include "route-service/audience.h"
#include "route-service/bodies.h"
#include "route-service/clients.h"
#include "route-service/service.h"
#include "route-service/watch.h"

#define ENDING_STEP_MS 10
#define ENDING_MAX_MS  250
#define EXPIRY_MAX_MS  1000
#define EXPIRY_MIN_MS  10

static void
on_expiry(void *arg)
{
    const struct worker *w = arg;
    clients_expire(w->clients);
}

/* Often enough that nobody stays much longer than he should. */
static int64_t
expiry_step_ms(int64_t expiry_ms)
{
    const int64_t step = expiry_ms / 8;
    if (step > EXPIRY_MAX_MS)
        return EXPIRY_MAX_MS;
    return step < EXPIRY_MIN_MS ? EXPIRY_MIN_MS : step;
}

int
worker_open(struct worker *w, struct service *s, size_t number,
            struct loop *loop, struct err *err)
{
    const struct service_conf *conf = &s->conf;
    int rc;
    *w = (struct worker){.service = s, .number = number, .loop = loop};
    if (!loop && (rc = loop_new(&w->loop, err)))
        return rc;
    w->table = table_ref(s->loaded);
    w->answers = answers_new();
    w->bodies = bodies_new();
    w->audiences = audiences_new();
    w->clients = clients_new(w->audiences, conf->expiry_ms);
    w->watches = watches_new(w, conf->heartbeat_ms);
    w->expiry =
        loop_timer_new(w->loop, expiry_step_ms(conf->expiry_ms), on_expiry, w);
    if (!w->watches || !w->expiry)
        return err_nomem(err);
    if ((rc = http_server_new(w->loop, &conf->limits, api_routes, w, &w->server,
                              err)))
        return rc;
    http_server_share_gate(w->server, s->gate);
    return 0;
}

static void *
worker_main(void *arg)
{
    const struct worker *w = arg;
    loop_run(w->loop);
    return NULL;
}

int
worker_start(struct worker *w, struct err *err)
{
    const int rc = pthread_create(&w->thread, NULL, worker_main, w);
    w->running = rc == 0;
    return rc ? err_errno(err, ERR_UNAVAILABLE, rc, "cannot start a thread")
              : 0;
}

/* ---- end ----------------------------------------------------------------- */

static void
ended(struct worker *w)
{
    loop_timer_free(w->ending);
    w->ending = NULL;
    service_worker_ended(w->service);
}

static void
on_ending(void *arg)
{
    struct worker *w = arg;
    if (http_server_connections(w->server) == 0 ||
        clock_mono_ms() >= w->end_by_ms)
        ended(w);
}

void
worker_end(struct worker *w)
{
    w->stopping = true;
    watches_close_all(w->watches, "the server is stopping");
    http_server_drain(w->server);
    w->end_by_ms = clock_mono_ms() + ENDING_MAX_MS;
    w->ending = loop_timer_new(w->loop, ENDING_STEP_MS, on_ending, w);
    if (!w->ending)
        ended(w);
}

void
worker_join(struct worker *w)
{
    if (!w->running)
        return;
    loop_stop(w->loop);
    must(pthread_join(w->thread, NULL));
    w->running = false;
}

void
worker_close(struct worker *w)
{
    loop_timer_free(w->ending);
    loop_timer_free(w->expiry);
    http_server_free(w->server); /* its streams report to the watches */
    watches_free(w->watches);
    clients_free(w->clients);
    audiences_free(w->audiences);
    bodies_free(w->bodies);
    answers_free(w->answers);
    table_unref(w->table);
    if (w->number > 0)
        loop_free(w->loop);
}
