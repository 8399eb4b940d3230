/*
 * The calls of the application, and the poll that drives everything else.
 *
 * consumer_poll() first declares the record returned before finished, then
 * takes turns: one step of whatever is under way (which never waits), then one
 * poll of the handle that delivers.  While more than that handle has to be
 * served the poll is cut into short turns.
 */
#include "sdk/src/consumer/consumer.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_int.h"

#define BUSY_MS  10   /* a turn while handles or answers are waited for */
#define TURN_MS  1000 /* a turn otherwise: timers are looked at in between */
#define CLOSE_MS 5000

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 10000

int
consumer_new(const struct engine *e, struct consumer **out, struct err *err)
{
    struct consumer *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(err);
    c->e = *e;
    c->state = CONSUMER_IDLE;
    c->switch_ms = -1;
    backoff_init(&c->retry, RETRY_MIN_MS, RETRY_MAX_MS,
                 (uint64_t)clock_mono_us());
    c->wake = wake_new();
    if (!c->wake || reaper_new(&c->reaper, NULL) != 0) {
        wake_unref(c->wake);
        free(c);
        return err_nomem(err);
    }
    *out = c;
    return 0;
}

/* ---- subscription -------------------------------------------------------- */

static rd_kafka_resp_err_t
check_topics(const rd_kafka_topic_partition_list_t *topics)
{
    if (!topics || topics->cnt == 0)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    for (int i = 0; i < topics->cnt; i++) {
        const char *name = topics->elems[i].topic;
        if (name[0] == '^')
            return RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
        if (name[0] == '\0' || strlen(name) > TOPIC_MAX)
            return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int
copy_topics(struct strlist *to, const rd_kafka_topic_partition_list_t *topics)
{
    for (int i = 0; i < topics->cnt; i++) {
        if (strlist_has(to, topics->elems[i].topic))
            continue;
        if (strlist_add(to, topics->elems[i].topic) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

rd_kafka_resp_err_t
consumer_subscribe(struct consumer *c,
                   const rd_kafka_topic_partition_list_t *topics)
{
    struct strlist names = {0};
    if (c->state == CONSUMER_CLOSED)
        return RD_KAFKA_RESP_ERR__STATE;
    const rd_kafka_resp_err_t code = check_topics(topics);
    if (code)
        return code;
    if (copy_topics(&names, topics) != 0 ||
        control_set_topics(c->e.control, &names) != 0) {
        strlist_fini(&names);
        return RD_KAFKA_RESP_ERR__FAIL;
    }
    strlist_fini(&c->topics);
    c->topics = names;
    if (c->state == CONSUMER_IDLE)
        consumer_move(c, CONSUMER_ROUTING);
    wake_up(c->wake); /* the route at hand may do already */
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void
leave(struct consumer *c)
{
    if (c->cur && !c->cur->stopped) {
        consumer_finish_last(c);
        consumer_commit_wait(c, c->cur, NULL);
        consumer_tell_rebalance(c, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS);
    }
    consumer_drop_generations(c);
    if (!reaper_wait(c->reaper, clock_mono_ms() + CLOSE_MS))
        consumer_log(c, LOG_WARNING,
                     "a handle cannot be destroyed: the cluster does not "
                     "answer, or the application still holds a message; it is "
                     "left behind");
}

rd_kafka_resp_err_t
consumer_unsubscribe(struct consumer *c)
{
    if (c->state == CONSUMER_CLOSED)
        return RD_KAFKA_RESP_ERR__STATE;
    if (c->state == CONSUMER_IDLE)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    leave(c);
    strlist_fini(&c->topics);
    c->topics = (struct strlist){0};
    consumer_move(c, CONSUMER_IDLE);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
consumer_subscription(struct consumer *c, rd_kafka_topic_partition_list_t **out)
{
    *out = rd_kafka_topic_partition_list_new((int)c->topics.n + 1);
    for (size_t i = 0; i < c->topics.n; i++)
        rd_kafka_topic_partition_list_add(*out, c->topics.v[i],
                                          RD_KAFKA_PARTITION_UA);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- poll ---------------------------------------------------------------- */

static bool
busy(const struct consumer *c)
{
    if (c->next || c->n_landings > 0)
        return true;
    for (size_t i = 0; i < RETIRED_MAX; i++)
        if (c->retired[i])
            return true;
    return consumer_start_pending(c);
}

static int
turn_ms(const struct consumer *c, int64_t left_ms)
{
    int64_t ms = busy(c) ? BUSY_MS : TURN_MS;
    if (consumer_commits_by_time(c) && c->e.auto_commit_interval_ms < ms)
        ms = c->e.auto_commit_interval_ms;
    return (int)(left_ms < ms ? left_ms : ms);
}

/* A copy's topic may come into being long after the subscription. */
static bool
swallowed(struct consumer *c, const rd_kafka_message_t *m)
{
    if (m->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
        m->err != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC &&
        m->err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        return false;
    const char *topic = m->rkt ? rd_kafka_topic_name(m->rkt) : NULL;
    const struct view *v = topic ? generation_view(c->cur, topic) : NULL;
    if (!v || strcmp(v->origin, c->cur->cluster) == 0)
        return false;
    consumer_log(c, LOG_INFO, "topic %s is not on cluster %s yet", topic,
                 c->cur->cluster);
    return true;
}

static rd_kafka_message_t *
deliver(struct consumer *c, rd_kafka_message_t *m, struct part *p)
{
    if (!m)
        return NULL;
    if (m->err && swallowed(c, m)) {
        rd_kafka_message_destroy(m);
        return NULL;
    }
    if (p) {
        c->last = p;
        c->last_next = m->offset + 1;
        p->next = m->offset + 1;
    }
    return m;
}

/* Waits for a record, or for anything that makes another step worth while. */
static rd_kafka_message_t *
turn(struct consumer *c, int timeout_ms)
{
    const bool delivers =
        c->state == CONSUMER_RUNNING || c->state == CONSUMER_JOINING;
    struct part *p = NULL;
    if (!delivers && c->state != CONSUMER_MAPPING) {
        wake_wait(c->wake, timeout_ms);
        return NULL;
    }
    rd_kafka_message_t *m =
        generation_poll(delivers ? c->cur : c->next, timeout_ms, &p);
    if (delivers)
        return deliver(c, m, p);
    if (m)
        rd_kafka_message_destroy(m); /* an error: nothing is assigned yet */
    return NULL;
}

rd_kafka_message_t *
consumer_poll(struct consumer *c, int timeout_ms)
{
    const int64_t end =
        timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
    consumer_finish_last(c);
    while (c->state != CONSUMER_CLOSED) {
        consumer_switch_step(c);
        consumer_commit_step(c);
        consumer_report_step(c);
        const int64_t left = end - clock_mono_ms();
        rd_kafka_message_t *m = turn(c, turn_ms(c, left > 0 ? left : 0));
        if (m || clock_mono_ms() >= end)
            return m;
    }
    return NULL;
}

void
consumer_news(struct consumer *c)
{
    wake_up(c->wake);
}

/* ---- positions ----------------------------------------------------------- */

rd_kafka_resp_err_t
consumer_committed(struct consumer *c,
                   rd_kafka_topic_partition_list_t *partitions, int timeout_ms)
{
    if (!c->cur)
        return RD_KAFKA_RESP_ERR__STATE;
    return rd_kafka_committed(c->cur->rk, partitions, timeout_ms);
}

rd_kafka_resp_err_t
consumer_position(struct consumer *c,
                  rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *t = &partitions->elems[i];
        const struct part *p =
            c->cur ? generation_find(c->cur, t->topic, t->partition) : NULL;
        const bool delivered = p && p->state == PART_RUNNING && p->next >= 0 &&
                               p->next != p->start;
        t->offset = delivered ? p->next : RD_KAFKA_OFFSET_INVALID;
        t->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
consumer_assignment(struct consumer *c, rd_kafka_topic_partition_list_t **out)
{
    *out = rd_kafka_topic_partition_list_new(8);
    for (const struct part *p = c->cur ? c->cur->parts : NULL; p;
         p = p->hh.next)
        if (p->state != PART_NONE)
            rd_kafka_topic_partition_list_add(*out, p->key.topic,
                                              p->key.partition);
    rd_kafka_topic_partition_list_sort(*out, NULL, NULL);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- names --------------------------------------------------------------- */

void
consumer_cluster(struct consumer *c, char *buf, size_t size)
{
    if (size == 0)
        return;
    buf[0] = '\0';
    if (c->cur)
        (void)strncat(buf, c->cur->cluster, size - 1);
}

static const struct view *
any_view(const struct consumer *c, const char *physical)
{
    const struct view *v = c->cur ? generation_view(c->cur, physical) : NULL;
    for (size_t i = 0; !v && i < RETIRED_MAX; i++)
        v = c->retired[i] ? generation_view(c->retired[i], physical) : NULL;
    return v;
}

const char *
consumer_logical_name(struct consumer *c, const char *physical)
{
    const struct view *v = any_view(c, physical);
    return v ? v->logical : physical;
}

const char *
consumer_origin(struct consumer *c, const char *physical)
{
    const struct view *v = any_view(c, physical);
    return v ? v->origin : "";
}

rd_kafka_t *
consumer_handle(struct consumer *c)
{
    return c->cur ? c->cur->rk : NULL;
}

/* ---- the end ------------------------------------------------------------- */

rd_kafka_resp_err_t
consumer_close(struct consumer *c)
{
    if (c->state == CONSUMER_CLOSED)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    leave(c);
    consumer_move(c, CONSUMER_CLOSED);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool
consumer_closed(const struct consumer *c)
{
    return c->state == CONSUMER_CLOSED;
}

void
consumer_free(struct consumer *c)
{
    if (!c)
        return;
    (void)consumer_close(c); /* reports nothing that matters any more */
    route_unref(c->route);
    strlist_fini(&c->topics);
    free(c->complaint);
    free(c->stale);
    free(c->from);
    reaper_unref(c->reaper);
    wake_unref(c->wake);
    free(c);
}
