/*
 * Owns nothing that outlives a call.  Asks in this order: has the group
 * members; what has it committed; then commits what is further on.  The broker
 * refuses the commit of somebody who is no member while there are members, so
 * that only a group whose members come, commit and go again within the
 * milliseconds between the last two could be set back.
 */
#include "replicator/group_offsets.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/parts.h"

#define LIST_TIMEOUT_MS   5000
#define COMMIT_TIMEOUT_MS 10000
#define STEP_MS           100

static void
put(rd_kafka_topic_partition_list_t *to, const rd_kafka_topic_partition_t *from,
    int64_t offset)
{
    rd_kafka_topic_partition_t *p =
        rd_kafka_topic_partition_list_add(to, from->topic, from->partition);
    p->offset = offset;
    p->metadata = xcalloc(1, from->metadata_size + 1);
    p->metadata_size = from->metadata_size;
    if (from->metadata_size > 0)
        memcpy(p->metadata, from->metadata, from->metadata_size);
}

/* Those that are further on than what is known to be committed. */
static rd_kafka_topic_partition_list_t *
news(const struct checkpoint_memory *memory, const char *group,
     const rd_kafka_topic_partition_list_t *wanted)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(wanted->cnt);
    for (int i = 0; i < wanted->cnt; i++) {
        const rd_kafka_topic_partition_t *w = &wanted->elems[i];
        if (w->offset >
            checkpoint_landed(memory, group, w->topic, w->partition))
            put(list, w, w->offset);
    }
    return list;
}

/* Members, or nobody knows: then nothing is done. */
static bool
has_members(struct groups *g, const char *group)
{
    const struct rd_kafka_group_list *list = NULL;
    const rd_kafka_resp_err_t code =
        rd_kafka_list_groups(g->flow->producer, group, &list, LIST_TIMEOUT_MS);
    const bool idle = !code && groups_is_idle(list, group);
    if (list)
        rd_kafka_group_list_destroy(list);
    if (code) {
        char why[256];
        (void)snprintf(why, sizeof(why),
                       "%s cannot tell whether group %s has members (%s): its "
                       "offsets are not set there",
                       g->flow->conf->target->name, group,
                       rd_kafka_err2str(code));
        groups_complain(g, why);
    }
    return !idle;
}

/* Leaves out those that the group has committed as far or further. */
static rd_kafka_topic_partition_list_t *
only_forward(struct checkpoint_memory *memory, const char *group,
             const rd_kafka_topic_partition_list_t *wanted,
             const rd_kafka_topic_partition_list_t *committed)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(wanted->cnt);
    for (int i = 0; i < wanted->cnt; i++) {
        const rd_kafka_topic_partition_t *w = &wanted->elems[i];
        const rd_kafka_topic_partition_t *c = &committed->elems[i];
        if (c->err)
            continue;
        if (c->offset < w->offset) /* none is negative */
            put(list, w, w->offset);
        else
            checkpoint_land(memory, group, w->topic, w->partition, c->offset);
    }
    return list;
}

/* A member came in between: it knows better. */
static bool
is_of_members(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

static void
refused(struct groups *g, const char *group, rd_kafka_resp_err_t code)
{
    struct err err;
    if (!code || is_of_members(code))
        return;
    (void)err_kafka(&err, code, "cannot set the offsets of group %s on %s",
                    group, g->flow->conf->target->name);
    groups_complain(g, err.text);
}

static void
take_answer(struct groups *g, struct checkpoint_memory *memory,
            const char *group, const rd_kafka_topic_partition_list_t *list,
            rd_kafka_event_t *ev)
{
    const rd_kafka_topic_partition_list_t *answers =
        rd_kafka_event_topic_partition_list(ev);
    const rd_kafka_resp_err_t all = rd_kafka_event_error(ev);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];
        const rd_kafka_topic_partition_t *a =
            answers ? rd_kafka_topic_partition_list_find(
                          (rd_kafka_topic_partition_list_t *)(uintptr_t)answers,
                          p->topic, p->partition)
                    : NULL;
        const rd_kafka_resp_err_t code = all ? all : a ? a->err : 0;
        refused(g, group, code);
        if (code)
            continue;
        checkpoint_land(memory, group, p->topic, p->partition, p->offset);
        atomic_fetch_add(&g->flow->group_offsets_written, 1);
    }
}

static void
commit(struct groups *g, struct checkpoint_memory *memory, const char *group,
       rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
    const int64_t until = clock_mono_ms() + COMMIT_TIMEOUT_MS;
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_event_t *ev = NULL;
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(rk, list, q, NULL, NULL);
    while (!code && !ev && clock_mono_ms() < until &&
           !atomic_load(&g->flow->stop))
        ev = rd_kafka_queue_poll(q, STEP_MS);
    if (ev) {
        take_answer(g, memory, group, list, ev);
        rd_kafka_event_destroy(ev);
    } else if (!atomic_load(&g->flow->stop)) {
        refused(g, group, code ? code : RD_KAFKA_RESP_ERR__TIMED_OUT);
    }
    rd_kafka_queue_destroy(q);
}

/* Asks and commits with a handle of the group. */
static void
move(struct groups *g, struct checkpoint_memory *memory, const char *group,
     rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *wanted)
{
    struct err err = {0};
    rd_kafka_topic_partition_list_t *now =
        rd_kafka_topic_partition_list_copy(wanted);
    if (groups_committed(rk, group, now, &err) != 0) {
        groups_complain(g, err.text);
    } else {
        rd_kafka_topic_partition_list_t *list =
            only_forward(memory, group, wanted, now);
        if (list->cnt > 0)
            commit(g, memory, group, rk, list);
        rd_kafka_topic_partition_list_destroy(list);
    }
    rd_kafka_topic_partition_list_destroy(now);
}

void
group_offsets_sync(struct groups *g, struct checkpoint_memory *memory,
                   const char *group,
                   const rd_kafka_topic_partition_list_t *wanted)
{
    const struct flow_settings *c = g->flow->conf;
    struct err err = {0};
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *list = news(memory, group, wanted);
    if (list->cnt > 0 && !has_members(g, group)) {
        if (client_of_group(&c->clients[ROLE_TARGET_ADMIN], group, &rk, &err) ==
            0) {
            move(g, memory, group, rk, list);
            (void)rd_kafka_consumer_close(rk); /* never joined */
            rd_kafka_destroy(rk);
        } else {
            groups_complain(g, err.text);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}
