/*
 * Owns the handles of groups.
 */
#include "replicator/groups.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/parts.h"

#define ASK_TIMEOUT_MS  5000
#define LIST_TIMEOUT_MS 10000
#define ASK_PARTS       100 /* per request */

void
groups_complain(struct groups *g, const char *why)
{
    if (strcmp(g->complaint, why) == 0)
        return;
    (void)snprintf(g->complaint, sizeof(g->complaint), "%s", why);
    if (why[0])
        log_warn("%s: groups: %s", g->flow->conf->name, why);
}

/* ---- which there are --------------------------------------------------- */

static void
close_handle(struct group *group)
{
    if (!group->rk)
        return;
    (void)rd_kafka_consumer_close(group->rk); /* never joined */
    rd_kafka_destroy(group->rk);
    group->rk = NULL;
}

static void
drop(struct groups *g, struct group *group)
{
    HASH_DEL(g->all, group);
    close_handle(group);
    strlist_fini(&group->topics);
    free(group->name);
    free(group);
}

static void
see(struct groups *g, const char *name)
{
    struct group *group;
    if (!settings_follows_group(g->flow->conf, name))
        return;
    HASH_FIND_STR(g->all, name, group);
    if (!group) {
        group = xcalloc(1, sizeof(*group));
        group->name = xstrdup(name);
        HASH_ADD_KEYPTR(hh, g->all, group->name, strlen(group->name), group);
    }
    group->seen = true;
}

/* Kafka Connect's workers are a group, too, but commit no offsets. */
static bool
is_of_consumers(const struct rd_kafka_group_info *g)
{
    return !g->protocol_type || !g->protocol_type[0] ||
           strcmp(g->protocol_type, "consumer") == 0;
}

static void
see_named(struct groups *g)
{
    struct strlist named = {0};
    if (pattern_literals(g->flow->conf->groups, &named) != 0)
        abort(); /* out of memory */
    for (size_t i = 0; i < named.n; i++)
        see(g, named.v[i]);
    strlist_fini(&named);
}

const struct rd_kafka_group_list *
groups_list(rd_kafka_t *rk, rd_kafka_resp_err_t *code)
{
    const struct rd_kafka_group_list *list = NULL;
    *code = rd_kafka_list_groups(rk, NULL, &list, LIST_TIMEOUT_MS);
    return list;
}

/* Not every kind of cluster can tell; then those named in full must do. */
static void
say_list(struct groups *g, rd_kafka_resp_err_t code)
{
    char why[256];
    g->unlisted = code && code != RD_KAFKA_RESP_ERR__PARTIAL &&
                  code != RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
    if (!code || code == RD_KAFKA_RESP_ERR__PARTIAL || g->unsupported)
        return;
    g->unsupported = !g->unlisted;
    (void)snprintf(why, sizeof(why),
                   "%s cannot list its groups (%s): only those that \"groups\" "
                   "names in full, and those that were seen before, are "
                   "followed",
                   g->flow->conf->source->name, rd_kafka_err2str(code));
    groups_complain(g, why);
}

void
groups_refresh(struct groups *g)
{
    struct group *group, *next;
    rd_kafka_resp_err_t code;
    const struct rd_kafka_group_list *list =
        groups_list(g->flow->consumer, &code);
    HASH_ITER(hh, g->all, group, next)
    /* Whoever cannot tell takes none away. */
    group->seen =
        code != 0 && settings_follows_group(g->flow->conf, group->name);
    see_named(g);
    for (int i = 0; list && i < list->group_cnt; i++)
        if (is_of_consumers(&list->groups[i]))
            see(g, list->groups[i].group);
    HASH_ITER(hh, g->all, group, next)
    if (!group->seen)
        drop(g, group);
    if (list)
        rd_kafka_group_list_destroy(list);
    say_list(g, code);
}

bool
groups_is_idle(const struct rd_kafka_group_list *list, const char *name)
{
    for (int i = 0; list && i < list->group_cnt; i++) {
        const struct rd_kafka_group_info *g = &list->groups[i];
        if (strcmp(g->group, name) == 0)
            return g->member_cnt == 0 && (!g->state || !g->state[0] ||
                                          strcmp(g->state, "Empty") == 0 ||
                                          strcmp(g->state, "Dead") == 0);
    }
    return true;
}

/* ---- handles ----------------------------------------------------------- */

size_t
groups_open(struct groups *g, struct group *first)
{
    size_t n = 0;
    for (struct group *group = first; group && n < GROUPS_HANDLES;
         group = group->hh.next, n++) {
        struct err err = {0};
        const struct flow_settings *c = g->flow->conf;
        if (!group->rk && client_of_group(&c->clients[ROLE_SOURCE_ADMIN],
                                          group->name, &group->rk, &err) != 0)
            groups_complain(g, err.text);
    }
    return n;
}

void
groups_close(struct groups *g, struct group *first, size_t n)
{
    if (HASH_COUNT(g->all) <= GROUPS_HANDLES)
        return;
    for (struct group *group = first; group && n > 0;
         group = group->hh.next, n--)
        close_handle(group);
}

void
groups_fini(struct groups *g)
{
    struct group *group, *next;
    HASH_ITER(hh, g->all, group, next)
    drop(g, group);
}

/* ---- commits ----------------------------------------------------------- */

/* Some of them, from `first` on; their answers go into `parts`. */
static rd_kafka_resp_err_t
ask_some(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *parts, int first,
         int n)
{
    rd_kafka_topic_partition_list_t *some =
        rd_kafka_topic_partition_list_new(n);
    for (int i = first; i < first + n; i++)
        (void)rd_kafka_topic_partition_list_add(some, parts->elems[i].topic,
                                                parts->elems[i].partition);
    const rd_kafka_resp_err_t code =
        rd_kafka_committed(rk, some, ASK_TIMEOUT_MS);
    for (int i = 0; !code && i < n; i++) {
        rd_kafka_topic_partition_t *to = &parts->elems[first + i];
        to->offset = some->elems[i].offset;
        to->err = some->elems[i].err;
        to->metadata = some->elems[i].metadata;
        to->metadata_size = some->elems[i].metadata_size;
        some->elems[i].metadata = NULL; /* moved */
        some->elems[i].metadata_size = 0;
    }
    rd_kafka_topic_partition_list_destroy(some);
    return code;
}

int
groups_committed(rd_kafka_t *rk, const char *group,
                 rd_kafka_topic_partition_list_t *parts, struct err *err)
{
    for (int at = 0; at < parts->cnt; at += ASK_PARTS) {
        const int n = parts->cnt - at < ASK_PARTS ? parts->cnt - at : ASK_PARTS;
        const rd_kafka_resp_err_t code = ask_some(rk, parts, at, n);
        if (code)
            return err_kafka(err, code,
                             "cannot read what group %s has "
                             "committed",
                             group);
    }
    return 0;
}
