/*
 * Owns the checkpoints of a flow: which groups there are on the source, what
 * they have committed, where that is on the target.  A thread of its own,
 * because every question to a coordinator blocks.
 *
 * Committed offsets are asked by a handle that has the group's id and never
 * subscribes: librdkafka's admin calls for groups can abort the process.
 * Invariant: what is written is never past the right position (runs.h), and
 * per group and partition follows MirrorMaker's rule (mm2.md 5.2).
 */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "common/mm2/codec.h"
#include "replicator/checkpoint_rule.h"
#include "replicator/parts.h"
#include "replicator/topics.h"

#define ASK_TIMEOUT_MS  5000
#define PAUSE_MS        100
#define HANDLES_KEPT    32
#define LIST_TIMEOUT_MS 10000

struct group_handle {
    char *group;
    rd_kafka_t *rk;
    UT_hash_handle hh;
};

struct checkpoints {
    struct flow *flow;
    struct checkpoint_memory memory;
    struct group_handle *handles;
    char complaint[512];
    bool failed; /* something of this round */
};

static void
complain(struct checkpoints *c, const char *why)
{
    c->failed = true;
    if (strcmp(c->complaint, why) == 0)
        return;
    (void)snprintf(c->complaint, sizeof(c->complaint), "%s", why);
    log_warn("%s: checkpoints: %s", c->flow->conf->name, why);
}

static void
remember(const rd_kafka_message_t *m, void *arg)
{
    struct checkpoints *c = arg;
    struct mm2_checkpoint cp;
    struct err err = {0};
    if (mm2_checkpoint_decode(m->key, m->key_len, m->payload, m->len, &cp,
                              &err) != 0) {
        log_warn("%s: %s: record %lld is no checkpoint, left out: %s",
                 c->flow->conf->name, c->flow->checkpoints_topic,
                 (long long)m->offset, err.text);
        return;
    }
    checkpoint_remember(&c->memory, &cp);
    mm2_checkpoint_fini(&cp);
}

static void
pause_until(const struct flow *f, int64_t until)
{
    while (!atomic_load(&f->stop) && clock_mono_ms() < until) {
        const struct timespec ts = {.tv_nsec = PAUSE_MS * 1000000L};
        (void)nanosleep(&ts, NULL); /* cut short: the clock decides */
    }
}

/* What was written before this process; without it a restart could go back. */
static void
read_memory(struct checkpoints *c)
{
    struct flow *f = c->flow;
    struct err err = {0};
    char *id = xasprintf("shunt-replicator-%s-checkpoints", f->conf->name);
    while (!atomic_load(&f->stop)) {
        const int rc =
            topics_read(&f->conf->clients[ROLE_TARGET_CONSUMER], id,
                        f->checkpoints_topic, &f->stop, remember, c, &err);
        if (rc == 0 || rc == ERR_CLOSED)
            break;
        complain(c, err.text);
        pause_until(f, clock_mono_ms() + 1000);
    }
    free(id);
}

/* ---- groups ------------------------------------------------------------ */

static void
add_group(const struct checkpoints *c, struct strlist *to, const char *name)
{
    if (settings_follows_group(c->flow->conf, name) && !strlist_has(to, name) &&
        strlist_add(to, name) != 0)
        abort();
}

/* Kafka Connect's workers are a group, too, but commit no offsets. */
static bool
is_of_consumers(const struct rd_kafka_group_info *g)
{
    return !g->protocol_type || !g->protocol_type[0] ||
           strcmp(g->protocol_type, "consumer") == 0;
}

static void
find_groups(struct checkpoints *c, struct strlist *out)
{
    const struct rd_kafka_group_list *list = NULL;
    struct strlist named = {0};
    if (pattern_literals(c->flow->conf->groups, &named) != 0)
        abort();
    for (size_t i = 0; i < named.n; i++)
        add_group(c, out, named.v[i]);
    strlist_fini(&named);
    /* Not every cluster can tell; then the named ones must do. */
    const rd_kafka_resp_err_t code =
        rd_kafka_list_groups(c->flow->consumer, NULL, &list, LIST_TIMEOUT_MS);
    if (code && code != RD_KAFKA_RESP_ERR__PARTIAL) {
        char why[256];
        (void)snprintf(why, sizeof(why),
                       "%s cannot list its groups (%s): only those that "
                       "\"groups\" names in full are followed",
                       c->flow->conf->source->name, rd_kafka_err2str(code));
        complain(c, why);
        c->failed = code != RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
    }
    for (int i = 0; list && i < list->group_cnt; i++)
        if (is_of_consumers(&list->groups[i]))
            add_group(c, out, list->groups[i].group);
    if (list)
        rd_kafka_group_list_destroy(list);
}

static void
drop_handle(struct checkpoints *c, struct group_handle *h)
{
    HASH_DEL(c->handles, h);
    (void)rd_kafka_consumer_close(h->rk); /* never joined */
    rd_kafka_destroy(h->rk);
    free(h->group);
    free(h);
}

static struct group_handle *
handle_of(struct checkpoints *c, const char *group)
{
    struct group_handle *h;
    struct err err = {0};
    rd_kafka_t *rk;
    HASH_FIND_STR(c->handles, group, h);
    if (h)
        return h;
    if (HASH_COUNT(c->handles) >= HANDLES_KEPT)
        drop_handle(c, c->handles);
    if (client_of_group(&c->flow->conf->clients[ROLE_SOURCE_ADMIN], group, &rk,
                        &err) != 0) {
        complain(c, err.text);
        return NULL;
    }
    h = xcalloc(1, sizeof(*h));
    h->group = xstrdup(group);
    h->rk = rk;
    HASH_ADD_KEYPTR(hh, c->handles, h->group, strlen(h->group), h);
    return h;
}

/* ---- a round ----------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *
all_parts(struct flow *f)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(16);
    struct topic *t, *next;
    pthread_mutex_lock(&f->lock);
    HASH_ITER(hh, f->topics, t, next)
    for (int32_t i = 0; i < t->n_parts; i++)
        if (unit_is_mine(t->parts[i]->unit))
            (void)rd_kafka_topic_partition_list_add(list, t->name, i);
    pthread_mutex_unlock(&f->lock);
    return list;
}

/* -1: nothing is known. *remote is owned by the caller. */
static int64_t
translate(struct flow *f, const rd_kafka_topic_partition_t *at, char **remote)
{
    int64_t down = -1;
    pthread_mutex_lock(&f->lock);
    const struct part *p = flow_part(f, at->topic, at->partition);
    if (p)
        down = runs_translate(&p->runs, at->offset);
    *remote = down >= 0 ? xstrdup(p->topic->remote) : NULL;
    pthread_mutex_unlock(&f->lock);
    return down;
}

static char *
metadata_of(const rd_kafka_topic_partition_t *at)
{
    char *s = xcalloc(1, at->metadata_size + 1);
    if (at->metadata_size > 0)
        memcpy(s, at->metadata, at->metadata_size);
    return s;
}

static void
write_one(struct checkpoints *c, const struct mm2_checkpoint *cp)
{
    struct mm2_bytes bytes;
    if (!checkpoint_is_news(&c->memory, cp))
        return;
    if (mm2_checkpoint_encode(cp, &bytes) != 0) {
        complain(c, "a name or a commit's metadata is longer than 32767 bytes");
        return;
    }
    if (!emit_note(c->flow, c->flow->producer, NOTE_CHECKPOINT,
                   c->flow->checkpoints_topic, 0, bytes.key, bytes.key_len,
                   bytes.value, bytes.value_len))
        checkpoint_remember(&c->memory, cp);
    mm2_bytes_fini(&bytes);
}

static void
write_commit(struct checkpoints *c, const char *group,
             const rd_kafka_topic_partition_t *at)
{
    char *remote;
    if (at->err || at->offset < 0)
        return;
    const int64_t down = translate(c->flow, at, &remote);
    if (down < 0)
        return;
    const struct mm2_checkpoint cp = {
        .group = (char *)(uintptr_t)group, /* the codec only reads */
        .topic = remote,
        .partition = at->partition,
        .upstream = at->offset,
        .downstream = down,
        .metadata = metadata_of(at),
    };
    write_one(c, &cp);
    free(cp.metadata);
    free(remote);
}

static void
write_group(struct checkpoints *c, const char *group)
{
    const struct group_handle *h = handle_of(c, group);
    if (!h)
        return;
    rd_kafka_topic_partition_list_t *list = all_parts(c->flow);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (list->cnt > 0)
        code = rd_kafka_committed(h->rk, list, ASK_TIMEOUT_MS);
    if (code) {
        struct err err = {0};
        (void)err_kafka(&err, code, "cannot read what group %s has committed",
                        group);
        complain(c, err.text);
    }
    for (int i = 0; !code && i < list->cnt; i++)
        write_commit(c, group, &list->elems[i]);
    rd_kafka_topic_partition_list_destroy(list);
}

static void
write_round(struct checkpoints *c)
{
    struct strlist groups = {0};
    c->failed = false;
    find_groups(c, &groups);
    for (size_t i = 0; i < groups.n && !atomic_load(&c->flow->stop); i++)
        write_group(c, groups.v[i]);
    strlist_fini(&groups);
    if (!c->failed)
        atomic_store(&c->flow->checkpoints_at_ms, clock_coarse_ms());
}

void *
checkpoints_thread(void *flow)
{
    struct checkpoints c = {.flow = flow};
    while (!atomic_load(&c.flow->stop) && !atomic_load(&c.flow->ready))
        pause_until(c.flow, clock_mono_ms() + PAUSE_MS);
    read_memory(&c);
    while (!atomic_load(&c.flow->stop)) {
        const int64_t begun = clock_mono_ms();
        write_round(&c);
        /* The interval may change meanwhile. */
        while (!atomic_load(&c.flow->stop) &&
               clock_mono_ms() <
                   begun + c.flow->conf->checkpoints_interval_s * 1000)
            pause_until(c.flow, clock_mono_ms() + PAUSE_MS);
    }
    struct group_handle *h, *after;
    HASH_ITER(hh, c.handles, h, after)
    drop_handle(&c, h);
    checkpoint_memory_fini(&c.memory);
    return NULL;
}
