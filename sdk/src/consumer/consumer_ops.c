/*
 * What an application does with partitions: assignments, positions, commits.
 * Whatever changes a partition's place takes the wheel; what asks the cluster
 * holds the generation and lets go of the lock.
 */
#include "sdk/src/consumer/consumer_ops.h"

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_lists.h"

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

static rd_kafka_error_t *
assign_own(struct track *tr, rd_kafka_topic_partition_list_t *l, void *arg)
{
    return assign(tr, *(const enum consumer_assign *)arg, l);
}

/* The track whose rebalance callback is running: its list is meant. */
static struct track *
called_back(struct consumer *c)
{
    struct track *tr = c->track;
    while (tr && !tr->rebalance.code)
        tr = tr->more;
    return tr;
}

/* The track that waits for an answer to a revocation, if this is one. */
static struct track *
owed(struct consumer *c, enum consumer_assign how,
     const rd_kafka_topic_partition_list_t *l)
{
    struct track *tr = c->track;
    if (how == CONSUMER_ADD || (how == CONSUMER_ASSIGN && l))
        return NULL;
    while (tr && !track_owed(tr))
        tr = tr->more;
    return tr;
}

static rd_kafka_error_t *
assign_each(struct consumer *c, enum consumer_assign how,
            const rd_kafka_topic_partition_list_t *list)
{
    if (!list)
        return lists_all(c, assign_own, &how);
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_copy(list);
    rd_kafka_error_t *error = lists_each(c, l, assign_own, &how);
    rd_kafka_topic_partition_list_destroy(l);
    return error;
}

rd_kafka_error_t *
consumer_assign(struct consumer *c, enum consumer_assign how,
                const rd_kafka_topic_partition_list_t *l)
{
    consumer_lock(c);
    consumer_drive(c);
    struct track *asking = called_back(c);
    if (!asking)
        asking = owed(c, how, l);
    rd_kafka_error_t *error =
        asking ? assign(asking, how, l) : assign_each(c, how, l);
    consumer_park(c);
    consumer_unlock(c);
    return error;
}

static void
add_assignment(struct track *tr, rd_kafka_topic_partition_list_t *to)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    if (track_assignment(tr, &l) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (int i = 0; i < l->cnt; i++)
        track_list_add(to, &l->elems[i]);
    rd_kafka_topic_partition_list_destroy(l);
}

rd_kafka_resp_err_t
consumer_assignment(struct consumer *c, rd_kafka_topic_partition_list_t **out)
{
    consumer_lock(c);
    *out = rd_kafka_topic_partition_list_new(8);
    for (struct track *tr = c->track; tr; tr = tr->more)
        if (!tr->shared)
            add_assignment(tr, *out);
    rd_kafka_topic_partition_list_sort(*out, NULL, NULL);
    consumer_unlock(c);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- positions ----------------------------------------------------------- */

static rd_kafka_error_t *
error_of(rd_kafka_resp_err_t code)
{
    return code ? rd_kafka_error_new(code, NULL) : NULL;
}

/* Takes it. */
static rd_kafka_resp_err_t
code_of(rd_kafka_error_t *error)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    if (error)
        rd_kafka_error_destroy(error);
    return code;
}

static rd_kafka_error_t *
position_own(struct track *tr, rd_kafka_topic_partition_list_t *l, void *arg)
{
    (void)arg;
    return error_of(track_position(tr, l));
}

rd_kafka_resp_err_t
consumer_position(struct consumer *c,
                  rd_kafka_topic_partition_list_t *partitions)
{
    consumer_lock(c);
    rd_kafka_error_t *error = lists_each(c, partitions, position_own, NULL);
    consumer_unlock(c);
    return code_of(error);
}

static rd_kafka_error_t *
store_own(struct track *tr, rd_kafka_topic_partition_list_t *l, void *arg)
{
    (void)arg;
    return error_of(track_store(tr, l));
}

rd_kafka_resp_err_t
consumer_store(struct consumer *c, rd_kafka_topic_partition_list_t *offsets)
{
    consumer_lock(c);
    rd_kafka_error_t *error = lists_each(c, offsets, store_own, NULL);
    consumer_unlock(c);
    return code_of(error);
}

static rd_kafka_error_t *
seek_own(struct track *tr, rd_kafka_topic_partition_list_t *l, void *arg)
{
    return track_seek(tr, l, *(const int *)arg);
}

rd_kafka_error_t *
consumer_seek(struct consumer *c, rd_kafka_topic_partition_list_t *partitions,
              int timeout_ms)
{
    consumer_lock(c);
    consumer_drive(c);
    rd_kafka_error_t *error = lists_each(c, partitions, seek_own, &timeout_ms);
    consumer_park(c);
    consumer_unlock(c);
    return error;
}

static rd_kafka_error_t *
pause_own(struct track *tr, rd_kafka_topic_partition_list_t *l, void *arg)
{
    track_pause(tr, l, *(const bool *)arg);
    return NULL;
}

void
consumer_pause(struct consumer *c, rd_kafka_topic_partition_list_t *partitions,
               bool pause)
{
    consumer_lock(c);
    consumer_drive(c);
    (void)lists_each(c, partitions, pause_own, &pause); /* never fails */
    consumer_park(c);
    consumer_unlock(c);
}

/* ---- commits ------------------------------------------------------------- */

struct commit_call {
    bool async, any;
    rd_kafka_topic_partition_list_t *committed; /* NULL: not asked for */
    rd_kafka_resp_err_t error;                  /* the first one */
    rd_kafka_resp_err_t nothing; /* why nothing was to be committed */
};

static rd_kafka_error_t *
commit_own(struct track *tr, rd_kafka_topic_partition_list_t *l, void *arg)
{
    struct commit_call *call = arg;
    const rd_kafka_resp_err_t code =
        track_commit(tr, l, call->async, call->committed);
    if (!code)
        call->any = true;
    else if (!l && (code == RD_KAFKA_RESP_ERR__NO_OFFSET ||
                    code == RD_KAFKA_RESP_ERR__STATE))
        call->nothing = code;
    else if (!call->error)
        call->error = code;
    return NULL;
}

static rd_kafka_resp_err_t
commit(struct consumer *c, const rd_kafka_topic_partition_list_t *offsets,
       struct commit_call *call)
{
    rd_kafka_topic_partition_list_t *l =
        offsets ? rd_kafka_topic_partition_list_copy(offsets) : NULL;
    consumer_lock(c);
    /* What each says is in `call`. */
    (void)(l ? lists_each(c, l, commit_own, call)
             : lists_all(c, commit_own, call));
    consumer_unlock(c);
    if (l)
        rd_kafka_topic_partition_list_destroy(l);
    return call->error ? call->error
           : call->any ? RD_KAFKA_RESP_ERR_NO_ERROR
                       : call->nothing;
}

rd_kafka_resp_err_t
consumer_commit(struct consumer *c,
                const rd_kafka_topic_partition_list_t *offsets, bool async)
{
    struct commit_call call = {.async = async};
    return commit(c, offsets, &call);
}

rd_kafka_resp_err_t
consumer_commit_told(struct consumer *c,
                     const rd_kafka_topic_partition_list_t *offsets,
                     rd_kafka_topic_partition_list_t *committed)
{
    struct commit_call call = {.committed = committed};
    return commit(c, offsets, &call);
}

/* ---- what the cluster is asked ------------------------------------------- */

/* Takes steps until there is a generation. */
static struct generation *
wait_for_cluster(struct consumer *c, const char *topic, int64_t end_ms)
{
    struct generation *g = track_hold(consumer_track_of(c, topic));
    while (!g && !track_closed(c->track) && consumer_drive_until(c, end_ms)) {
        if (!consumer_nested(c)) /* else whoever called back is in one */
            consumer_step(c);
        g = track_hold(consumer_track_of(c, topic));
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
        g = wait_for_cluster(c, l->cnt > 0 ? l->elems[0].topic : NULL, end_ms);
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

struct question {
    rd_kafka_resp_err_t (*ask)(struct generation *g,
                               rd_kafka_topic_partition_list_t *l,
                               int timeout_ms); /* without the lock */
    void (*tell)(struct track *tr, const struct generation *g,
                 rd_kafka_topic_partition_list_t *l); /* with it */
    bool settled; /* only when it is known where each of ours goes on */
    int timeout_ms;
    int64_t end_ms;
};

static bool
starts_are_open(const struct track *tr,
                const rd_kafka_topic_partition_list_t *l)
{
    if (!tr->cur || !tr->cur->previous || tr->cur->stopped)
        return false;
    for (int i = 0; i < l->cnt; i++) {
        const struct part *p =
            generation_find(tr->cur, l->elems[i].topic, l->elems[i].partition);
        if (p && p->state == PART_WAITING)
            return true;
    }
    return false;
}

/* What the group had committed in an earlier visit to the cluster is not where
 * it is.  False: not in time. */
static bool
wait_for_starts(struct track *tr, const rd_kafka_topic_partition_list_t *l,
                int64_t end_ms)
{
    struct consumer *c = tr->c;
    bool open = starts_are_open(tr, l);
    while (open && !consumer_nested(c) && consumer_drive_until(c, end_ms)) {
        track_start_step(tr);
        open = starts_are_open(tr, l);
        const int64_t left_ms = end_ms - clock_mono_ms();
        if (open && left_ms > 0)
            track_wait(tr, left_ms);
        consumer_park(c);
        if (left_ms <= 0)
            break;
    }
    return !open || consumer_nested(c);
}

static rd_kafka_error_t *
ask_own(struct track *tr, rd_kafka_topic_partition_list_t *l, void *arg)
{
    const struct question *q = arg;
    if (q->settled && !wait_for_starts(tr, l, q->end_ms))
        return error_of(RD_KAFKA_RESP_ERR__TIMED_OUT);
    struct generation *g = track_hold(tr);
    if (!g)
        return error_of(RD_KAFKA_RESP_ERR__TIMED_OUT);
    consumer_unlock(tr->c);
    const rd_kafka_resp_err_t code =
        q->ask(g, l, q->timeout_ms < 0 ? q->timeout_ms : left(q->end_ms));
    consumer_lock(tr->c);
    if (!code)
        q->tell(tr, g, l);
    generation_unref(g);
    return error_of(code);
}

static rd_kafka_resp_err_t
ask_each(struct consumer *c, rd_kafka_topic_partition_list_t *l,
         struct question *q)
{
    q->end_ms = end_of(q->timeout_ms);
    struct generation *any = consumer_reach(c, l, q->end_ms);
    if (!any)
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    generation_unref(any);
    consumer_lock(c);
    rd_kafka_error_t *error = lists_each(c, l, ask_own, q);
    consumer_unlock(c);
    return code_of(error);
}

static rd_kafka_resp_err_t
ask_committed(struct generation *g, rd_kafka_topic_partition_list_t *l,
              int timeout_ms)
{
    return rd_kafka_committed(g->rk, l, timeout_ms);
}

static void
tell_committed(struct track *tr, const struct generation *g,
               rd_kafka_topic_partition_list_t *l)
{
    track_tell_landings(tr, g, l);
    track_tell_words(g, l);
}

rd_kafka_resp_err_t
consumer_committed(struct consumer *c,
                   rd_kafka_topic_partition_list_t *partitions, int timeout_ms)
{
    struct question q = {.ask = ask_committed,
                         .tell = tell_committed,
                         .settled = true,
                         .timeout_ms = timeout_ms};
    return ask_each(c, partitions, &q);
}

static rd_kafka_resp_err_t
ask_times(struct generation *g, rd_kafka_topic_partition_list_t *l,
          int timeout_ms)
{
    return rd_kafka_offsets_for_times(g->rk, l, timeout_ms);
}

static void
tell_places(struct track *tr, const struct generation *g,
            rd_kafka_topic_partition_list_t *l)
{
    (void)tr;
    track_set_places(g, l);
}

rd_kafka_resp_err_t
consumer_offsets_for_times(struct consumer *c,
                           rd_kafka_topic_partition_list_t *offsets,
                           int timeout_ms)
{
    struct question q = {
        .ask = ask_times, .tell = tell_places, .timeout_ms = timeout_ms};
    return ask_each(c, offsets, &q);
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
