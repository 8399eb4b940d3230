/*
 * One `struct watch` a cluster: its thread owns the handle; entries and
 * questions are shared under `lock`, which is never held across a call of
 * librdkafka.
 *
 * A round: what is asked, or due, goes into one list and to the cluster
 * (ends.h).
 */
#include "offset-mapper/logs.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "offset-mapper/ends.h"
#include "offset-mapper/handle.h"

#define MISSES_MAX       4 /* what does not exist may appear: 16 s */
#define REFRESH_MS       1000
#define START_MAX_AGE_MS 5000 /* a log's start moves rarely */
#define ROUND_MAX        250 /* partitions in a request: librdkafka looks for */
                             /* each of them from end to end */
#define ENTRIES_MAX     200000
#define ASKS_MAX        200000
#define TOPIC_MAX       249 /* Kafka's limit */
#define REQUEST_MS      1400
#define START_EXTRA_MS  300
#define DEAD_REQUEST_MS 300 /* while the cluster is known to be away */

/* A question that waits for its answer. */
struct ask {
    struct loop *home;
    void (*on_range)(void *arg, const struct log_range *r,
                     const struct err *err);
    void (*on_offset)(void *arg, int64_t offset, const struct err *err);
    void *arg;
    /* of questions of times */
    char *topic;
    int32_t partition;
    int64_t timestamp_ms;
    /* the answer, once it travels */
    struct log_range range;
    int64_t offset;
    struct err err;
    struct ask *next;
};

/* One partition's log. */
struct entry {
    char key[TOPIC_MAX + 16]; /* "PARTITION/TOPIC" */
    const char *topic;        /* in `key` */
    int32_t partition;
    int64_t start, end;
    int64_t asked_ms;   /* when the request began that `end` is from; 0: none */
    int64_t start_ms;   /* the same of `start` */
    int64_t tried_ms;   /* when the last request began, with whatever end */
    int64_t wanted_ms;  /* last logs_known() or logs_look() */
    int64_t kept_ms;    /* last logs_known(): asked again and again */
    bool once;          /* logs_look(): to be asked once more */
    int misses;         /* times in a row that it did not exist */
    struct ask *asks;   /* not in a request yet: then it is in watch.asked */
    struct ask *asking; /* in the request that is under way */
    struct entry *next_asked;
    UT_hash_handle hh; /* in the order of trying */
};

struct watch {
    const struct pt_cluster *cluster;
    rd_kafka_t *rk;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* under lock */
    bool stopping;
    struct entry *entries;
    struct entry *asked; /* those with asks */
    struct ask *times;
    size_t n_asks;      /* not answered yet */
    int64_t refresh_ms; /* when the next one is due */
    /* of the thread */
    bool dead; /* the last request came to nothing at all */
};

struct logs {
    size_t n;
    struct watch *v;
};

static void
lock(struct watch *w)
{
    (void)pthread_mutex_lock(&w->lock); /* cannot fail: never recursive */
}

static void
unlock(struct watch *w)
{
    (void)pthread_mutex_unlock(&w->lock);
}

static struct watch *
watch_of(struct logs *l, const char *cluster)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].cluster->name, cluster) == 0)
            return &l->v[i];
    return NULL;
}

/* ---- entries (under lock) --------------------------------------------- */

static struct entry *
entry_of(struct watch *w, const char *topic, int32_t partition, bool make)
{
    char key[sizeof(((struct entry *)0)->key)];
    const int len = snprintf(key, sizeof(key), "%d/%s", partition, topic);
    if (len < 0 || (size_t)len >= sizeof(key))
        return NULL;
    struct entry *e;
    HASH_FIND(hh, w->entries, key, (size_t)len, e);
    if (e || !make || HASH_COUNT(w->entries) >= ENTRIES_MAX)
        return e;
    e = xcalloc(1, sizeof(*e));
    memcpy(e->key, key, (size_t)len + 1);
    e->topic = strchr(e->key, '/') + 1;
    e->partition = partition;
    HASH_ADD_KEYPTR(hh, w->entries, e->key, (size_t)len, e);
    return e;
}

static void
entry_range(const struct entry *e, int64_t now_ms, struct log_range *out)
{
    *out = (struct log_range){0};
    if (e->asked_ms == 0)
        return;
    *out = (struct log_range){true, e->start, e->end, now_ms - e->asked_ms};
}

static void
drop_unwanted(struct watch *w, int64_t now_ms)
{
    struct entry *e, *next;
    HASH_ITER(hh, w->entries, e, next)
    {
        if (e->asks || e->asking || now_ms - e->wanted_ms < LOGS_INTEREST_MS)
            continue;
        HASH_DEL(w->entries, e);
        free(e);
    }
}

/* ---- answers ---------------------------------------------------------- */

static void
on_home(void *arg)
{
    struct ask *a = arg;
    const struct err *err = a->err.code ? &a->err : NULL;
    if (a->on_range)
        a->on_range(a->arg, &a->range, err);
    else
        a->on_offset(a->arg, a->offset, err);
    free(a->topic);
    free(a);
}

/* Under lock. */
static void
send_home_take(struct watch *w, struct ask *a)
{
    w->n_asks--;
    must(loop_post(a->home, on_home, a));
}

/* ---- rounds ----------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *
list_of(struct entry *const *v, size_t n, int64_t time)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, v[i]->topic, v[i]->partition)
            ->offset = time;
    return list;
}

static void
mind_death(struct watch *w, const rd_kafka_topic_partition_list_t *list)
{
    bool dead = list->cnt > 0;
    for (int i = 0; i < list->cnt && dead; i++)
        dead = list->elems[i].err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
               list->elems[i].err == RD_KAFKA_RESP_ERR__TRANSPORT ||
               list->elems[i].err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    if (dead != w->dead && dead)
        log_warn("cluster %s does not answer where its logs end: %s",
                 w->cluster->name, rd_kafka_err2str(list->elems[0].err));
    else if (dead != w->dead)
        log_info("cluster %s answers where its logs end", w->cluster->name);
    w->dead = dead;
}

/* What one round asks.  Entries are not freed meanwhile: only the thread does
 * that. */
struct round {
    size_t n;
    bool need_start; /* of one of them at least */
    bool sure;       /* somebody waits for it: see ends.h */
    struct entry *v[ROUND_MAX];
    int64_t begun_ms;
    rd_kafka_topic_partition_list_t *ends, *starts;
};

static void
take(struct round *r, struct entry *e)
{
    e->tried_ms = r->begun_ms;
    e->once = false;
    r->need_start =
        r->need_start || r->begun_ms - e->start_ms > START_MAX_AGE_MS;
    r->v[r->n++] = e;
}

/* Under lock. */
static void
take_asked(struct watch *w, struct round *r)
{
    while (w->asked && r->n < ROUND_MAX) {
        struct entry *e = w->asked;
        w->asked = e->next_asked;
        e->asking = e->asks;
        e->asks = NULL;
        take(r, e);
    }
}

static bool
is_kept(const struct entry *e, int64_t now_ms)
{
    return e->kept_ms != 0 && now_ms - e->kept_ms < LOGS_INTEREST_MS;
}

/* Under lock.  Those tried the longest time ago come first. */
static void
take_due(struct watch *w, struct round *r)
{
    struct entry *e, *next;
    HASH_ITER(hh, w->entries, e, next)
    {
        if (r->n == ROUND_MAX)
            break;
        if ((is_kept(e, r->begun_ms) || e->once) &&
            r->begun_ms - e->tried_ms >= REFRESH_MS << e->misses)
            take(r, e);
    }
    for (size_t i = 0; i < r->n; i++) {
        e = r->v[i];
        HASH_DEL(w->entries, e);
        HASH_ADD_KEYPTR(hh, w->entries, e->key, strlen(e->key), e);
    }
}

static void
ask_cluster(struct watch *w, struct round *r)
{
    const int64_t deadline_ms =
        r->begun_ms + (w->dead ? DEAD_REQUEST_MS : REQUEST_MS);
    r->ends = list_of(r->v, r->n, RD_KAFKA_OFFSET_END);
    ends_ask(w->rk, r->ends, r->sure, deadline_ms);
    mind_death(w, r->ends);
    if (r->need_start && !w->dead) {
        r->starts = list_of(r->v, r->n, RD_KAFKA_OFFSET_BEGINNING);
        ends_ask(w->rk, r->starts, r->sure, deadline_ms + START_EXTRA_MS);
    }
}

/* Under lock. */
static rd_kafka_resp_err_t
settle_entry(const struct round *r, size_t i)
{
    struct entry *e = r->v[i];
    const rd_kafka_topic_partition_t *end = &r->ends->elems[i];
    const rd_kafka_topic_partition_t *start =
        r->starts ? &r->starts->elems[i] : NULL;
    rd_kafka_resp_err_t code = end->err;
    if (!code && start)
        code = start->err;
    if (!code && (end->offset < 0 || (start && start->offset < 0) ||
                  (!start && e->start_ms == 0)))
        code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (!ends_unknown(code))
        e->misses = 0;
    else if (e->misses < MISSES_MAX)
        e->misses++;
    if (ends_unknown(code) && r->sure)
        e->asked_ms = e->start_ms = 0; /* what was known is no more */
    if (code)
        return code;
    e->end = end->offset;
    e->asked_ms = r->begun_ms;
    if (start) {
        e->start = start->offset;
        e->start_ms = r->begun_ms;
    }
    return code;
}

/* Under lock. */
static void
answer_asks(struct watch *w, struct entry *e, rd_kafka_resp_err_t code,
            int64_t now_ms)
{
    while (e->asking) {
        struct ask *a = e->asking;
        e->asking = a->next;
        if (code)
            (void)ends_err(&a->err, w->cluster->name, e->topic, e->partition,
                           code);
        else
            entry_range(e, now_ms, &a->range);
        send_home_take(w, a);
    }
}

static void
round_of(struct watch *w, struct round *r,
         void (*collect)(struct watch *w, struct round *r))
{
    r->n = 0;
    r->need_start = false;
    r->sure = collect == take_asked;
    r->ends = r->starts = NULL;
    r->begun_ms = clock_mono_ms();
    collect(w, r);
    if (r->n == 0)
        return;
    unlock(w);
    ask_cluster(w, r);
    lock(w);
    const int64_t now_ms = clock_mono_ms();
    for (size_t i = 0; i < r->n; i++) {
        const rd_kafka_resp_err_t code = settle_entry(r, i);
        answer_asks(w, r->v[i], code, now_ms);
    }
    rd_kafka_topic_partition_list_destroy(r->ends);
    if (r->starts)
        rd_kafka_topic_partition_list_destroy(r->starts);
}

/* ---- times ------------------------------------------------------------ */

/* Under lock: takes questions about different partitions out of w->times. */
static struct ask *
take_times(struct watch *w, rd_kafka_topic_partition_list_t *list)
{
    struct ask *taken = NULL, **end = &taken, **at = &w->times;
    while (*at && list->cnt < ROUND_MAX) {
        struct ask *a = *at;
        if (rd_kafka_topic_partition_list_find(list, a->topic, a->partition)) {
            at = &a->next;
            continue;
        }
        rd_kafka_topic_partition_list_add(list, a->topic, a->partition)
            ->offset = a->timestamp_ms;
        *at = a->next;
        *end = a;
        end = &a->next;
        a->next = NULL;
    }
    return taken;
}

static void
round_of_times(struct watch *w)
{
    if (!w->times)
        return;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(16);
    struct ask *taken = take_times(w, list);
    unlock(w);
    const int64_t deadline_ms =
        clock_mono_ms() + (w->dead ? DEAD_REQUEST_MS : REQUEST_MS);
    ends_ask(w->rk, list, true, deadline_ms);
    mind_death(w, list);
    lock(w);
    for (int i = 0; i < list->cnt; i++) {
        struct ask *a = taken;
        taken = a->next;
        a->offset = list->elems[i].offset;
        if (list->elems[i].err)
            (void)ends_err(&a->err, w->cluster->name, a->topic, a->partition,
                           list->elems[i].err);
        send_home_take(w, a);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- thread ----------------------------------------------------------- */

/* Under lock: until something is asked or due. */
static void
wait_for_work(struct watch *w)
{
    while (!w->stopping && !w->asked && !w->times &&
           clock_mono_ms() < w->refresh_ms) {
        struct timespec until = {.tv_sec = w->refresh_ms / 1000,
                                 .tv_nsec = w->refresh_ms % 1000 * 1000000};
        (void)pthread_cond_timedwait(&w->work, &w->lock, &until);
    }
}

/* Under lock.  A round that was full is followed soon by the next one, but most
 * of the time belongs to others. */
static void
refresh(struct watch *w, struct round *r)
{
    const int64_t begun_ms = clock_mono_ms();
    if (begun_ms < w->refresh_ms)
        return;
    drop_unwanted(w, begun_ms);
    round_of(w, r, take_due);
    const int64_t now_ms = clock_mono_ms();
    const int64_t rest_ms = 4 * (now_ms - begun_ms);
    w->refresh_ms =
        now_ms +
        (r->n == ROUND_MAX && rest_ms < REFRESH_MS ? rest_ms : REFRESH_MS / 4);
}

static void *
run(void *arg)
{
    struct watch *w = arg;
    struct round *r = xcalloc(1, sizeof(*r));
    lock(w);
    while (!w->stopping) {
        wait_for_work(w);
        round_of(w, r, take_asked);
        round_of_times(w);
        refresh(w, r);
        unlock(w);
        (void)rd_kafka_poll(w->rk, 0); /* its events are only logged */
        lock(w);
    }
    unlock(w);
    free(r);
    return NULL;
}

/* ---- life ------------------------------------------------------------- */

static int
watch_start(struct watch *w, struct err *err)
{
    static const char *const own[][2] = {
        /* What stands behind an open transaction is there, too. */
        {"isolation.level", "read_uncommitted"},
    };
    pthread_condattr_t attr;
    (void)pthread_mutex_init(&w->lock, NULL); /* cannot fail: defaults */
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->work, &attr);
    (void)pthread_condattr_destroy(&attr);
    int rc = handle_open(w->cluster, own, sizeof(own) / sizeof(own[0]), NULL,
                         NULL, &w->rk, err);
    if (rc == 0 && pthread_create(&w->thread, NULL, run, w) != 0)
        rc = err_set(err, ERR_NOMEM, "cannot start a thread");
    w->started = rc == 0;
    return rc;
}

int
logs_start(const struct config *config, struct logs **out, struct err *err)
{
    *out = NULL;
    struct logs *l = xcalloc(1, sizeof(*l));
    l->v = xcalloc(config->n_clusters + 1, sizeof(*l->v));
    int rc = 0;
    for (; l->n < config->n_clusters && rc == 0; l->n++) {
        l->v[l->n].cluster = &config->clusters[l->n];
        rc = watch_start(&l->v[l->n], err);
    }
    if (rc) {
        logs_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

static void
close_asks(struct watch *w, struct ask *a)
{
    while (a) {
        struct ask *next = a->next;
        (void)err_set(&a->err, ERR_CLOSED, "the offset mapper is stopping");
        send_home_take(w, a);
        a = next;
    }
}

static void
watch_stop(struct watch *w)
{
    if (w->started)
        (void)pthread_join(w->thread, NULL); /* own thread, joined once */
    w->started = false;
    struct entry *e, *next;
    lock(w);
    HASH_ITER(hh, w->entries, e, next)
    {
        close_asks(w, e->asks);
        e->asks = NULL;
    }
    close_asks(w, w->times);
    w->times = NULL;
    unlock(w);
}

void
logs_stop(struct logs *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++) {
        lock(&l->v[i]);
        l->v[i].stopping = true;
        (void)pthread_cond_signal(&l->v[i].work);
        unlock(&l->v[i]);
    }
    for (size_t i = 0; i < l->n; i++)
        watch_stop(&l->v[i]);
}

static void
watch_fini(struct watch *w)
{
    struct entry *e, *next;
    HASH_ITER(hh, w->entries, e, next)
    {
        HASH_DEL(w->entries, e);
        free(e);
    }
    if (w->rk)
        rd_kafka_destroy(w->rk);
    (void)pthread_cond_destroy(&w->work);
    (void)pthread_mutex_destroy(&w->lock);
}

void
logs_free(struct logs *l)
{
    if (!l)
        return;
    logs_stop(l);
    for (size_t i = 0; i < l->n; i++)
        watch_fini(&l->v[i]);
    free(l->v);
    free(l);
}

/* ---- questions -------------------------------------------------------- */

static bool
known(struct logs *l, const char *cluster, const char *topic, int32_t partition,
      bool keep, struct log_range *out)
{
    *out = (struct log_range){0};
    struct watch *w = watch_of(l, cluster);
    if (!w)
        return false;
    const int64_t now_ms = clock_mono_ms();
    lock(w);
    struct entry *e = entry_of(w, topic, partition, true);
    if (e) {
        e->wanted_ms = now_ms;
        if (keep)
            e->kept_ms = now_ms;
        e->once = true;
        entry_range(e, now_ms, out);
    }
    unlock(w);
    return out->known;
}

bool
logs_known(struct logs *l, const char *cluster, const char *topic,
           int32_t partition, struct log_range *out)
{
    return known(l, cluster, topic, partition, true, out);
}

bool
logs_look(struct logs *l, const char *cluster, const char *topic,
          int32_t partition, struct log_range *out)
{
    return known(l, cluster, topic, partition, false, out);
}

/* Under lock.  False: it cannot be asked, err says why. */
static bool
may_ask(const struct watch *w, struct err *err)
{
    if (w->stopping)
        (void)err_set(err, ERR_CLOSED, "the offset mapper is stopping");
    else if (w->n_asks >= ASKS_MAX)
        (void)err_set(err, ERR_LIMIT,
                      "cluster %s: %d questions wait already for where its "
                      "logs end; ask later",
                      w->cluster->name, ASKS_MAX);
    else
        return true;
    return false;
}

/* Under lock. */
static void
add_ask_take(struct watch *w, struct ask *a, const char *topic,
             int32_t partition)
{
    struct entry *e = NULL;
    w->n_asks++;
    if (may_ask(w, &a->err) && !(e = entry_of(w, topic, partition, true)))
        (void)err_set(&a->err, ERR_LIMIT,
                      "%s [%d] is too long a name, or too many partitions are "
                      "watched on cluster %s",
                      topic, partition, w->cluster->name);
    if (!e) {
        send_home_take(w, a);
        return;
    }
    if (!e->asks) {
        e->next_asked = w->asked;
        w->asked = e;
    }
    a->next = e->asks;
    e->asks = a;
    (void)pthread_cond_signal(&w->work);
}

static void
no_cluster_take(struct ask *a, const char *cluster)
{
    (void)err_set(&a->err, ERR_NOTFOUND, "no cluster is called \"%s\"",
                  cluster);
    must(loop_post(a->home, on_home, a));
}

void
logs_ask(struct logs *l, const char *cluster, const char *topic,
         int32_t partition, struct loop *home,
         void (*fn)(void *arg, const struct log_range *r,
                    const struct err *err),
         void *arg)
{
    struct ask *a = xcalloc(1, sizeof(*a));
    a->home = home;
    a->on_range = fn;
    a->arg = arg;
    struct watch *w = watch_of(l, cluster);
    if (!w) {
        no_cluster_take(a, cluster);
        return;
    }
    lock(w);
    add_ask_take(w, a, topic, partition);
    unlock(w);
}

void
logs_ask_time(struct logs *l, const char *cluster, const char *topic,
              int32_t partition, int64_t timestamp_ms, struct loop *home,
              void (*fn)(void *arg, int64_t offset, const struct err *err),
              void *arg)
{
    struct ask *a = xcalloc(1, sizeof(*a));
    a->home = home;
    a->on_offset = fn;
    a->arg = arg;
    a->topic = xstrdup(topic);
    a->partition = partition;
    a->timestamp_ms = timestamp_ms < 0 ? 0 : timestamp_ms;
    struct watch *w = watch_of(l, cluster);
    if (!w) {
        no_cluster_take(a, cluster);
        return;
    }
    lock(w);
    w->n_asks++;
    if (may_ask(w, &a->err)) {
        a->next = w->times;
        w->times = a;
        (void)pthread_cond_signal(&w->work);
    } else {
        send_home_take(w, a);
    }
    unlock(w);
}
