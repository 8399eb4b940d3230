/*
 * The store against a list: whatever syncs, incarnations, prunes, aborts,
 * reopenings and old views come, in any order, every partition's runs, its info
 * and every answer are those of a plain array with the rules of runs.h.
 *
 * SHUNT_SEED=N repeats one course; the seed of each stands in its failure.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/xmem.h"
#include "offset-mapper/store.h"
#include "offset-mapper/store_verify.h"
#include "tests/support/support.h"

#define FLOW    "a->b"
#define SOURCE  "syncs@a"
#define PARTS   4
#define COURSES 6
#define ROUNDS  120

/* ---- the list --------------------------------------------------------- */

struct model {
    struct runs_state state;
    struct run *v;
    size_t n, cap;
    uint32_t incarnation;
    enum store_begun why;
    int64_t begun_ms, newest_ms;
};

struct models {
    struct model part[PARTS];
    int64_t syncs, restarts, backs;
};

static size_t
upto(const struct model *m, int64_t q, bool by_down)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if ((by_down ? m->v[mid].down : m->v[mid].up) <= q)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void
model_keep(struct model *m, const struct run *r)
{
    if (m->n && m->v[m->n - 1].up == r->up)
        m->n--;
    if (m->n == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        m->v = xreallocarray(m->v, m->cap, sizeof(*m->v));
    }
    m->v[m->n++] = *r;
}

static void
model_anew(struct model *m, enum store_begun why, int64_t now_ms)
{
    m->state = runs_anew(&m->state);
    m->n = 0;
    m->incarnation++;
    m->why = why;
    m->begun_ms = now_ms;
}

/* -1: refused. */
static int
model_sync(struct models *all, struct model *m, int64_t up, int64_t down,
           int64_t time_ms)
{
    struct runs_step step;
    const size_t n = upto(m, up, false);
    if (runs_apply(&m->state, n ? &m->v[n - 1] : NULL, up, down, &step))
        return -1;
    if (m->incarnation == 0)
        model_anew(m, STORE_FIRST, time_ms);
    if (step.change == RUNS_RESTART)
        model_anew(m, STORE_TARGET_ANEW, time_ms);
    while (step.change == RUNS_BACK && m->n && m->v[m->n - 1].up >= step.from)
        m->n--;
    if (step.kept.length)
        model_keep(m, &step.kept);
    if (step.change != RUNS_SAME)
        model_keep(m, &step.put);
    m->state = step.next;
    m->newest_ms = time_ms;
    all->syncs++;
    all->restarts += step.change == RUNS_RESTART;
    all->backs += step.change == RUNS_BACK;
    return (int)step.change;
}

static struct models *
models_copy(const struct models *from)
{
    struct models *to = xmalloc(sizeof(*to));
    *to = *from;
    for (size_t i = 0; i < PARTS; i++) {
        struct model *m = &to->part[i];
        m->cap = m->n + 1;
        m->v = xreallocarray(NULL, m->cap, sizeof(*m->v));
        memcpy(m->v, from->part[i].v ? from->part[i].v : m->v,
               m->n * sizeof(*m->v));
    }
    return to;
}

static void
models_free(struct models *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < PARTS; i++)
        free(all->part[i].v);
    free(all);
}

/* ---- the course ------------------------------------------------------- */

struct course {
    uint64_t seed;
    int64_t calm; /* how seldom the copy does anything but go on */
    struct tmpdir dir;
    struct store *store;
    struct models *now;
    struct store_view *old_view; /* or NULL */
    struct models *old;          /* as it was then */
};

static uint64_t
draw(struct course *c)
{
    c->seed = c->seed * 6364136223846793005u + 1442695040888963407u;
    return c->seed >> 33;
}

static int64_t
below(struct course *c, int64_t n)
{
    return n > 0 ? (int64_t)(draw(c) % (uint64_t)n) : 0;
}

static struct store_part
name_of(size_t i)
{
    static const char *const topics[PARTS] = {"orders", "orders", "order", ""};
    return (struct store_part){FLOW, topics[i], (int32_t)(i % 2)};
}

static void
course_open(struct course *c)
{
    struct err err = {0};
    /* Sometimes a batch holds fewer blocks than it touches. */
    const struct store_limits limits = {.tails_max = (size_t)below(c, PARTS)};
    ck_assert_msg(store_open_limits(tmpdir_file(&c->dir, "s"), &limits,
                                    &c->store, &err) == 0,
                  "%s", err.text);
}

static struct run
newest_of(const struct model *m)
{
    return m->state.any ? m->state.newest : (struct run){0};
}

/* Mostly the copy goes on; sometimes with holes, markers, far jumps; it goes
 * back, the target is made anew, a sync comes again, or makes no sense. */
static void
draw_sync(struct course *c, const struct model *m, int64_t *up, int64_t *down)
{
    const struct run r = newest_of(m);
    const int64_t lu = r.up + r.length - 1, ld = r.down + r.length - 1;
    const int64_t n = 1 + below(c, 100);
    const bool calm = below(c, c->calm) > 0;
    const int64_t kind = below(c, calm ? 750 : 1000);
    *up = lu + n;
    *down = ld + n;
    if (kind < 550)
        *down += below(c, 4);
    else if (kind < 750)
        *up += below(c, 4);
    else if (kind < 752)
        *up += (int64_t)5 << 32;
    else if (kind < 754)
        *down += (int64_t)5 << 32;
    else if (kind < 766) {
        *up = below(c, lu + 1);
        *down += below(c, 500);
    } else if (kind < 772)
        *up = m->n > 0 ? m->v[below(c, (int64_t)m->n)].up : 0;
    else if (kind < 774)
        *down = below(c, ld + 1);
    else if (kind < 790) {
        *up = lu;
        *down = ld;
    } else if (kind < 792)
        *up = -1;
    else if (kind < 796)
        *down = ld;
}

static void
sync_both(struct course *c, struct store_batch *b, struct models *all,
          struct store_progress *p)
{
    const size_t i = (size_t)below(c, PARTS);
    struct model *m = &all->part[i];
    const struct store_part name = name_of(i);
    const int64_t time_ms = below(c, 1000000);
    enum runs_change change = RUNS_SAME;
    int64_t up, down;
    draw_sync(c, m, &up, &down);
    const int expected = model_sync(all, m, up, down, time_ms);
    struct err err = {0};
    const int rc =
        store_batch_sync(b, &name, up, down, time_ms, p, &change, &err);
    ck_assert_msg(rc == (expected < 0 ? ERR_INVALID : 0), "%s", err.text);
    if (rc == 0)
        ck_assert_int_eq((int)change, expected);
}

static void
anew_both(struct course *c, struct store_batch *b, struct models *all,
          struct store_progress *p)
{
    const size_t i = (size_t)below(c, PARTS);
    const struct store_part name = name_of(i);
    const enum store_begun why =
        (enum store_begun)(1 + below(c, STORE_BEGUN_REASONS - 1));
    if (all->part[i].incarnation > 0)
        model_anew(&all->part[i], why, 42);
    ck_assert_int_eq(store_batch_incarnation(b, &name, why, 42, p, NULL), 0);
}

static struct store_progress
progress_of(struct course *c)
{
    struct store_progress p;
    ck_assert_int_eq(store_progress_load(c->store, FLOW, SOURCE, &p, NULL), 0);
    return p;
}

static void
one_batch(struct course *c)
{
    struct store_progress p = progress_of(c);
    struct models *next = models_copy(c->now);
    struct store_batch *b;
    const int64_t n = below(c, 3) ? below(c, 600) : below(c, 4);
    ck_assert_int_eq(store_batch_begin(c->store, &b, NULL), 0);
    for (int64_t i = 0; i < n; i++) {
        if (below(c, 700 * c->calm) == 0)
            anew_both(c, b, next, &p);
        else
            sync_both(c, b, next, &p);
    }
    if (below(c, 5) == 0) {
        store_batch_abort(b);
        models_free(next);
        return;
    }
    p.position += n;
    struct err err = {0};
    ck_assert_msg(store_batch_commit_take(b, FLOW, SOURCE, &p, &err) == 0, "%s",
                  err.text);
    models_free(c->now);
    c->now = next;
}

/* ---- comparing -------------------------------------------------------- */

struct reading {
    const struct model *m;
    size_t at;
};

static void
is_next(const struct run *r, void *arg)
{
    struct reading *l = arg;
    ck_assert_uint_lt(l->at, l->m->n);
    ck_assert_mem_eq(r, &l->m->v[l->at], sizeof(*r));
    l->at++;
}

static void
same_answer(const struct runs_answer *a, const struct runs_answer *b)
{
    ck_assert_int_eq(a->quality, b->quality);
    ck_assert_int_eq(a->position, b->position);
    ck_assert_int_eq(a->low, b->low);
    ck_assert_int_eq(a->high, b->high);
    ck_assert_int_eq(a->has_at, b->has_at);
    ck_assert_int_eq(a->has_after, b->has_after);
    ck_assert_str_eq(a->reason, b->reason);
}

static void
same_info(const struct store_info *i, const struct model *m)
{
    ck_assert_int_eq(i->known, m->state.any);
    ck_assert_uint_eq(i->incarnation, m->incarnation);
    if (m->incarnation == 0)
        return;
    ck_assert_int_eq(i->why, m->why);
    ck_assert_int_eq(i->begun_ms, m->begun_ms);
    ck_assert_int_eq(i->newest_ms, m->newest_ms);
    if (m->state.any)
        ck_assert_mem_eq(&i->newest, &m->state.newest, sizeof(struct run));
}

static void
same_at(struct store_view *v, const struct store_part *name,
        const struct model *m, int64_t q, int64_t end, bool reverse)
{
    struct store_info info;
    struct runs_answer got, expected;
    const size_t n = upto(m, q, reverse);
    const struct run *at = n ? &m->v[n - 1] : NULL;
    const struct run *after = n < m->n ? &m->v[n] : NULL;
    if (reverse) {
        runs_reverse(&m->state, at, after, q, end, &expected);
        ck_assert_int_eq(store_view_reverse(v, name, q, end, &info, &got, NULL),
                         0);
    } else {
        runs_forward(&m->state, at, after, q, end, &expected);
        ck_assert_int_eq(store_view_forward(v, name, q, end, &info, &got, NULL),
                         0);
    }
    same_answer(&got, &expected);
    same_info(&info, m);
}

static int64_t
draw_question(struct course *c, const struct model *m, bool reverse)
{
    static const int64_t odd[] = {-1, 0, INT64_MAX, INT64_MIN, 1, 1000};
    if (m->n == 0 || below(c, 20) == 0)
        return odd[below(c, 6)];
    const struct run *r = &m->v[below(c, (int64_t)m->n)];
    const int64_t near[] = {-1, 0, 1, r->length - 1, r->length, r->length / 2};
    return (reverse ? r->down : r->up) + near[below(c, 6)];
}

static void
compare(struct course *c, struct store_view *v, const struct models *all)
{
    for (size_t i = 0; i < PARTS; i++) {
        const struct model *m = &all->part[i];
        const struct store_part name = name_of(i);
        struct reading l = {m, 0};
        ck_assert_int_eq(store_view_runs(v, &name, SIZE_MAX, is_next, &l, NULL),
                         0);
        ck_assert_uint_eq(l.at, m->n);
        for (int k = 0; k < 40; k++) {
            const bool reverse = below(c, 2);
            const int64_t end =
                below(c, 3) ? RUNS_END_UNKNOWN : draw_question(c, m, !reverse);
            same_at(v, &name, m, draw_question(c, m, reverse), end, reverse);
        }
    }
}

static void
compare_now(struct course *c)
{
    struct store_view *v;
    int64_t runs = 0;
    ck_assert_int_eq(store_view_open(c->store, &v, NULL), 0);
    compare(c, v, c->now);
    store_view_close(v);
    for (size_t i = 0; i < PARTS; i++)
        runs += (int64_t)c->now->part[i].n;
    const struct store_progress p = progress_of(c);
    ck_assert_int_eq(p.runs, runs);
    ck_assert_int_eq(p.syncs, c->now->syncs);
    ck_assert_int_eq(p.restarts, c->now->restarts);
    ck_assert_int_eq(p.backs, c->now->backs);
}

/* A view stays at what it saw first. */
static void
old_view(struct course *c)
{
    if (!c->old_view) {
        ck_assert_int_eq(store_view_open(c->store, &c->old_view, NULL), 0);
        c->old = models_copy(c->now);
        return;
    }
    compare(c, c->old_view, c->old);
    store_view_close(c->old_view);
    models_free(c->old);
    c->old_view = NULL;
    c->old = NULL;
}

/* ---- pruning ---------------------------------------------------------- */

/* Runs below go by blocks of at most 254; nothing that reaches beyond goes. */
static void
prune(struct course *c)
{
    const size_t i = (size_t)below(c, PARTS);
    struct model *m = &c->now->part[i];
    const struct store_part name = name_of(i);
    const int64_t start = draw_question(c, m, false);
    const size_t limit = (size_t)below(c, 4);
    int64_t dropped;
    ck_assert_int_eq(store_prune(c->store, &name, start, limit, &dropped, NULL),
                     0);
    ck_assert_int_le(dropped, (int64_t)limit * 254);
    const size_t gone = (size_t)dropped;
    ck_assert(gone == 0 || gone < m->n);
    if (gone > 0)
        ck_assert_int_le(m->v[gone - 1].up + m->v[gone - 1].length, start);
    const size_t under = upto(m, start, false);
    if (limit > 0 && under > 2 * 254)
        ck_assert_uint_gt(gone, 0);
    if (gone > 0)
        memmove(m->v, m->v + gone, (m->n - gone) * sizeof(*m->v));
    m->n -= gone;
}

static void
say_fault(const char *text, void *arg)
{
    (void)arg;
    ck_abort_msg("%s", text);
}

static void
reopen(struct course *c)
{
    struct store_report report;
    struct err err = {0};
    if (c->old_view)
        old_view(c);
    ck_assert_msg(store_verify(c->store, say_fault, NULL, &report, &err) == 0,
                  "%s", err.text);
    store_close(c->store);
    course_open(c);
}

static uint64_t
seed_of(int course)
{
    const char *given = getenv("SHUNT_SEED");
    if (given)
        return strtoull(given, NULL, 10);
    return (uint64_t)time(NULL) * 1000 + (uint64_t)course;
}

START_TEST(equals_a_list)
{
    struct course c = {.seed = seed_of(_i), .calm = _i % 3 ? 20 : 1};
    printf("seed %llu\n", (unsigned long long)c.seed);
    (void)fflush(stdout);
    tmpdir_make(&c.dir);
    course_open(&c);
    c.now = xcalloc(1, sizeof(*c.now));
    for (int i = 0; i < ROUNDS; i++) {
        const int64_t kind = below(&c, 20);
        if (kind < 14)
            one_batch(&c);
        else if (kind < 16)
            prune(&c);
        else if (kind < 18)
            old_view(&c);
        else
            reopen(&c);
        compare_now(&c);
    }
    if (c.old_view)
        old_view(&c);
    reopen(&c);
    printf("runs %lld\n", (long long)progress_of(&c).runs);
    store_close(c.store);
    models_free(c.now);
    tmpdir_remove(&c.dir);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mapper store against a list");
    TCase *t = tcase_create("courses");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, equals_a_list, 0, COURSES);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
