/*
 * A translator on a loop of its own, a store with a few runs, and everybody
 * whom questions ask played by the test: log ends, offsets at a time, records,
 * groups.  For t_waiting.c and t_asking.c.
 */
#ifndef SHUNT_TESTS_ASKED_WORLD_H
#define SHUNT_TESTS_ASKED_WORLD_H

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "offset-mapper/translate.h"
#include "tests/support/support.h"
#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tmpdir dir;
static struct config config;
static struct store *store;
static struct loop *loop;
static struct translator *translator;
static pthread_t thread;

/* ---- those who are asked (loop thread, or before anything is asked) ------ */

static struct {
    atomic_llong end;    /* of a.orders on b; -1: b is away */
    atomic_llong seen;   /* the same, as it was when somebody asked for it */
    atomic_llong start;  /* of a.orders on b */
    atomic_int log_asks; /* asked afresh */
    atomic_int looks;    /* asked for what is known of one */
    bool held;           /* logs are asked and do not answer */
    struct {
        translate_log_fn *fn;
        void *arg;
    } held_v[64]; /* those that have not been answered */
    size_t n_held;
    bool dead;   /* flow a->b */
    bool unread; /* the same */
    struct content_found found;
    atomic_int finds;
    int64_t find_low, find_high;
    size_t find_prints;
    char find_at[64];
    int64_t time_offset; /* -2: an error */
    char time_at[64];
    int64_t time_asked;
    size_t prints_n; /* how many there are; wanted is noted */
    size_t prints_wanted;
    int64_t prints_q;
    int64_t until_ms; /* when records were last to be read */
} world;

static inline bool
known(void *ctx, const char *cluster, const char *topic, int32_t partition,
      struct log_range *out)
{
    (void)ctx;
    (void)topic;
    (void)partition;
    world.looks++;
    const bool on_b = strcmp(cluster, "b") == 0;
    const int64_t end = on_b ? world.seen : 1000;
    *out = (struct log_range){end >= 0, on_b ? world.start : 0, end, 0};
    return end >= 0;
}

static inline void
answer_log(translate_log_fn *fn, void *arg)
{
    struct log_range r;
    struct err err;
    world.seen = atomic_load(&world.end);
    (void)err_set(&err, ERR_UNAVAILABLE, "cluster b does not answer");
    if (known(NULL, "b", "", 0, &r))
        fn(arg, &r, NULL);
    else
        fn(arg, &r, &err);
}

static inline void
ask_log(void *ctx, const struct content_place *at, struct loop *home,
        translate_log_fn *fn, void *arg)
{
    (void)ctx;
    (void)home;
    ck_assert_str_eq(at->cluster, "b");
    ck_assert_str_eq(at->topic, "a.orders");
    world.log_asks++;
    if (!world.held) {
        answer_log(fn, arg);
        return;
    }
    ck_assert_uint_lt(world.n_held, 64);
    world.held_v[world.n_held].fn = fn;
    world.held_v[world.n_held++].arg = arg;
}

/* The last one that is held; on the loop, or when it has stopped. */
static inline void
release_one(void)
{
    ck_assert_uint_gt(world.n_held, 0);
    world.n_held--;
    answer_log(world.held_v[world.n_held].fn, world.held_v[world.n_held].arg);
}

static inline void
note_place(const struct content_place *at, char *out, size_t size)
{
    (void)snprintf(out, size, "%s %s %d", at->cluster, at->topic,
                   (int)at->partition);
}

static inline void
ask_time(void *ctx, const struct content_place *at, int64_t timestamp_ms,
         struct loop *home, translate_time_fn *fn, void *arg)
{
    (void)ctx;
    (void)home;
    struct err err;
    world.time_asked = timestamp_ms;
    note_place(at, world.time_at, sizeof(world.time_at));
    (void)err_set(&err, ERR_UNAVAILABLE, "cluster a does not answer");
    fn(arg, world.time_offset, world.time_offset == -2 ? &err : NULL);
}

/* A point in time, as content.h has it. */
static inline void
is_soon(int64_t deadline_ms)
{
    const int64_t left_ms = deadline_ms - clock_mono_ms();
    ck_assert(left_ms > 0 && left_ms <= TRANSLATE_CONTENT_MS);
}

static const struct po_print prints[] = {
    {.offset = 198, .timestamp_ms = 7776, .has_value = true, .value = 1},
    {.offset = 204, .timestamp_ms = 7777, .has_value = true, .value = 2},
};

static inline void
ask_prints(void *ctx, const struct content_place *at, int64_t q, size_t n,
           int64_t deadline_ms, struct loop *home, content_window_fn *fn,
           void *arg)
{
    (void)ctx;
    (void)home;
    struct err err;
    const struct content_window w = {.v = prints,
                                     .n = world.prints_n,
                                     .err = world.prints_n == 99 ? &err : NULL};
    (void)err_set(&err, ERR_TIMEOUT, "cluster a took too long");
    ck_assert_str_eq(at->cluster, "a");
    is_soon(deadline_ms);
    world.until_ms = deadline_ms;
    world.prints_wanted = n;
    world.prints_q = q;
    fn(arg, &w);
}

static inline void
ask_find(void *ctx, const struct content_place *at, int64_t low, int64_t high,
         const struct po_print *v, size_t n, int64_t deadline_ms,
         struct loop *home, content_found_fn *fn, void *arg)
{
    (void)ctx;
    (void)home;
    is_soon(deadline_ms);
    ck_assert_uint_gt(n, 0);
    ck_assert_int_eq(v[n - 1].timestamp_ms, 7777);
    note_place(at, world.find_at, sizeof(world.find_at));
    world.finds++;
    world.find_low = low;
    world.find_high = high;
    world.find_prints = n;
    fn(arg, &world.found);
}

static inline void
ask_group(void *ctx, const char *cluster, const char *group,
          int64_t deadline_ms, struct loop *home, translate_group_fn *fn,
          void *arg)
{
    (void)ctx;
    (void)home;
    is_soon(deadline_ms);
    char topic[] = "orders";
    const struct po_position v[] = {{.topic = topic, .offset = 150},
                                    {.topic = topic, .offset = 160}};
    struct err err;
    ck_assert_str_eq(cluster, "a");
    if (strcmp(group, "g") == 0)
        fn(arg, v, 2, NULL);
    else
        fn(arg, NULL, 0,
           err_set(&err, ERR_UNAVAILABLE, "no such group") ? &err : NULL);
}

static inline bool
flow_dead(void *ctx, const struct flow *f)
{
    (void)ctx;
    ck_assert_str_eq(f->name, "a->b");
    return world.dead;
}

static inline bool
flow_unread(void *ctx, const struct flow *f)
{
    (void)ctx;
    ck_assert_str_eq(f->name, "a->b");
    return world.unread;
}

static const struct translate_asks asks = {.log_known = known,
                                           .log_look = known,
                                           .log = ask_log,
                                           .log_at_time = ask_time,
                                           .prints = ask_prints,
                                           .find = ask_find,
                                           .group = ask_group,
                                           .flow_dead = flow_dead,
                                           .flow_unread = flow_unread};

/* ---- the store and the loop ---------------------------------------------- */

static const char flows[] =
    "{'clusters':[{'name':'a','bootstrap.servers':'h:1'},"
    "{'name':'b','bootstrap.servers':'h:1'}],"
    "'flows':[{'source':'a','target':'b'}]}";

static inline void
log_ends_at(int64_t end)
{
    world.end = end;
    world.seen = end;
}

static inline void
put(int64_t up, int64_t down)
{
    const struct store_part part = {"a->b", "orders", 0};
    struct store_progress p = {0};
    struct store_batch *b;
    enum runs_change change;
    ck_assert_int_eq(store_batch_begin(store, &b, NULL), 0);
    ck_assert_int_eq(store_batch_sync(b, &part, up, down, clock_wall_ms(), &p,
                                      &change, NULL),
                     0);
    ck_assert_int_eq(store_batch_commit_take(b, "a->b", "t@a", &p, NULL), 0);
}

static inline void *
run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static inline void
setup(void)
{
    struct err err = {0};
    char *text = json_text(flows);
    tmpdir_make(&dir);
    ck_assert_int_eq(config_parse(text, strlen(text), &config, &err), 0);
    free(text);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &store, &err), 0);
    put(100, 50);
    put(200, 150); /* the newest: orders up to 200 are a.orders up to 150 */
    memset(&world, 0, sizeof(world));
    log_ends_at(151);
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_int_eq(
        translator_new(loop, &config, store, &asks, &translator, &err), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
}

static inline void
stop(void)
{
    loop_stop(loop);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    while (loop_drain(loop))
        ;
    translator_free(translator);
    translator = NULL;
}

static inline void
teardown(void)
{
    if (translator)
        stop();
    loop_free(loop);
    store_close(store);
    config_fini(&config);
    tmpdir_remove(&dir);
}

/* ---- asking --------------------------------------------------------------- */

struct asked {
    struct po_question q; /* what to ask */
    struct translating *x;
    atomic_int answers; /* how often it was answered */
    int64_t at_ms;
    int code; /* of the error */
    char error[512];
    enum po_quality quality; /* of the last position */
    int64_t position, low, high, offset;
    bool verified;
    size_t n;
    char reason[512];
    sem_t done; /* posted when asking has returned */
};

static inline void
on_answer(void *arg, const struct po_translation *t, const struct err *err)
{
    struct asked *a = arg;
    a->at_ms = clock_mono_ms();
    if (err) {
        a->code = err->code;
        (void)snprintf(a->error, sizeof(a->error), "%s", err->text);
    } else {
        const struct po_translated *v = &t->v[t->n - 1];
        a->n = t->n;
        a->quality = v->quality;
        a->position = v->position;
        a->low = v->low;
        a->high = v->high;
        a->offset = v->asked.offset;
        a->verified = v->verified;
        (void)snprintf(a->reason, sizeof(a->reason), "%s", v->reason);
    }
    a->answers++;
}

static inline void
ask_now(void *arg)
{
    struct asked *a = arg;
    a->x = translator_ask_take(translator, &a->q, on_answer, a);
    ck_assert(!a->x == (a->answers == 1)); /* NULL: answered already */
    (void)sem_post(&a->done);
}

static inline void
cancel_now(void *arg)
{
    struct asked *a = arg;
    translating_cancel(a->x);
    (void)sem_post(&a->done);
}

static inline void
on_loop(void (*fn)(void *arg), struct asked *a)
{
    ck_assert_int_eq(sem_init(&a->done, 0, 0), 0);
    ck_assert_int_eq(loop_post(loop, fn, a), 0);
    ck_assert_int_eq(sem_wait(&a->done), 0);
}

static inline struct po_question
question(int64_t offset, int64_t wait_ms)
{
    struct po_question q = {.from = xstrdup("a"),
                            .to = xstrdup("b"),
                            .positions = xcalloc(1, sizeof(*q.positions)),
                            .n = 1,
                            .wait_ms = wait_ms};
    q.positions[0].topic = xstrdup("orders");
    q.positions[0].offset = offset;
    return q;
}

static inline void
with_prints(struct po_question *q)
{
    q->positions[0].prints = xcalloc(2, sizeof(prints[0]));
    memcpy(q->positions[0].prints, prints, sizeof(prints));
    q->positions[0].n_prints = 2;
}

static inline void
ask(struct asked *a, struct po_question q)
{
    memset(a, 0, sizeof(*a));
    a->q = q;
    on_loop(ask_now, a);
}

static inline bool
is_answered(void *arg)
{
    return ((struct asked *)arg)->answers > 0;
}

static inline void
await(struct asked *a)
{
    ck_assert(wait_until(is_answered, a, DEADLINE_MS));
}

static inline void
changed(void)
{
    ck_assert_int_eq(loop_post(loop, translator_changed, translator), 0);
}

static inline void
assert_place(const struct asked *a, enum po_quality quality, int64_t low,
             int64_t high)
{
    ck_assert_msg(a->answers == 1 && a->code == 0 && a->quality == quality &&
                      a->low == low && a->position == low && a->high == high,
                  "%d answers, code %d, %s %lld in %lld..%lld: %s", a->answers,
                  a->code, po_quality_text(a->quality), (long long)a->position,
                  (long long)a->low, (long long)a->high, a->reason);
}

#endif
