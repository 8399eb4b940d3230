/*
 * A session is one handle, used by one thread at a time.  A group's commits
 * can only be asked for by name here (asking for all is an admin call), so the
 * cluster's topics are listed first; they are asked for in slices, because
 * librdkafka looks up each partition of an answer in the list of the question.
 */
#include "offset-mapper/group_kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "offset-mapper/handle.h"

#define SLICE 1000

struct group_session {
    const struct pt_cluster *cluster;
    char *group;
    int64_t deadline_ms;
    rd_kafka_t *rk;
};

/* ---- lists of commits ----------------------------------------------------- */

void
group_commits_add(struct group_commits *c, const char *topic, int32_t partition,
                  int64_t offset, const char *metadata)
{
    if ((c->n & (c->n - 1)) == 0) /* full at powers of two */
        c->v = xreallocarray(c->v, c->n ? 2 * c->n : 1, sizeof(*c->v));
    c->v[c->n++] = (struct group_commit){.topic = xstrdup(topic),
                                         .partition = partition,
                                         .offset = offset,
                                         .metadata = xstrdup(metadata)};
}

static int
by_name(const void *a, const void *b)
{
    const struct group_commit *x = a;
    const struct group_commit *y = b;
    const int names = strcmp(x->topic, y->topic);
    return names
               ? names
               : (x->partition > y->partition) - (x->partition < y->partition);
}

void
group_commits_sort(struct group_commits *c)
{
    if (c->n > 1)
        qsort(c->v, c->n, sizeof(*c->v), by_name);
}

const struct group_commit *
group_commits_find(const struct group_commits *c, const char *topic,
                   int32_t partition)
{
    char *name = xstrdup(topic);
    const struct group_commit key = {.topic = name, .partition = partition};
    const struct group_commit *found =
        c->n ? bsearch(&key, c->v, c->n, sizeof(*c->v), by_name) : NULL;
    free(name);
    return found;
}

void
group_commits_fini(struct group_commits *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->v[i].topic);
        free(c->v[i].metadata);
        free(c->v[i].text);
    }
    free(c->v);
    *c = (struct group_commits){0};
}

/* ---- life ---------------------------------------------------------------- */

int
group_session_open(const struct pt_cluster *cluster, const char *group,
                   int64_t deadline_ms, struct group_session **out,
                   struct err *err)
{
    const char *const own[][2] = {
        {"group.id", group},
        {"socket.timeout.ms", "10000"},
    };
    rd_kafka_t *rk;
    *out = NULL;
    const int rc = handle_open(cluster, own, sizeof(own) / sizeof(own[0]), NULL,
                               NULL, &rk, err);
    if (rc)
        return rc;
    struct group_session *s = xcalloc(1, sizeof(*s));
    *s = (struct group_session){cluster, xstrdup(group), deadline_ms, rk};
    *out = s;
    return 0;
}

void
group_session_deadline(struct group_session *s, int64_t deadline_ms)
{
    s->deadline_ms = deadline_ms;
}

void
group_session_close(struct group_session *s)
{
    if (!s)
        return;
    rd_kafka_destroy_flags(s->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(s->group);
    free(s);
}

static int
left_ms(const struct group_session *s)
{
    const int64_t left = s->deadline_ms - clock_mono_ms();
    return left < 1 ? 1 : left > 60000 ? 60000 : (int)left;
}

static int
code_of(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
        return ERR_UNAVAILABLE;
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return ERR_DENIED;
    default:
        return ERR_KAFKA;
    }
}

static int
fail(const struct group_session *s, rd_kafka_resp_err_t code, const char *what,
     struct err *err)
{
    return err_set(err, code_of(code),
                   "cannot %s of group %s on cluster %s: %s", what, s->group,
                   s->cluster->name, rd_kafka_err2str(code));
}

/* ---- reading ------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *
all_partitions(const rd_kafka_metadata_t *md)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(64);
    for (int i = 0; i < md->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *t = &md->topics[i];
        if (t->err || str_starts_with(t->topic, "__"))
            continue;
        for (int p = 0; p < t->partition_cnt; p++)
            (void)rd_kafka_topic_partition_list_add(l, t->topic,
                                                    t->partitions[p].id);
    }
    return l;
}

static void
keep(struct group_commits *out, const rd_kafka_topic_partition_t *t)
{
    if (t->err || t->offset < 0)
        return;
    char *metadata = xcalloc(1, t->metadata_size + 1);
    if (t->metadata_size > 0)
        memcpy(metadata, t->metadata, t->metadata_size);
    group_commits_add(out, t->topic, t->partition, t->offset, metadata);
    free(metadata);
}

static int
read_slice(struct group_session *s, const rd_kafka_topic_partition_t *from,
           int n, struct group_commits *out, struct err *err)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++)
        (void)rd_kafka_topic_partition_list_add(l, from[i].topic,
                                                from[i].partition);
    const rd_kafka_resp_err_t code = rd_kafka_committed(s->rk, l, left_ms(s));
    for (int i = 0; i < n && !code; i++)
        keep(out, &l->elems[i]);
    rd_kafka_topic_partition_list_destroy(l);
    return code ? fail(s, code, "read the commits", err) : 0;
}

int
group_commits_read(struct group_session *s, struct group_commits *out,
                   struct err *err)
{
    const rd_kafka_metadata_t *md;
    *out = (struct group_commits){0};
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(s->rk, 1, NULL, &md, left_ms(s));
    if (code)
        return fail(s, code, "read the commits", err);
    rd_kafka_topic_partition_list_t *all = all_partitions(md);
    rd_kafka_metadata_destroy(md);
    int rc = 0;
    for (int i = 0; i < all->cnt && rc == 0; i += SLICE)
        rc = read_slice(s, &all->elems[i],
                        all->cnt - i < SLICE ? all->cnt - i : SLICE, out, err);
    rd_kafka_topic_partition_list_destroy(all);
    if (rc)
        group_commits_fini(out);
    else
        group_commits_sort(out);
    return rc;
}

/* A broker that cannot describe a group of the newer protocol calls it dead. */
static int64_t
members_of(const struct rd_kafka_group_info *g, struct err *err)
{
    if (!g->err && strcmp(g->state, "Dead") != 0)
        return g->member_cnt;
    (void)err_set(err, ERR_UNSUPPORTED, "group %s cannot be described: %s",
                  g->group, g->err ? rd_kafka_err2str(g->err) : g->state);
    return -1;
}

int
group_members_count(struct group_session *s, int64_t *members, struct err *err)
{
    const struct rd_kafka_group_list *list = NULL;
    const rd_kafka_resp_err_t code =
        rd_kafka_list_groups(s->rk, s->group, &list, left_ms(s));
    *members = 0;
    if (code_of(code) == ERR_UNAVAILABLE)
        return fail(s, code, "list the members", err);
    if (code) {
        (void)fail(s, code, "list the members", err); /* said by -1 */
        *members = -1;
    }
    for (int i = 0; list && i < list->group_cnt; i++)
        if (strcmp(list->groups[i].group, s->group) == 0)
            *members = members_of(&list->groups[i], err);
    if (list)
        rd_kafka_group_list_destroy(list);
    return 0;
}

/* ---- log starts ----------------------------------------------------------- */

static int
raise_slice(struct group_session *s, struct group_commit *v, size_t n,
            struct err *err)
{
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(l, v[i].topic, v[i].partition)
            ->offset = RD_KAFKA_OFFSET_BEGINNING;
    const rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(s->rk, l, left_ms(s));
    for (size_t i = 0; i < n && !code; i++) {
        const rd_kafka_topic_partition_t *t =
            rd_kafka_topic_partition_list_find(l, v[i].topic, v[i].partition);
        if (t && !t->err && t->offset > v[i].offset)
            v[i].offset = t->offset;
    }
    rd_kafka_topic_partition_list_destroy(l);
    return code ? fail(s, code, "ask for the log starts of the topics", err)
                : 0;
}

int
group_commits_raise(struct group_session *s, struct group_commits *c,
                    struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < c->n && rc == 0; i += SLICE)
        rc = raise_slice(s, &c->v[i], c->n - i < SLICE ? c->n - i : SLICE, err);
    return rc;
}

/* ---- writing ------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *
list_of(const struct group_commits *c)
{
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new((int)c->n);
    for (size_t i = 0; i < c->n; i++) {
        rd_kafka_topic_partition_t *t = rd_kafka_topic_partition_list_add(
            l, c->v[i].topic, c->v[i].partition);
        t->offset = c->v[i].offset;
        t->metadata_size = strlen(c->v[i].metadata);
        t->metadata = t->metadata_size ? xstrdup(c->v[i].metadata) : NULL;
    }
    return l;
}

static bool
has_members(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

static void
set_outcome(struct group_commit *c, rd_kafka_resp_err_t code)
{
    if (!code)
        return;
    const bool members = has_members(code);
    c->error = members ? ERR_CONFLICT : code_of(code);
    c->text = xasprintf(
        "%s%s", members ? "refused because the group has members: " : "",
        rd_kafka_err2str(code));
}

/* `code` is that of the whole request; a partition may have its own.  The list
 * comes back in another order. */
static void
take_outcome(struct group_commits *c, rd_kafka_resp_err_t code,
             rd_kafka_topic_partition_list_t *l)
{
    for (size_t i = 0; i < c->n; i++) {
        const rd_kafka_topic_partition_t *t =
            l ? rd_kafka_topic_partition_list_find(l, c->v[i].topic,
                                                   c->v[i].partition)
              : NULL;
        set_outcome(&c->v[i], t && t->err ? t->err : code);
    }
}

int
group_commits_write(struct group_session *s, struct group_commits *c,
                    struct err *err)
{
    rd_kafka_topic_partition_list_t *l = list_of(c);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(s->rk);
    int rc = 0;
    rd_kafka_resp_err_t code =
        rd_kafka_commit_queue(s->rk, l, answers, NULL, NULL);
    rd_kafka_event_t *e =
        code ? NULL : rd_kafka_queue_poll(answers, left_ms(s));
    if (e)
        take_outcome(c, rd_kafka_event_error(e),
                     rd_kafka_event_topic_partition_list(e));
    else if (code)
        take_outcome(c, code, NULL);
    else
        rc = err_set(err, ERR_TIMEOUT,
                     "cluster %s has not said whether it took the commits of "
                     "group %s: try again, what is there already stays",
                     s->cluster->name, s->group);
    if (e)
        rd_kafka_event_destroy(e);
    rd_kafka_queue_destroy(answers);
    rd_kafka_topic_partition_list_destroy(l);
    return rc;
}
