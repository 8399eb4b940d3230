/*
 * Owns nothing that outlives a call.  Waits in short steps: an answer that
 * nobody wants any more goes to a destroyed queue, which frees it.
 */
#include "replicator/admin.h"

#include "common/base/clock.h"

#define STEP_MS       100
#define CONTROLLER_MS 5000
#define SPARE_MS      1000 /* librdkafka's own timeout comes first */

bool
admin_has_controller(const struct admin *a)
{
    const struct rd_kafka_metadata *md;
    const int32_t id = rd_kafka_controllerid(a->rk, CONTROLLER_MS);
    bool has = false;
    if (id < 0 || rd_kafka_metadata(a->rk, 0, NULL, &md, CONTROLLER_MS) != 0)
        return false;
    for (int i = 0; i < md->broker_cnt && !has; i++)
        has = md->brokers[i].id == id;
    rd_kafka_metadata_destroy(md);
    return has;
}

void
admin_begin(struct admin_call *c, const struct admin *a, rd_kafka_admin_op_t op)
{
    char why[128];
    c->admin = a;
    c->options = rd_kafka_AdminOptions_new(a->rk, op);
    /* Refused when out of range: then librdkafka's own holds. */
    (void)rd_kafka_AdminOptions_set_request_timeout(
        c->options, (int)a->timeout_ms, why, sizeof(why));
    c->queue = rd_kafka_queue_new(a->rk);
}

static rd_kafka_event_t *
await(const struct admin_call *c)
{
    const int64_t until = clock_mono_ms() + c->admin->timeout_ms + SPARE_MS;
    rd_kafka_event_t *ev = NULL;
    while (!ev && !atomic_load(c->admin->stop) && clock_mono_ms() < until)
        ev = rd_kafka_queue_poll(c->queue, STEP_MS);
    return ev;
}

static rd_kafka_resp_err_t
failed(rd_kafka_resp_err_t code, const char *what, const char *why,
       struct err *err)
{
    (void)err_set(err, ERR_KAFKA, "cannot %s: %s (%s)", what,
                  why ? why : rd_kafka_err2str(code), rd_kafka_err2name(code));
    return code;
}

rd_kafka_resp_err_t
admin_end(struct admin_call *c, const char *what, rd_kafka_event_t **out,
          struct err *err)
{
    rd_kafka_event_t *ev = await(c);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_queue_destroy(c->queue);
    rd_kafka_AdminOptions_destroy(c->options);
    *out = NULL;
    if (!ev && atomic_load(c->admin->stop)) {
        (void)err_set(err, ERR_CLOSED, "stopped");
        return RD_KAFKA_RESP_ERR__DESTROY;
    }
    if (!ev)
        return failed(RD_KAFKA_RESP_ERR__TIMED_OUT, what, NULL, err);
    code = rd_kafka_event_error(ev);
    if (!code) {
        *out = ev;
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    code = failed(code, what, rd_kafka_event_error_string(ev), err);
    rd_kafka_event_destroy(ev);
    return code;
}
