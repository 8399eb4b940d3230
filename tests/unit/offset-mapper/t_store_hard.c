/*
 * The store when it is killed at any moment, when the disk or the map is full,
 * and when too many read: what is there afterwards is what a store has that
 * nothing ever happened to, up to the same position.
 */
#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/xmem.h"
#include "offset-mapper/store.h"
#include "offset-mapper/store_verify.h"
#include "tests/support/support.h"

#define FLOW    "a->b"
#define SOURCE  "syncs@a"
#define PARTS   5
#define KILLS   200
#define READERS 126 /* LMDB's own number */

static struct tmpdir dir;

static void
setup(void)
{
    tmpdir_make(&dir);
}

static void
teardown(void)
{
    tmpdir_remove(&dir);
}

/* ---- one stream, always the same -------------------------------------- */

static struct store_part
part_of(int64_t i)
{
    static const char *const topics[PARTS] = {"a", "b", "c", "orders", "x"};
    return (struct store_part){FLOW, topics[i % PARTS], (int32_t)(i % PARTS)};
}

/* Mostly forward with holes; now and then the copy goes back, or the target is
 * made anew. */
static void
sync_of(int64_t i, int64_t *up, int64_t *down)
{
    const int64_t k = i / PARTS;
    *up = k * 7 + i % 3;
    *down = k * 5 + 3 * (k / 97);
    if (k % 1777 == 1776)
        *up -= 7 * 40;
    if (k % 90001 == 9000)
        *down = 1;
}

/* One record of the stream; position is how many there were. */
static int
keep_one(struct store_batch *b, struct store_progress *p, struct err *err)
{
    const struct store_part part = part_of(p->position);
    enum runs_change change;
    int64_t up, down;
    int rc = 0;
    sync_of(p->position, &up, &down);
    if (p->position % 300007 == 30010)
        rc = store_batch_incarnation(b, &part, STORE_SOURCE_CUT, p->position, p,
                                     err);
    if (rc == 0)
        rc = store_batch_sync(b, &part, up, down, p->position, p, &change, err);
    p->position++;
    return rc;
}

static int
keep_batch(struct store *s, int64_t n, struct err *err)
{
    struct store_progress p;
    struct store_batch *b;
    int rc = store_progress_load(s, FLOW, SOURCE, &p, err);
    if (rc == 0)
        rc = store_batch_begin(s, &b, err);
    if (rc)
        return rc;
    for (int64_t i = 0; i < n && rc == 0; i++)
        rc = keep_one(b, &p, err);
    if (rc) {
        store_batch_abort(b);
        return rc;
    }
    return store_batch_commit_take(b, FLOW, SOURCE, &p, err);
}

static struct store_progress
progress(struct store *s)
{
    struct store_progress p;
    ck_assert_int_eq(store_progress_load(s, FLOW, SOURCE, &p, NULL), 0);
    return p;
}

static struct store *
opened(const char *name, const struct store_limits *limits)
{
    struct store *s;
    struct err err = {0};
    ck_assert_msg(
        store_open_limits(tmpdir_file(&dir, name), limits, &s, &err) == 0, "%s",
        err.text);
    return s;
}

/* ---- the same? -------------------------------------------------------- */

struct list {
    struct run *v;
    size_t n, cap;
};

static void
add(const struct run *r, void *arg)
{
    struct list *l = arg;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 1024;
        l->v = xreallocarray(l->v, l->cap, sizeof(*l->v));
    }
    l->v[l->n++] = *r;
}

static struct list
runs_of(struct store *s, const struct store_part *part, struct store_info *info)
{
    struct store_view *v;
    struct list l = {0};
    ck_assert_int_eq(store_view_open(s, &v, NULL), 0);
    ck_assert_int_eq(store_view_runs(v, part, SIZE_MAX, add, &l, NULL), 0);
    ck_assert_int_eq(store_view_info(v, part, info, NULL), 0);
    store_view_close(v);
    return l;
}

static void
same_part(struct store *a, struct store *b, const struct store_part *part)
{
    struct store_info x, y;
    struct list l = runs_of(a, part, &x), m = runs_of(b, part, &y);
    ck_assert_uint_eq(l.n, m.n);
    if (l.n > 0)
        ck_assert_mem_eq(l.v, m.v, l.n * sizeof(*l.v));
    ck_assert_int_eq(x.known, y.known);
    ck_assert_uint_eq(x.incarnation, y.incarnation);
    ck_assert_int_eq(x.why, y.why);
    ck_assert_int_eq(x.begun_ms, y.begun_ms);
    ck_assert_int_eq(x.newest_ms, y.newest_ms);
    free(l.v);
    free(m.v);
}

static void
say_fault(const char *text, void *arg)
{
    (void)arg;
    ck_abort_msg("%s", text);
}

static void
is_sound(struct store *s)
{
    struct store_report r;
    struct err err = {0};
    ck_assert_msg(store_verify(s, say_fault, NULL, &r, &err) == 0, "%s",
                  err.text);
}

/* `calm` is brought to the position of `s` first. */
static void
same(struct store *s, struct store *calm)
{
    const struct store_progress p = progress(s);
    struct err err = {0};
    const int64_t left = p.position - progress(calm).position;
    ck_assert_int_ge(left, 0);
    ck_assert_msg(keep_batch(calm, left, &err) == 0, "%s", err.text);
    const struct store_progress q = progress(calm);
    ck_assert_mem_eq(&p, &q, sizeof(p));
    for (int64_t i = 0; i < PARTS; i++) {
        const struct store_part part = part_of(i);
        same_part(s, calm, &part);
    }
    is_sound(s);
}

/* ---- killed ----------------------------------------------------------- */

static void
write_until_killed(unsigned seed)
{
    struct store *s;
    if (store_open(tmpdir_file(&dir, "killed"), &s, NULL))
        _exit(1);
    for (;;) {
        seed = seed * 1103515245 + 12345;
        if (keep_batch(s, (seed >> 16) % 700, NULL))
            _exit(1);
    }
}

START_TEST(killed_at_any_moment)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    struct store *calm = opened("calm", NULL);
    for (int i = 0; i < KILLS; i++) {
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            write_until_killed(seed);
        seed = seed * 1103515245 + 12345;
        const struct timespec moment = {0, (seed >> 8) % 20000000};
        (void)nanosleep(&moment, NULL);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFSIGNALED(status));
        struct store *s = opened("killed", NULL);
        is_sound(s);
        if (i % 10 == 9)
            same(s, calm);
        store_close(s);
    }
    struct store *s = opened("killed", NULL);
    printf("position %lld\n", (long long)progress(s).position);
    ck_assert_int_gt(progress(s).position, KILLS);
    same(s, calm);
    store_close(s);
    store_close(calm);
}
END_TEST

/* ---- full ------------------------------------------------------------- */

/* Until one fails; it leaves nothing behind. */
static void
fill(struct store *s, struct store *calm, const char *said)
{
    struct err err = {0};
    int rc = 0;
    for (int i = 0; rc == 0; i++) {
        ck_assert_int_lt(i, 10000);
        rc = keep_batch(s, 500, &err);
    }
    ck_assert_int_eq(rc, ERR_IO);
    ck_assert_msg(strstr(err.text, said) != NULL, "%s", err.text);
    same(s, calm);
}

static void
limit_files(rlim_t bytes)
{
    const struct rlimit limit = {bytes, RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(disk_full)
{
    struct store *s = opened("s", NULL);
    struct store *calm = opened("calm", NULL);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (rlim_t mib = 1; mib <= 3; mib++) {
        struct err err = {0};
        limit_files(mib << 20);
        while (keep_batch(s, 500, &err) == 0)
            ;
        limit_files(RLIM_INFINITY); /* `calm` needs it */
        ck_assert_msg(strstr(err.text, "the disk is full or fails") != NULL,
                      "%s", err.text);
        same(s, calm);
        ck_assert_int_eq(keep_batch(s, 500, &err), 0);
        same(s, calm);
    }
    store_close(s);
    s = opened("s", NULL);
    same(s, calm);
    store_close(s);
    store_close(calm);
}
END_TEST

START_TEST(map_full)
{
    const struct store_limits small = {.map_bytes = (size_t)1 << 20};
    struct store *s = opened("s", &small);
    struct store *calm = opened("calm", NULL);
    fill(s, calm, "it has grown to the 1 MiB that it may have; raise");
    fill(s, calm, "raise store.max.mib");
    store_close(s);
    s = opened("s", NULL);
    ck_assert_int_eq(keep_batch(s, 5000, NULL), 0);
    same(s, calm);
    store_close(s);
    store_close(calm);
}
END_TEST

/* ---- readers ---------------------------------------------------------- */

START_TEST(too_many_views)
{
    const struct store_limits few = {.readers_max = 3};
    struct store *s = opened("s", &few);
    struct store_view *v[3], *more = (void *)(uintptr_t)1;
    struct err err = {0};
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(store_view_open(s, &v[i], NULL), 0);
    ck_assert_int_eq(store_view_open(s, &more, &err), ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(err.text, "too many questions at once"));
    ck_assert_ptr_null(more); /* may be closed */
    store_view_close(v[1]);
    ck_assert_int_eq(store_view_open(s, &v[1], NULL), 0);
    for (size_t i = 0; i < 3; i++)
        store_view_close(v[i]);
    ck_assert_int_eq(keep_batch(s, 5, NULL), 0);
    store_close(s);
}
END_TEST

/* A process that read (a backup) and was killed left its slot taken. */
START_TEST(slots_of_the_dead)
{
    int fds[2];
    char said;
    store_close(opened("s", NULL));
    ck_assert_int_eq(pipe(fds), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct store *s;
        struct store_view *v;
        if (store_open_read(tmpdir_file(&dir, "s"), &s, NULL) ||
            store_view_open(s, &v, NULL) || write(fds[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    ck_assert_int_eq(read(fds[0], &said, 1), 1);
    struct store *s = opened("s", NULL);
    struct store_view *v[READERS];
    for (size_t i = 0; i < READERS - 1; i++)
        ck_assert_int_eq(store_view_open(s, &v[i], NULL), 0);
    ck_assert_int_eq(store_view_open(s, &v[READERS - 1], NULL), ERR_BUSY);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(store_view_open(s, &v[READERS - 1], NULL), 0);
    for (size_t i = 0; i < READERS; i++)
        store_view_close(v[i]);
    store_close(s);
}
END_TEST

/* ---- copies ----------------------------------------------------------- */

/* Copies while another process writes are whole commits. */
START_TEST(backup_while_written)
{
    struct store *calm = opened("calm", NULL);
    store_close(opened("killed", NULL));
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        write_until_killed(7);
    int64_t last = 0;
    for (int i = 0; last < 5000; i++) {
        struct store *s;
        struct err err = {0};
        char name[32], to[300];
        (void)snprintf(name, sizeof(name), "copy%d", i);
        (void)snprintf(to, sizeof(to), "%s", tmpdir_file(&dir, name));
        ck_assert_int_eq(store_open_read(tmpdir_file(&dir, "killed"), &s, NULL),
                         0);
        ck_assert_msg(store_backup(s, to, &err) == 0, "%s", err.text);
        store_close(s);
        s = opened(name, NULL);
        last = progress(s).position;
        same(s, calm);
        ck_assert_int_eq(keep_batch(s, 100, NULL), 0);
        store_close(s);
    }
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    store_close(calm);
}
END_TEST

START_TEST(no_room_for_a_copy)
{
    struct store *s = opened("s", NULL);
    struct err err;
    char to[300];
    (void)snprintf(to, sizeof(to), "%s", tmpdir_file(&dir, "copy"));
    ck_assert_int_eq(keep_batch(s, 50000, NULL), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(100 << 10);
    ck_assert_int_eq(store_backup(s, to, &err), ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot copy"));
    limit_files(RLIM_INFINITY);
    ck_assert_int_ne(access(tmpdir_file(&dir, "copy/offset.lmdb"), F_OK), 0);
    ck_assert_int_eq(store_backup(s, to, &err), 0);
    store_close(s);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mapper store, hard");
    TCase *t = tcase_create("hard");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, killed_at_any_moment);
    tcase_add_test(t, disk_full);
    tcase_add_test(t, map_full);
    tcase_add_test(t, too_many_views);
    tcase_add_test(t, slots_of_the_dead);
    tcase_add_test(t, backup_while_written);
    tcase_add_test(t, no_room_for_a_copy);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
