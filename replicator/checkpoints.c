/*
 * Owns the checkpoints of a flow: what groups of the source have committed, and
 * where that is on the target.  A thread of its own, because every question to
 * a coordinator blocks.
 *
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
#include "replicator/group_offsets.h"
#include "replicator/groups.h"
#include "replicator/parts.h"
#include "replicator/topics.h"

#define PAUSE_MS     100
#define FAILURES_MAX 2 /* in a batch: the rest would only wait as well */

struct checkpoints {
    struct flow *flow;
    const struct flow_settings *conf; /* that groups were found by */
    struct checkpoint_memory memory;
    struct groups groups;
    bool memory_read;
    uint64_t takes; /* of units, when it was read */
    bool ask_all;   /* the next round asks every group for all partitions */
    int64_t all_took_ms;
    int64_t groups_ms, checkpoints_ms, offsets_ms; /* when last done */
    char complaint[512];
};

struct round {
    bool checkpoints, offsets; /* what is due */
    bool all;                  /* partitions are asked for */
};

static void
complain(struct checkpoints *c, const char *why)
{
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
static int
read_memory(struct checkpoints *c, struct err *err)
{
    struct flow *f = c->flow;
    if (!f->conf->checkpoints_enabled)
        return 0;
    char *id = xasprintf("shunt-replicator-%s-checkpoints", f->conf->name);
    const int rc =
        topics_read(&f->conf->clients[ROLE_TARGET_CONSUMER], id,
                    f->checkpoints_topic, &f->stop, remember, c, err);
    free(id);
    return rc;
}

/* ---- one commit -------------------------------------------------------- */

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
want_on_target(rd_kafka_topic_partition_list_t *to,
               const struct mm2_checkpoint *cp)
{
    rd_kafka_topic_partition_t *p =
        rd_kafka_topic_partition_list_add(to, cp->topic, cp->partition);
    p->offset = cp->downstream;
    p->metadata = xstrdup(cp->metadata);
    p->metadata_size = strlen(cp->metadata);
}

static void
serve_commit(struct checkpoints *c, const char *group,
             const rd_kafka_topic_partition_t *at, const struct round *round,
             rd_kafka_topic_partition_list_t *wanted)
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
    if (round->checkpoints)
        write_one(c, &cp);
    if (round->offsets)
        want_on_target(wanted, &cp);
    free(cp.metadata);
    free(remote);
}

/* ---- a round ----------------------------------------------------------- */

/* The source partitions that this process copies: all, or those of topics where
 * the group was seen. */
static rd_kafka_topic_partition_list_t *
parts_of(struct flow *f, const struct strlist *topics)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(16);
    struct topic *t, *next;
    pthread_mutex_lock(&f->lock);
    HASH_ITER(hh, f->topics, t, next)
    for (int32_t i = 0; i < t->n_parts; i++)
        if (unit_is_mine(t->parts[i]->unit) &&
            (!topics || strlist_has(topics, t->name)))
            (void)rd_kafka_topic_partition_list_add(list, t->name, i);
    pthread_mutex_unlock(&f->lock);
    return list;
}

static void
keep_topics(struct group *g, const rd_kafka_topic_partition_list_t *list)
{
    strlist_fini(&g->topics);
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset >= 0 &&
            !strlist_has(&g->topics, list->elems[i].topic) &&
            strlist_add(&g->topics, list->elems[i].topic) != 0)
            abort(); /* out of memory */
}

/* False: the group could not be asked. */
static bool
serve_group(struct checkpoints *c, struct group *g, const struct round *round)
{
    struct err err = {0};
    if (!g->rk)
        return false;
    rd_kafka_topic_partition_list_t *list =
        parts_of(c->flow, round->all ? NULL : &g->topics);
    rd_kafka_topic_partition_list_t *wanted =
        rd_kafka_topic_partition_list_new(16);
    const int rc = groups_committed(g->rk, g->name, list, &err);
    if (rc != 0)
        groups_complain(&c->groups, err.text);
    else if (round->all)
        keep_topics(g, list);
    for (int i = 0; rc == 0 && i < list->cnt; i++)
        serve_commit(c, g->name, &list->elems[i], round, wanted);
    if (wanted->cnt > 0)
        group_offsets_sync(&c->groups, &c->memory, g->name, wanted);
    rd_kafka_topic_partition_list_destroy(wanted);
    rd_kafka_topic_partition_list_destroy(list);
    return rc == 0;
}

/* A batch of groups, side by side; how many could not be asked. */
static size_t
serve_batch(struct checkpoints *c, struct group *first, size_t n,
            const struct round *round)
{
    size_t failed = 0;
    struct group *g = first;
    for (size_t i = 0; i < n; i++, g = g->hh.next) {
        if (atomic_load(&c->flow->stop) || failed > FAILURES_MAX)
            failed++;
        else
            failed += !serve_group(c, g, round);
    }
    return failed;
}

static void
serve_round(struct checkpoints *c, const struct round *round)
{
    struct group *first = c->groups.all;
    bool well = !c->groups.unlisted;
    while (first && !atomic_load(&c->flow->stop)) {
        const size_t n = groups_open(&c->groups, first);
        well = serve_batch(c, first, n, round) == 0 && well;
        groups_close(&c->groups, first, n);
        for (size_t i = 0; i < n; i++)
            first = first->hh.next;
    }
    if (well)
        groups_complain(&c->groups, "");
    if (well && round->checkpoints)
        atomic_store(&c->flow->checkpoints_at_ms, clock_coarse_ms());
}

/* ---- what is due ------------------------------------------------------- */

static bool
is_due(int64_t *last_ms, bool enabled, int64_t interval_s)
{
    const int64_t now = clock_mono_ms();
    if (!enabled || (*last_ms && now - *last_ms < interval_s * 1000))
        return false;
    *last_ms = now;
    return true;
}

static void
find_groups(struct checkpoints *c)
{
    const struct flow_settings *s = c->flow->conf;
    if (c->conf != s) /* they may name other groups */
        c->groups_ms = 0;
    c->conf = s;
    if (!is_due(&c->groups_ms, s->refresh_groups_enabled || !c->groups_ms,
                s->refresh_groups_interval_s))
        return;
    groups_refresh(&c->groups);
    checkpoint_forget_landed(&c->memory);
    c->ask_all = true;
}

static void
turn(struct checkpoints *c)
{
    const struct flow_settings *s = c->flow->conf;
    const struct round due = {
        .checkpoints = is_due(&c->checkpoints_ms, s->checkpoints_enabled,
                              s->checkpoints_interval_s),
        .offsets = is_due(&c->offsets_ms, s->group_offsets_enabled,
                          s->group_offsets_interval_s),
        .all = true};
    if (!due.checkpoints && !due.offsets)
        return;
    find_groups(c);
    struct round round = due;
    const int64_t begun = clock_mono_ms();
    /* New topics of a group are looked for in each round as long as that is
     * cheap, else when groups are. */
    const int64_t interval_ms =
        1000 * (due.checkpoints ? s->checkpoints_interval_s
                                : s->group_offsets_interval_s);
    round.all = c->ask_all || c->all_took_ms * 10 < interval_ms;
    serve_round(c, &round);
    if (round.all)
        c->all_took_ms = clock_mono_ms() - begun;
    c->ask_all = false;
}

/* What others have written before this process was given their parts. */
static void
read_what_is_there(struct checkpoints *c)
{
    struct err err = {0};
    const uint64_t takes = atomic_load(&c->flow->takes);
    if (c->memory_read && c->takes == takes)
        return;
    const int rc = read_memory(c, &err);
    c->memory_read = rc == 0;
    c->takes = takes;
    if (rc != 0 && rc != ERR_CLOSED) {
        complain(c, err.text);
        pause_until(c->flow, clock_mono_ms() + 1000);
    }
}

void *
checkpoints_thread(void *flow)
{
    struct checkpoints c = {.flow = flow, .groups = {.flow = flow}};
    while (!atomic_load(&c.flow->stop) && !atomic_load(&c.flow->ready))
        pause_until(c.flow, clock_mono_ms() + PAUSE_MS);
    while (!atomic_load(&c.flow->stop)) {
        read_what_is_there(&c);
        if (c.memory_read)
            turn(&c);
        pause_until(c.flow, clock_mono_ms() + PAUSE_MS);
    }
    groups_fini(&c.groups);
    checkpoint_memory_fini(&c.memory);
    return NULL;
}
