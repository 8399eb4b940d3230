/*
 * The store: what was committed is there after a reopen and after a kill, what
 * was not is not; foreign files are refused and left alone.
 */
#include <check.h>
#include <lmdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "offset-mapper/store.h"
#include "tests/support/support.h"

#define FLOW   "a->b"
#define SOURCE "syncs@a"

static struct tmpdir dir;
static const struct store_part orders = {FLOW, "orders", 0};

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

static struct store *
opened(void)
{
    struct store *s;
    struct err err = {0};
    ck_assert_msg(store_open(tmpdir_file(&dir, "s"), &s, &err) == 0, "%s",
                  err.text);
    return s;
}

static struct store_progress
progress(struct store *s)
{
    struct store_progress p;
    ck_assert_int_eq(store_progress_load(s, FLOW, SOURCE, &p, NULL), 0);
    return p;
}

/* One batch of one sync. */
static enum runs_change
put(struct store *s, const struct store_part *part, int64_t up, int64_t down)
{
    struct store_progress p = progress(s);
    struct store_batch *b;
    enum runs_change change;
    ck_assert_int_eq(store_batch_begin(s, &b, NULL), 0);
    ck_assert_int_eq(store_batch_sync(b, part, up, down, 0, &p, &change, NULL),
                     0);
    p.position++;
    ck_assert_int_eq(store_batch_commit_take(b, FLOW, SOURCE, &p, NULL), 0);
    return change;
}

static struct runs_answer
ask(struct store *s, const struct store_part *part, int64_t q, bool reverse)
{
    struct store_view *v;
    struct runs_answer a = {.quality = RUNS_NONE, .position = -1};
    struct store_info info;
    ck_assert_int_eq(store_view_open(s, &v, NULL), 0);
    ck_assert_int_eq((reverse ? store_view_reverse : store_view_forward)(
                         v, part, q, -1, &info, &a, NULL),
                     0);
    if (!info.known)
        a = (struct runs_answer){.quality = RUNS_NONE, .position = -1};
    store_view_close(v);
    return a;
}

struct listed {
    struct run v[16];
    size_t n;
};

static void
list_run(const struct run *r, void *arg)
{
    struct listed *l = arg;
    l->v[l->n++] = *r;
}

static struct listed
runs_of(struct store *s, const struct store_part *part, size_t limit)
{
    struct listed l = {0};
    struct store_view *v;
    ck_assert_int_eq(store_view_open(s, &v, NULL), 0);
    ck_assert_int_eq(store_view_runs(v, part, limit, list_run, &l, NULL), 0);
    store_view_close(v);
    return l;
}

START_TEST(reopen)
{
    struct store *s = opened();
    (void)put(s, &orders, 0, 0);
    (void)put(s, &orders, 100, 100);
    (void)put(s, &orders, 210, 190);
    store_close(s);
    s = opened();
    ck_assert_int_eq(progress(s).position, 3);
    ck_assert_int_eq(progress(s).syncs, 3);
    ck_assert_int_eq(progress(s).runs, 2);
    ck_assert_int_eq(ask(s, &orders, 50, false).position, 50);
    ck_assert_int_eq(ask(s, &orders, 150, false).position, 101);
    ck_assert_int_eq(ask(s, &orders, 150, false).high, 190);
    ck_assert_int_eq(ask(s, &orders, 211, false).position, 191);
    ck_assert_int_eq(ask(s, &orders, 190, true).position, 210);
    ck_assert_int_eq(ask(s, &orders, 150, true).position, 101);
    ck_assert_int_eq(put(s, &orders, 310, 290), RUNS_PUT);
    const struct listed l = runs_of(s, &orders, 10);
    ck_assert_uint_eq(l.n, 2);
    ck_assert_int_eq(l.v[1].up, 210);
    ck_assert_int_eq(l.v[1].down, 190);
    ck_assert_int_eq(l.v[1].length, 101);
    ck_assert_uint_eq(runs_of(s, &orders, 1).n, 1);
    store_close(s);
}
END_TEST

/* Names and numbers whose bytes could be mistaken for a neighbour's. */
START_TEST(partitions_are_apart)
{
    struct store *s = opened();
    const struct store_part parts[] = {
        {FLOW, "orders", 0},   {FLOW, "orders", 1},   {FLOW, "order", 0},
        {FLOW, "orders2", 0},  {"b->a", "orders", 0}, {FLOW, "o", 0},
        {FLOW, "orders", 256},
    };
    const size_t n = sizeof(parts) / sizeof(parts[0]);
    for (size_t i = 0; i < n; i++)
        (void)put(s, &parts[i], 10 * ((int64_t)i + 1), 1000 + (int64_t)i);
    for (size_t i = 0; i < n; i++) {
        const int64_t up = 10 * ((int64_t)i + 1);
        ck_assert_uint_eq(runs_of(s, &parts[i], 10).n, 1);
        ck_assert_int_eq(ask(s, &parts[i], up, false).position,
                         1000 + (int64_t)i);
        ck_assert_int_eq(ask(s, &parts[i], up - 1, false).quality, RUNS_BEFORE);
        ck_assert_int_eq(ask(s, &parts[i], INT64_MAX, false).quality,
                         RUNS_BOUNDED);
        ck_assert_int_eq(ask(s, &parts[i], INT64_MAX, true).quality,
                         RUNS_BOUNDED);
        ck_assert_int_eq(ask(s, &parts[i], 0, true).quality, RUNS_BEFORE);
    }
    const struct store_part none = {FLOW, "order", 7};
    ck_assert_int_eq(ask(s, &none, 3, false).quality, RUNS_NONE);
    store_close(s);
}
END_TEST

START_TEST(back_and_restart_drop_runs)
{
    struct store *s = opened();
    (void)put(s, &orders, 0, 0);
    (void)put(s, &orders, 50, 40);
    (void)put(s, &orders, 100, 80);
    ck_assert_int_eq(put(s, &orders, 60, 200), RUNS_BACK);
    struct listed l = runs_of(s, &orders, 10);
    ck_assert_uint_eq(l.n, 3);
    ck_assert_int_eq(l.v[2].up, 60);
    ck_assert_int_eq(ask(s, &orders, 80, true).position, 51);
    ck_assert_int_eq(progress(s).runs, 3);
    ck_assert_int_eq(put(s, &orders, 70, 3), RUNS_RESTART);
    l = runs_of(s, &orders, 10);
    ck_assert_uint_eq(l.n, 1);
    ck_assert_int_eq(progress(s).runs, 1);
    ck_assert_int_eq(progress(s).restarts, 1);
    ck_assert_int_eq(progress(s).backs, 1);
    ck_assert_int_eq(ask(s, &orders, 100, true).quality, RUNS_BOUNDED);
    store_close(s);
}
END_TEST

static struct store_info
info_of(struct store *s, const struct store_part *part)
{
    struct store_view *v;
    struct store_info info;
    ck_assert_int_eq(store_view_open(s, &v, NULL), 0);
    ck_assert_int_eq(store_view_info(v, part, &info, NULL), 0);
    store_view_close(v);
    return info;
}

static void
begin_anew(struct store *s, const struct store_part *part, enum store_begun why)
{
    struct store_progress p = progress(s);
    struct store_batch *b;
    ck_assert_int_eq(store_batch_begin(s, &b, NULL), 0);
    ck_assert_int_eq(store_batch_incarnation(b, part, why, 7000, &p, NULL), 0);
    ck_assert_int_eq(store_batch_commit_take(b, FLOW, SOURCE, &p, NULL), 0);
}

START_TEST(incarnations)
{
    struct store *s = opened();
    begin_anew(s, &orders, STORE_SOURCE_CUT);
    ck_assert_uint_eq(info_of(s, &orders).incarnation, 0);
    (void)put(s, &orders, 10, 10);
    (void)put(s, &orders, 30, 20);
    struct store_info info = info_of(s, &orders);
    ck_assert(info.known);
    ck_assert_uint_eq(info.incarnation, 1);
    ck_assert_int_eq(info.why, STORE_FIRST);
    ck_assert_int_eq(info.newest.up, 30);
    begin_anew(s, &orders, STORE_SOURCE_ANEW);
    info = info_of(s, &orders);
    ck_assert(!info.known);
    ck_assert_uint_eq(info.incarnation, 2);
    ck_assert_int_eq(info.why, STORE_SOURCE_ANEW);
    ck_assert_int_eq(info.begun_ms, 7000);
    ck_assert_uint_eq(runs_of(s, &orders, 10).n, 0);
    ck_assert_int_eq(progress(s).runs, 0);
    ck_assert_int_eq(ask(s, &orders, 10, false).quality, RUNS_NONE);
    /* Below what the old one knew, and yet the newest. */
    ck_assert_int_eq(put(s, &orders, 3, 21), RUNS_NEW);
    ck_assert_uint_eq(runs_of(s, &orders, 10).n, 1);
    ck_assert_int_eq(ask(s, &orders, 10, true).quality, RUNS_BEFORE);
    ck_assert_int_eq(put(s, &orders, 9, 1), RUNS_RESTART);
    info = info_of(s, &orders);
    ck_assert(info.known);
    ck_assert_uint_eq(info.incarnation, 3);
    ck_assert_int_eq(info.why, STORE_TARGET_ANEW);
    store_close(s);
}
END_TEST

static void
count_part(const struct store_part *part, const struct store_info *info,
           void *arg)
{
    int64_t *sum = arg;
    *sum += info->newest.up + part->partition +
            (int64_t)(strcmp(part->topic, "orders") == 0);
}

START_TEST(parts_of_a_flow)
{
    struct store *s = opened();
    const struct store_part other = {FLOW, "other", 4};
    const struct store_part far = {"a->bb", "orders", 0};
    (void)put(s, &orders, 100, 1);
    (void)put(s, &other, 2000, 1);
    (void)put(s, &far, 30000, 1);
    struct store_view *v;
    int64_t sum = 0;
    ck_assert_int_eq(store_view_open(s, &v, NULL), 0);
    ck_assert_int_eq(store_view_parts(v, FLOW, count_part, &sum, NULL), 0);
    store_view_close(v);
    ck_assert_int_eq(sum, 100 + 1 + 2000 + 4);
    store_close(s);
}
END_TEST

START_TEST(backup)
{
    struct store *s = opened();
    struct store_view *v;
    struct err err;
    (void)put(s, &orders, 10, 10);
    ck_assert_int_eq(store_view_open(s, &v, NULL), 0);
    ck_assert_int_eq(store_backup(s, tmpdir_file(&dir, "copy"), &err), 0);
    store_view_close(v);
    (void)put(s, &orders, 30, 20);
    ck_assert_int_eq(store_backup(s, tmpdir_file(&dir, "copy"), &err),
                     ERR_CONFLICT);
    ck_assert_ptr_nonnull(strstr(err.text, "is there already"));
    store_close(s);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "copy"), &s, &err), 0);
    ck_assert_uint_eq(runs_of(s, &orders, 10).n, 1);
    ck_assert_int_eq(progress(s).position, 1);
    (void)put(s, &orders, 30, 20);
    ck_assert_uint_eq(runs_of(s, &orders, 10).n, 2);
    store_close(s);
}
END_TEST

START_TEST(aborted_batch_leaves_nothing)
{
    struct store *s = opened();
    struct store_batch *b;
    struct store_progress p = {0};
    enum runs_change change;
    ck_assert_int_eq(store_batch_begin(s, &b, NULL), 0);
    ck_assert_int_eq(store_batch_sync(b, &orders, 1, 1, 0, &p, &change, NULL),
                     0);
    store_batch_abort(b);
    ck_assert_int_eq(ask(s, &orders, 1, false).quality, RUNS_NONE);
    (void)put(s, &orders, 1, 1);
    store_close(s);
}
END_TEST

START_TEST(bad_syncs_do_not_spoil_a_batch)
{
    struct store *s = opened();
    char name[400];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    const struct store_part far = {FLOW, name, 0};
    struct store_batch *b;
    struct store_progress p = {0};
    struct err err;
    enum runs_change change;
    ck_assert_int_eq(store_batch_begin(s, &b, NULL), 0);
    ck_assert_int_eq(store_batch_sync(b, &far, 1, 1, 0, &p, &change, &err), 0);
    char longer[600];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    const struct store_part too_far = {FLOW, longer, 0};
    ck_assert_int_eq(store_batch_sync(b, &too_far, 1, 1, 0, &p, &change, &err),
                     ERR_INVALID);
    ck_assert_int_eq(
        store_batch_sync(b, &orders, INT64_MAX, 1, 0, &p, &change, &err),
        ERR_INVALID);
    ck_assert_int_eq(store_batch_sync(b, &orders, 5, 5, 0, &p, &change, &err),
                     0);
    ck_assert_int_eq(p.syncs, 2);
    ck_assert_int_eq(store_batch_commit_take(b, FLOW, SOURCE, &p, &err), 0);
    ck_assert_int_eq(ask(s, &orders, 5, false).quality, RUNS_EXACT);
    ck_assert_int_eq(ask(s, &too_far, 5, false).quality, RUNS_NONE);
    store_close(s);
}
END_TEST

/* Writes batches of 10 syncs, position = number of syncs, until killed. */
static void
write_for_ever(int tell)
{
    struct store *s = opened();
    for (int64_t up = 0;; up += 10) {
        struct store_progress p = progress(s);
        struct store_batch *b;
        enum runs_change change;
        if (store_batch_begin(s, &b, NULL))
            _exit(1);
        for (int64_t i = 0; i < 10; i++)
            if (store_batch_sync(b, &orders, 2 * (up + i), up + i, 0, &p,
                                 &change, NULL))
                _exit(1);
        p.position += 10;
        if (store_batch_commit_take(b, FLOW, SOURCE, &p, NULL) ||
            write(tell, "x", 1) != 1)
            _exit(1);
    }
}

START_TEST(killed_writer)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        write_for_ever(fds[1]);
    char batches[20];
    for (size_t got = 0; got < sizeof(batches);) {
        const ssize_t n = read(fds[0], batches, sizeof(batches) - got);
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close(fds[0]);
    close(fds[1]);
    struct store *s = opened();
    const struct store_progress p = progress(s);
    ck_assert_int_ge(p.position, 200);
    ck_assert_int_eq(p.position % 10, 0);
    ck_assert_int_eq(p.syncs, p.position);
    ck_assert_int_eq(p.runs, p.position);
    const int64_t last = p.position - 1;
    ck_assert_int_eq(ask(s, &orders, 2 * last, false).quality, RUNS_EXACT);
    ck_assert_int_eq(ask(s, &orders, 2 * last, false).position, last);
    ck_assert_int_eq(ask(s, &orders, 2 * last + 2, false).quality,
                     RUNS_BOUNDED);
    store_close(s);
}
END_TEST

/* Every commit moves two partitions alike; no view may see them apart. */
struct race {
    struct store *s;
    atomic_bool over;
    atomic_long looks;
};

static void *
write_pairs(void *arg)
{
    struct race *r = arg;
    const struct store_part other = {FLOW, "other", 4};
    for (int64_t up = 0; up < 300 || atomic_load(&r->looks) < 1000; up++) {
        struct store_progress p = {.position = up};
        struct store_batch *b;
        enum runs_change change;
        if (store_batch_begin(r->s, &b, NULL) ||
            store_batch_sync(b, &orders, 2 * up, up, 0, &p, &change, NULL) ||
            store_batch_sync(b, &other, 2 * up, up, 0, &p, &change, NULL) ||
            store_batch_commit_take(b, FLOW, SOURCE, &p, NULL))
            abort();
    }
    atomic_store(&r->over, true);
    return NULL;
}

START_TEST(views_see_whole_commits)
{
    struct race r = {.s = opened()};
    const struct store_part other = {FLOW, "other", 4};
    pthread_t writer;
    int64_t last = -1;
    ck_assert_int_eq(pthread_create(&writer, NULL, write_pairs, &r), 0);
    while (!atomic_load(&r.over)) {
        struct store_view *v;
        struct store_info a, b;
        ck_assert_int_eq(store_view_open(r.s, &v, NULL), 0);
        ck_assert_int_eq(store_view_info(v, &orders, &a, NULL), 0);
        ck_assert_int_eq(store_view_info(v, &other, &b, NULL), 0);
        store_view_close(v);
        ck_assert_int_eq(a.known, b.known);
        if (a.known)
            ck_assert_int_eq(a.newest.up, b.newest.up);
        ck_assert_int_ge(a.newest.up, last);
        last = a.newest.up;
        atomic_fetch_add(&r.looks, 1);
    }
    ck_assert_int_eq(pthread_join(writer, NULL), 0);
    ck_assert_int_eq(info_of(r.s, &orders).newest.up,
                     progress(r.s).position * 2);
    store_close(r.s);
}
END_TEST

START_TEST(two_processes)
{
    struct store *s = opened();
    struct store *other;
    struct err err;
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &other, &err),
                     ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(err.text, "in use by another"));
    store_close(s);
}
END_TEST

START_TEST(no_lmdb_file)
{
    struct err err;
    ck_assert_int_eq(file_make_dir(tmpdir_file(&dir, "s"), &err), 0);
    char junk[8192];
    memset(junk, 'j', sizeof(junk));
    ck_assert_int_eq(file_replace(tmpdir_file(&dir, "s/offset.lmdb"), junk,
                                  sizeof(junk), &err),
                     0);
    struct store *s;
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &s, &err), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "choose another data.dir"));
}
END_TEST

/* Somebody else's environment, made with LMDB itself. */
static void
foreign(const char *key, const char *value, size_t len)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    struct err err;
    ck_assert_int_eq(file_make_dir(tmpdir_file(&dir, "s"), &err), 0);
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_open(env, tmpdir_file(&dir, "s/offset.lmdb"),
                                  MDB_NOSUBDIR, 0644),
                     0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    MDB_val k = {strlen(key), (void *)(uintptr_t)key};
    MDB_val v = {len, (void *)(uintptr_t)value};
    ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

START_TEST(foreign_lmdb_file)
{
    struct store *s;
    struct err err;
    foreign(_i ? "f" : "other", "something else", 14);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &s, &err), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "another program's LMDB file"));
}
END_TEST

START_TEST(other_formats)
{
    static const char *const formats[] = {"\0\14shunt-offset\0\0\0\1",
                                          "\0\14shunt-offset\0\0\0\11"};
    static const char *const said[] = {"has format 1, this program reads 2",
                                       "has format 9, this program reads 2"};
    struct store *s;
    struct err err;
    foreign("f", formats[_i], 2 + 12 + 4);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &s, &err), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, said[_i]));
    ck_assert_ptr_nonnull(strstr(err.text, "or an empty data.dir"));
}
END_TEST

START_TEST(folder_cannot_be_written)
{
    struct store *s;
    struct err err;
    ck_assert_int_ne(store_open("/proc/no-such-folder", &s, &err), 0);
    ck_assert_int_ne(err.text[0], '\0');
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mapper store");
    TCase *t = tcase_create("lmdb");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, reopen);
    tcase_add_test(t, partitions_are_apart);
    tcase_add_test(t, back_and_restart_drop_runs);
    tcase_add_test(t, incarnations);
    tcase_add_test(t, parts_of_a_flow);
    tcase_add_test(t, backup);
    tcase_add_test(t, aborted_batch_leaves_nothing);
    tcase_add_test(t, bad_syncs_do_not_spoil_a_batch);
    tcase_add_test(t, killed_writer);
    tcase_add_test(t, views_see_whole_commits);
    tcase_add_test(t, two_processes);
    tcase_add_test(t, no_lmdb_file);
    tcase_add_loop_test(t, foreign_lmdb_file, 0, 2);
    tcase_add_loop_test(t, other_formats, 0, 2);
    tcase_add_test(t, folder_cannot_be_written);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
