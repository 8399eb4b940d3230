/*
 * Owns the life of topics and parts.  Runs on the flow's thread.  A topic that
 * cannot be made is said once and tried again at the next survey; others go on.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/parts.h"
#include "replicator/survey.h"

#define WATERMARKS_MS 1000
#define RETRY_MIN_MS  500
#define RUNS_OF_FLOW  ((size_t)400000) /* 24 bytes each */
#define RUNS_LEAST    ((size_t)256)
#define RETRY_MAX_MS  30000

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
    p->last.offset = p->check.offset = -1;
    p->guilty = p->said_at = p->in_txn_to = p->to_save = -1;
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
topic_new(struct flow *f, const struct surveyed *found, struct err *err)
{
    struct topic *t = xcalloc(1, sizeof(*t));
    t->name = xstrdup(found->name);
    t->remote = xstrdup(found->remote);
    t->from = open_source(t, f->consumer);
    if (!t->from) {
        (void)err_kafka(err, rd_kafka_last_error(), "topic %s", t->name);
        free(t->name);
        free(t->remote);
        free(t);
        return NULL;
    }
    if (f->codecs)
        t->codec = codecs_of(f->codecs, t->name);
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

static void
set_gone(struct flow *f, struct topic *t, bool gone)
{
    pthread_mutex_lock(&f->lock);
    t->gone = gone;
    pthread_mutex_unlock(&f->lock);
}

/* A log that ends before where copying was is another one; so is one that begins
 * at 0, where the record that was copied last cannot tell. */
static bool
is_another(const struct part *p, bool *another)
{
    int64_t low, high;
    if (rd_kafka_query_watermark_offsets(p->flow->consumer, p->topic->name,
                                         p->partition, &low, &high,
                                         WATERMARKS_MS) != 0)
        return false;
    *another = high <= p->acked || (low == 0 && p->last.offset < 0);
    return true;
}

/* Whatever was copied was another topic's: also in Kafka, for whoever takes
 * the part over before a record of the new one is copied. */
static void
begin_anew(struct part *p)
{
    struct flow *f = p->flow;
    pthread_mutex_lock(&f->lock);
    p->acked = p->saved = -1;
    pthread_mutex_unlock(&f->lock);
    p->to_save = p->last.offset = p->check.offset = -1;
    p->reset = 0;
    emit_no_position(p);
    part_rewind(p);
}

/* False: not yet. */
static bool
part_comes_back(struct part *p)
{
    bool another = false;
    if (p->inflight > 0 || !is_another(p, &another))
        return false;
    if (another && unit_is_mine(p->unit)) {
        const bool stop = p->flow->conf->on_truncation == TRUNCATION_STOP;
        log_warn("%s: %s/%d was made anew on %s: %s", p->flow->conf->name,
                 p->topic->name, (int)p->partition, p->flow->conf->source->name,
                 stop ? "it stops, as shunt.on.truncation says, until it is "
                        "resumed; then it is copied from its beginning"
                      : "it is copied from its beginning");
        begin_anew(p);
        if (stop)
            part_hold(p, HOLD_STOPPED);
    } else if (unit_is_mine(p->unit)) {
        part_check(p, p->last);
        part_rewind(p);
    }
    part_release(p, HOLD_GONE);
    part_well(p);
    return true;
}

static void
come_back(struct flow *f, struct topic *t)
{
    bool all = true;
    for (int32_t i = 0; i < t->n_parts; i++)
        if (atomic_load(&t->parts[i]->holds) & HOLD_GONE)
            all = part_comes_back(t->parts[i]) && all;
    set_gone(f, t, !all); /* the others at the next survey */
}

/* Its copy stays, and nothing is read any more. */
static void
let_go(struct flow *f, struct topic *t)
{
    if (t->gone)
        return;
    log_warn("%s: topic %s is not on %s any more; its copy %s stays as it is",
             f->conf->name, t->name, f->conf->source->name, t->remote);
    for (int32_t i = 0; i < t->n_parts; i++) {
        part_hold(t->parts[i], HOLD_GONE);
        part_problem(t->parts[i], "the topic is not on %s any more",
                     f->conf->source->name);
    }
    set_gone(f, t, true);
}

static int
bring(struct flow *f, struct topic *t, const struct surveyed *found,
      struct err *err)
{
    if (found->there > 0) {
        add_parts(f, t, found->here);
        const int rc = run_parts(t, found->there, err);
        if (rc != 0)
            return rc;
    }
    return found->problem ? err_set(err, ERR_KAFKA, "%s", found->problem) : 0;
}

static void
note_leader(struct part *p, const struct surveyed *found)
{
    const struct flow_settings *c = p->flow->conf;
    const int32_t there = found->leaders_there && p->partition < found->there
                              ? found->leaders_there[p->partition]
                              : 0;
    const bool was = p->leaderless;
    p->leader = found->leaders[p->partition];
    p->leaderless = p->leader < 0 || there < 0;
    if (p->leaderless)
        part_problem(p, "has no leader on %s",
                     p->leader < 0 ? c->source->name : c->target->name);
    else if (was)
        part_well(p);
}

static void
bring_or_complain(struct flow *f, const struct surveyed *found)
{
    struct err err = {0};
    struct topic *t = NULL;
    int rc;
    HASH_FIND_STR(f->topics, found->name, t);
    if (found->here == 0) {
        if (t)
            let_go(f, t);
        return;
    }
    if (t && t->gone)
        come_back(f, t);
    if (!t && found->remote)
        t = topic_new(f, found, &err);
    if (t)
        rc = bring(f, t, found, &err);
    else
        rc = err.code ? err.code
                      : err_set(&err, ERR_LIMIT, "%s", found->problem);
    for (int32_t i = 0; t && i < t->n_parts && i < found->here; i++)
        note_leader(t->parts[i], found);
    if (rc != 0 && (!t || !t->complained))
        log_error("%s: topic %s: %s", f->conf->name, found->name, err.text);
    if (t)
        t->complained = rc != 0;
}

/* The more parts, the less is remembered of each. */
static void
share_runs(struct flow *f)
{
    struct topic *t, *next;
    const size_t share = RUNS_OF_FLOW / (f->n_parts + 1);
    pthread_mutex_lock(&f->lock);
    HASH_ITER(hh, f->topics, t, next)
    for (int32_t i = 0; i < t->n_parts; i++)
        t->parts[i]->runs.max = share < RUNS_LEAST ? RUNS_LEAST : share;
    pthread_mutex_unlock(&f->lock);
}

void
discover_apply_take(struct flow *f, struct survey *s)
{
    const struct flow_settings *c = f->conf; /* may be newer than the survey */
    for (size_t i = 0; i < s->n && !atomic_load(&f->stop); i++)
        if (settings_copies_topic(c, s->v[i].name))
            bring_or_complain(f, &s->v[i]);
    share_runs(f);
    holds_apply(f);
    survey_free(s);
}

int
discover(struct flow *f, struct err *err)
{
    struct survey *s;
    const int rc = survey_make(f, &s, err);
    if (rc == 0)
        discover_apply_take(f, s);
    return rc;
}
