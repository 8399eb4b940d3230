/*
 * What an application does with partitions: assignments, positions, commits.
 * Whatever changes a partition's place takes the wheel; what asks the cluster
 * holds the generation and lets go of the lock.
 */
#include "sdk/src/consumer/consumer_ops.h"

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"

static rd_kafka_error_t *
closed_error(void)
{
    return rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE,
                              "the consumer is closed");
}

/* ---- assignment ---------------------------------------------------------- */

static bool
subscribed(const struct track *tr)
{
    return tr->topics.n > 0 && !tr->by_hand;
}

/* What is assigned, each going on as it does, without (`less`) or with
 * (`more`) those. */
static rd_kafka_topic_partition_list_t *
changed(struct track *tr, const rd_kafka_topic_partition_list_t *less,
        const rd_kafka_topic_partition_list_t *more)
{
    rd_kafka_topic_partition_list_t *now = NULL, *l;
    (void)track_assignment(tr, &now);
    l = rd_kafka_topic_partition_list_new(now->cnt);
    for (int i = 0; i < now->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &now->elems[i];
        if (!less ||
            !rd_kafka_topic_partition_list_find(less, t->topic, t->partition))
            rd_kafka_topic_partition_list_add(l, t->topic, t->partition);
    }
    rd_kafka_topic_partition_list_destroy(now);
    for (int i = 0; more && i < more->cnt; i++)
        track_list_add(l, &more->elems[i]);
    return l;
}

static rd_kafka_error_t *
conflict(struct track *tr, const rd_kafka_topic_partition_list_t *less,
         const rd_kafka_topic_partition_list_t *more)
{
    const rd_kafka_topic_partition_list_t *l = less ? less : more;
    rd_kafka_topic_partition_list_t *now = NULL;
    rd_kafka_error_t *error = NULL;
    (void)track_assignment(tr, &now);
    for (int i = 0; i < l->cnt && !error; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        const bool has =
            rd_kafka_topic_partition_list_find(now, t->topic, t->partition);
        if (has == (less != NULL))
            continue;
        error = rd_kafka_error_new(has ? RD_KAFKA_RESP_ERR__CONFLICT
                                       : RD_KAFKA_RESP_ERR__INVALID_ARG,
                                   "%s [%d] is %s", t->topic, (int)t->partition,
                                   has ? "assigned already" : "not assigned");
    }
    rd_kafka_topic_partition_list_destroy(now);
    return error;
}

static rd_kafka_error_t *
change_by_hand(struct track *tr, const rd_kafka_topic_partition_list_t *less,
               const rd_kafka_topic_partition_list_t *more)
{
    rd_kafka_error_t *error = conflict(tr, less, more);
    if (error)
        return error;
    rd_kafka_topic_partition_list_t *l = changed(tr, less, more);
    error = track_by_hand(tr, l);
    rd_kafka_topic_partition_list_destroy(l);
    return error;
}

static rd_kafka_error_t *
assign(struct track *tr, enum consumer_assign how,
       const rd_kafka_topic_partition_list_t *l)
{
    const bool whole = how == CONSUMER_ASSIGN;
    if (track_closed(tr))
        return closed_error();
    if (!whole && !l)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                  "partitions must be specified");
    if (!subscribed(tr) && whole)
        return track_by_hand(tr, l);
    if (!subscribed(tr))
        return how == CONSUMER_ADD ? change_by_hand(tr, NULL, l)
                                   : change_by_hand(tr, l, NULL);
    if (!tr->cur)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE,
                                  "the group has assigned nothing yet");
    if (whole)
        return track_assign(tr, l);
    return how == CONSUMER_ADD ? track_incremental_assign(tr, l)
                               : track_incremental_unassign(tr, l);
}

rd_kafka_error_t *
consumer_assign(struct consumer *c, enum consumer_assign how,
                const rd_kafka_topic_partition_list_t *l)
{
    consumer_lock(c);
    consumer_drive(c);
    rd_kafka_error_t *error = assign(c->track, how, l);
    consumer_park(c);
    consumer_unlock(c);
    return error;
}

rd_kafka_resp_err_t
consumer_assignment(struct consumer *c, rd_kafka_topic_partition_list_t **out)
{
    consumer_lock(c);
    const rd_kafka_resp_err_t code = track_assignment(c->track, out);
    consumer_unlock(c);
    return code;
}

/* ---- positions ----------------------------------------------------------- */

rd_kafka_resp_err_t
consumer_position(struct consumer *c,
                  rd_kafka_topic_partition_list_t *partitions)
{
    consumer_lock(c);
    const rd_kafka_resp_err_t code = track_position(c->track, partitions);
    consumer_unlock(c);
    return code;
}

rd_kafka_resp_err_t
consumer_store(struct consumer *c, rd_kafka_topic_partition_list_t *offsets)
{
    consumer_lock(c);
    const rd_kafka_resp_err_t code = track_store(c->track, offsets);
    consumer_unlock(c);
    return code;
}

rd_kafka_error_t *
consumer_seek(struct consumer *c, rd_kafka_topic_partition_list_t *partitions,
              int timeout_ms)
{
    consumer_lock(c);
    consumer_drive(c);
    rd_kafka_error_t *error = track_seek(c->track, partitions, timeout_ms);
    consumer_park(c);
    consumer_unlock(c);
    return error;
}

void
consumer_pause(struct consumer *c, rd_kafka_topic_partition_list_t *partitions,
               bool pause)
{
    consumer_lock(c);
    consumer_drive(c);
    track_pause(c->track, partitions, pause);
    consumer_park(c);
    consumer_unlock(c);
}

/* ---- commits ------------------------------------------------------------- */

rd_kafka_resp_err_t
consumer_commit(struct consumer *c,
                const rd_kafka_topic_partition_list_t *offsets, bool async)
{
    consumer_lock(c);
    const rd_kafka_resp_err_t code = track_commit(c->track, offsets, async);
    consumer_unlock(c);
    return code;
}

/* ---- what the cluster is asked ------------------------------------------- */

/* Takes steps until there is a generation. */
static struct generation *
wait_for_cluster(struct consumer *c, int64_t end_ms)
{
    struct generation *g = track_hold(c->track);
    while (!g && !track_closed(c->track) && consumer_drive_until(c, end_ms)) {
        if (!consumer_nested(c)) /* else whoever called back is in one */
            consumer_step(c);
        g = track_hold(c->track);
        const int64_t left_ms = end_ms - clock_mono_ms();
        if (!g && left_ms > 0)
            track_wait(c->track, left_ms);
        consumer_park(c);
        if (left_ms <= 0)
            break;
    }
    return g;
}

struct generation *
consumer_reach(struct consumer *c, const rd_kafka_topic_partition_list_t *l,
               int64_t end_ms)
{
    struct generation *g = NULL;
    consumer_lock(c);
    consumer_drive(c);
    const bool bound =
        track_closed(c->track) || track_by_hand_bind(c->track, l) == 0;
    consumer_park(c);
    if (bound)
        g = wait_for_cluster(c, end_ms);
    consumer_unlock(c);
    return g;
}

static int
left(int64_t end_ms)
{
    const int64_t ms = end_ms - clock_mono_ms();
    return ms > 0 ? (int)ms : 0;
}

static int64_t
end_of(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX / 2 : clock_mono_ms() + timeout_ms;
}

rd_kafka_resp_err_t
consumer_committed(struct consumer *c,
                   rd_kafka_topic_partition_list_t *partitions, int timeout_ms)
{
    const int64_t end_ms = end_of(timeout_ms);
    struct generation *g = consumer_reach(c, partitions, end_ms);
    if (!g)
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    const rd_kafka_resp_err_t code = rd_kafka_committed(
        g->rk, partitions, timeout_ms < 0 ? timeout_ms : left(end_ms));
    consumer_lock(c);
    if (!code)
        track_tell_words(g, partitions);
    consumer_unlock(c);
    generation_unref(g);
    return code;
}

rd_kafka_resp_err_t
consumer_offsets_for_times(struct consumer *c,
                           rd_kafka_topic_partition_list_t *offsets,
                           int timeout_ms)
{
    const int64_t end_ms = end_of(timeout_ms);
    struct generation *g = consumer_reach(c, offsets, end_ms);
    if (!g)
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    const rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(
        g->rk, offsets, timeout_ms < 0 ? timeout_ms : left(end_ms));
    consumer_lock(c);
    if (!code)
        track_set_places(g, offsets);
    consumer_unlock(c);
    generation_unref(g);
    return code;
}

static struct generation *
reach_one(struct consumer *c, const char *topic, int32_t partition,
          int64_t end_ms)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, partition);
    struct generation *g = consumer_reach(c, l, end_ms);
    rd_kafka_topic_partition_list_destroy(l);
    return g;
}

rd_kafka_resp_err_t
consumer_query_watermarks(struct consumer *c, const char *topic,
                          int32_t partition, int64_t *low, int64_t *high,
                          int timeout_ms)
{
    const int64_t end_ms = end_of(timeout_ms);
    struct generation *g = reach_one(c, topic, partition, end_ms);
    if (!g)
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        g->rk, topic, partition, low, high,
        timeout_ms < 0 ? timeout_ms : left(end_ms));
    generation_unref(g);
    return code;
}
