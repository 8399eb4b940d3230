/*
 * Owns the life of topics and parts.  Runs on the flow's thread, blocks for
 * metadata and for the creation of topics.  A topic that cannot be made is
 * said once and tried again at the next round; others go on.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/parts.h"
#include "replicator/topics.h"

#define NAME_MAX_BYTES 512
#define RETRY_MIN_MS   500
#define RETRY_MAX_MS   30000

struct part *
flow_part(struct flow *f, const char *topic, int32_t partition)
{
    struct topic *t;
    HASH_FIND_STR(f->topics, topic, t);
    return t && partition >= 0 && partition < t->n_parts ? t->parts[partition]
                                                         : NULL;
}

/* Where a partition without a position begins. */
static int64_t
first_offset(const struct flow_settings *c)
{
    const char *reset = client_settings_get(&c->clients[ROLE_SOURCE_CONSUMER],
                                            "auto.offset.reset");
    return reset && strcmp(reset, "latest") == 0 ? RD_KAFKA_OFFSET_END
                                                 : RD_KAFKA_OFFSET_BEGINNING;
}

bool
discover_begins_at_end(const struct flow *f)
{
    return first_offset(f->conf) == RD_KAFKA_OFFSET_END;
}

static struct part *
part_new(struct topic *t, struct flow *f, int32_t partition)
{
    struct part *p = xcalloc(1, sizeof(*p));
    p->flow = f;
    p->topic = t;
    p->unit = unit_of(f, t->name, partition);
    p->partition = partition;
    p->next_of_unit = p->unit->parts;
    p->unit->parts = p;
    p->acked = p->saved = p->next = p->reset = -1;
    p->guilty = p->said_at = p->in_txn_to = -1;
    atomic_init(&p->holds, HOLD_NEW | HOLD_NOT_MINE |
                               (f->paused || t->paused ? HOLD_PAUSED : 0));
    p->begin = first_offset(f->conf);
    backoff_init(&p->backoff, RETRY_MIN_MS, RETRY_MAX_MS,
                 (uint64_t)clock_mono_us());
    sync_init(&p->sync);
    sight_init(&p->sight);
    return p;
}

/* Makes the parts that a topic does not have yet. */
static void
add_parts(struct flow *f, struct topic *t, int32_t n)
{
    if (n <= t->n_parts)
        return;
    const int32_t first = t->n_parts;
    pthread_mutex_lock(&f->lock);
    t->parts = xreallocarray(t->parts, (size_t)n, sizeof(struct part *));
    for (int32_t i = first; i < n; i++)
        t->parts[i] = part_new(t, f, i);
    f->n_parts += (size_t)(n - t->n_parts);
    t->n_parts = n;
    pthread_mutex_unlock(&f->lock);
    for (int32_t i = first; i < n; i++)
        part_enter(t->parts[i]);
}

static rd_kafka_topic_t *
open_source(struct topic *t, rd_kafka_t *rk)
{
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(rk);
    rd_kafka_topic_conf_set_opaque(conf, t);
    return rd_kafka_topic_new(rk, t->name, conf);
}

static struct topic *
topic_new(struct flow *f, const char *name, struct err *err)
{
    char remote[NAME_MAX_BYTES];
    if (naming_remote(&f->conf->naming, f->conf->source->name, name, remote,
                      sizeof(remote)) != 0) {
        (void)err_set(err, ERR_LIMIT, "the name of its copy is too long");
        return NULL;
    }
    struct topic *t = xcalloc(1, sizeof(*t));
    t->name = xstrdup(name);
    t->remote = xstrdup(remote);
    t->from = open_source(t, f->consumer);
    if (!t->from) {
        (void)err_kafka(err, rd_kafka_last_error(), "topic %s", name);
        free(t->name);
        free(t->remote);
        free(t);
        return NULL;
    }
    pthread_mutex_lock(&f->lock);
    HASH_ADD_KEYPTR(hh, f->topics, t->name, strlen(t->name), t);
    pthread_mutex_unlock(&f->lock);
    return t;
}

/* Those whose partitions are there are read from now on. */
static int
run_parts(struct topic *t, int32_t upto, struct err *err)
{
    int rc = 0;
    for (int32_t i = 0; i < upto && i < t->n_parts && rc == 0; i++) {
        rc = part_open(t->parts[i], err);
        if (rc == 0)
            part_release(t->parts[i], HOLD_NEW);
    }
    return rc;
}

static int
bring(struct flow *f, struct topic *t, int32_t partitions,
      const struct rd_kafka_metadata *there, struct err *err)
{
    const struct topic_want want = {.name = t->remote,
                                    .partitions = partitions,
                                    .replication = f->conf->replication};
    int32_t have;
    int rc = topics_ensure(f->producer, there, &want, &have, err);
    if (rc != 0)
        return rc;
    add_parts(f, t, partitions);
    rc = run_parts(t, have, err);
    if (rc == 0 && have < partitions)
        return err_set(err, ERR_LIMIT,
                       "%s has %d partitions on %s and cannot be given the "
                       "%d of %s: the others are not copied",
                       t->remote, (int)have, f->conf->target->name,
                       (int)partitions, t->name);
    return rc;
}

static void
bring_or_complain(struct flow *f, const struct rd_kafka_metadata_topic *here,
                  const struct rd_kafka_metadata *there)
{
    struct err err = {0};
    struct topic *t;
    HASH_FIND_STR(f->topics, here->topic, t);
    if (!t)
        t = topic_new(f, here->topic, &err);
    const int rc = t ? bring(f, t, here->partition_cnt, there, &err) : err.code;
    for (int i = 0; t && i < here->partition_cnt; i++)
        if (here->partitions[i].id < t->n_parts)
            t->parts[here->partitions[i].id]->leader =
                here->partitions[i].leader;
    if (rc != 0 && (!t || !t->complained))
        log_error("%s: topic %s: %s", f->conf->name, here->topic, err.text);
    if (t)
        t->complained = rc != 0;
}

int
discover(struct flow *f, struct err *err)
{
    const struct rd_kafka_metadata *here = NULL, *there = NULL;
    int rc = topics_list(f->consumer, &here, err);
    if (rc == 0)
        rc = topics_list(f->producer, &there, err);
    for (int i = 0; rc == 0 && i < here->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &here->topics[i];
        if (!t->err && t->partition_cnt > 0 && !atomic_load(&f->stop) &&
            settings_copies_topic(f->conf, t->topic))
            bring_or_complain(f, t, there);
    }
    if (there)
        rd_kafka_metadata_destroy(there);
    if (here)
        rd_kafka_metadata_destroy(here);
    holds_apply(f);
    return rc;
}

/* *have: the partitions that it has. */
static int
ensure_compact(rd_kafka_t *rk, const char *name, int64_t partitions,
               int64_t replication, int32_t *have, struct err *err)
{
    const struct rd_kafka_metadata *md;
    const struct topic_want want = {.name = name,
                                    .partitions = (int32_t)partitions,
                                    .replication = replication,
                                    .compact = true};
    int rc = topics_list(rk, &md, err);
    if (rc != 0)
        return rc;
    *have = topics_partitions(md, name);
    if (*have == 0) /* as it is, if it is: its keys lie by its partitions */
        rc = topics_ensure(rk, md, &want, have, err);
    rd_kafka_metadata_destroy(md);
    if (rc == 0 && *have == 0)
        rc = err_set(err, ERR_NOTFOUND, "topic %s is not there", name);
    return rc;
}

/* The dead letters': an ordinary topic. */
static int
ensure_letters(struct flow *f, struct err *err)
{
    const struct topic_want want = {.name = f->conf->dead_letter_topic,
                                    .partitions = 1,
                                    .replication = f->conf->replication};
    const struct rd_kafka_metadata *md;
    int32_t have;
    int rc = topics_list(f->producer, &md, err);
    if (rc != 0)
        return rc;
    rc = topics_ensure(f->producer, md, &want, &have, err);
    rd_kafka_metadata_destroy(md);
    return rc;
}

int
discover_internal(struct flow *f, struct err *err)
{
    const struct flow_settings *c = f->conf;
    rd_kafka_t *at_syncs = c->syncs_on_target ? f->producer : f->back;
    int32_t have;
    int rc = ensure_compact(f->producer, f->positions_topic,
                            c->target->positions_partitions,
                            c->target->positions_replication, &have, err);
    if (rc == 0)
        units_make(f, have);
    if (rc == 0 && c->syncs_enabled)
        rc = ensure_compact(at_syncs, f->syncs_topic, 1, c->syncs_replication,
                            &have, err);
    if (rc == 0 && c->checkpoints_enabled)
        rc = ensure_compact(f->producer, f->checkpoints_topic, 1,
                            c->checkpoints_replication, &have, err);
    if (rc == 0 && c->heartbeats_enabled)
        rc = ensure_compact(f->producer, "heartbeats", 1,
                            c->heartbeats_replication, &have, err);
    if (rc == 0 && c->on_refused == REFUSED_DEAD_LETTER)
        rc = ensure_letters(f, err);
    if (rc == 0 && f->beat_back)
        rc = ensure_compact(f->back, "heartbeats", 1, c->heartbeats_replication,
                            &have, err);
    return rc;
}
