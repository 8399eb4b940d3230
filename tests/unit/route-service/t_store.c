/* The store: order, reopening, foreign files, and a writer that is killed. */
#include "route-service/store.h"

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"
#include "tests/unit/route-service/made.h"

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

static struct store *
opened(void)
{
    struct store *s = NULL;
    struct err err;
    ck_assert_msg(store_open(dir.path, &s, &err) == 0, "%s", err.text);
    return s;
}

static void
append(struct store *s, int64_t revision, const char *text)
{
    struct err err;
    ck_assert_msg(store_append(s, revision, text, strlen(text), &err) == 0,
                  "%s", err.text);
}

struct seen {
    int64_t revisions[5000];
    char last[64];
    size_t n;
    size_t stop_at;
};

static int
see(int64_t revision, const char *text, size_t len, void *arg, struct err *err)
{
    struct seen *s = arg;
    ck_assert_uint_lt(s->n, 5000);
    ck_assert_uint_lt(len, sizeof(s->last));
    s->revisions[s->n++] = revision;
    memcpy(s->last, text, len);
    s->last[len] = '\0';
    if (s->stop_at && s->n == s->stop_at)
        return err_set(err, ERR_CLOSED, "enough");
    return 0;
}

START_TEST(kept_in_order)
{
    struct store *s = opened();
    struct seen seen = {0};
    for (int64_t r = 1; r <= 300; r++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "change %d", (int)r);
        append(s, r, text);
    }
    store_close(s);
    s = opened();
    ck_assert_int_eq(store_each(s, see, &seen, NULL), 0);
    ck_assert_uint_eq(seen.n, 300);
    for (size_t i = 0; i < seen.n; i++)
        ck_assert_int_eq(seen.revisions[i], (int64_t)i + 1);
    ck_assert_str_eq(seen.last, "change 300");
    store_close(s);
}
END_TEST

START_TEST(read_backwards)
{
    struct store *s = opened();
    struct seen seen = {0};
    ck_assert_int_eq(store_each_back(s, INT64_MAX, 3, see, &seen, NULL), 0);
    ck_assert_uint_eq(seen.n, 0);
    for (int64_t r = 1; r <= 5; r++)
        append(s, r, "x");
    ck_assert_int_eq(store_each_back(s, INT64_MAX, 3, see, &seen, NULL), 0);
    ck_assert_uint_eq(seen.n, 3);
    ck_assert_int_eq(seen.revisions[0], 5);
    ck_assert_int_eq(seen.revisions[2], 3);
    seen.n = 0;
    ck_assert_int_eq(store_each_back(s, 3, 10, see, &seen, NULL), 0);
    ck_assert_uint_eq(seen.n, 2);
    ck_assert_int_eq(seen.revisions[0], 2);
    ck_assert_int_eq(seen.revisions[1], 1);
    store_close(s);
}
END_TEST

START_TEST(reader_stops)
{
    struct store *s = opened();
    struct seen seen = {.stop_at = 2};
    struct err err;
    for (int64_t r = 1; r <= 5; r++)
        append(s, r, "x");
    ck_assert_int_eq(store_each(s, see, &seen, &err), ERR_CLOSED);
    ck_assert_uint_eq(seen.n, 2);
    store_close(s);
}
END_TEST

START_TEST(gaps_are_refused)
{
    struct store *s = opened();
    struct err err;
    append(s, 1, "x");
    ck_assert_int_eq(store_append(s, 3, "x", 1, &err), ERR_CONFLICT);
    ck_assert_int_eq(store_append(s, 1, "x", 1, &err), ERR_CONFLICT);
    append(s, 2, "x");
    store_close(s);
}
END_TEST

START_TEST(one_server_only)
{
    struct store *s = opened();
    struct store *second = NULL;
    struct err err;
    ck_assert_int_eq(store_open(dir.path, &second, &err), ERR_BUSY);
    ck_assert_ptr_null(second);
    ck_assert_msg(strstr(err.text, "another shunt-route uses") != NULL, "%s",
                  err.text);
    store_close(s);
    store_close(opened());
}
END_TEST

/* ---- what is not ours ---------------------------------------------------- */

static void
assert_foreign(void)
{
    struct store *s = NULL;
    struct err err;
    ck_assert_int_eq(store_open(dir.path, &s, &err), ERR_CORRUPT);
    ck_assert_ptr_null(s);
    ck_assert_msg(strstr(err.text, "is not a store of shunt-route") != NULL,
                  "%s", err.text);
}

START_TEST(no_lmdb_at_all)
{
    char junk[20000];
    memset(junk, 'j', sizeof(junk));
    const int fd =
        open(tmpdir_file(&dir, "route.lmdb"), O_WRONLY | O_CREAT, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, junk, sizeof(junk)), sizeof(junk));
    close(fd);
    assert_foreign();
}
END_TEST

/* Another program's LMDB file, and what stands in it afterwards. */
static void
write_foreign(const char *key, const void *value, size_t len)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val k = {.mv_size = strlen(key), .mv_data = (char *)(uintptr_t)key};
    MDB_val v = {.mv_size = len, .mv_data = (char *)(uintptr_t)value};
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(
        mdb_env_open(env, tmpdir_file(&dir, "route.lmdb"), MDB_NOSUBDIR, 0644),
        0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

START_TEST(lmdb_of_another_program)
{
    write_foreign("hello", "world", 5);
    assert_foreign();
    assert_foreign(); /* nothing was written to it */
}
END_TEST

START_TEST(format_of_another_program)
{
    write_foreign("F", "\0\014shunt-offset\0\0\0\1", 18);
    assert_foreign();
}
END_TEST

START_TEST(newer_format)
{
    struct store *s = NULL;
    struct err err;
    write_foreign("F", "\0\013shunt-route\0\0\0\11", 17);
    ck_assert_int_eq(store_open(dir.path, &s, &err), ERR_CORRUPT);
    ck_assert_msg(strstr(err.text, "has format 9") != NULL, "%s", err.text);
}
END_TEST

START_TEST(value_of_unknown_version)
{
    struct store *s = opened();
    struct seen seen = {0};
    struct err err;
    append(s, 1, "x");
    store_close(s);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char key[9] = "C\0\0\0\0\0\0\0\1";
    char value[] = "\7new";
    MDB_val k = {.mv_size = 9, .mv_data = key};
    MDB_val v = {.mv_size = 4, .mv_data = value};
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(
        mdb_env_open(env, tmpdir_file(&dir, "route.lmdb"), MDB_NOSUBDIR, 0644),
        0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    s = opened();
    ck_assert_int_eq(store_each(s, see, &seen, &err), ERR_CORRUPT);
    ck_assert_msg(strstr(err.text, "change 1") != NULL, "%s", err.text);
    store_close(s);
}
END_TEST

START_TEST(folder_that_cannot_be)
{
    struct store *s = NULL;
    struct err err;
    const int fd = open(tmpdir_file(&dir, "file"), O_WRONLY | O_CREAT, 0644);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "file/below"), &s, &err),
                     ERR_IO);
    ck_assert_msg(strstr(err.text, dir.path) != NULL, "%s", err.text);
}
END_TEST

/* ---- a writer that is killed --------------------------------------------- */

/* Appends for ever; says each revision only after the store has taken it. */
static void
write_until_killed(int to, bool in_group)
{
    struct store *s = NULL;
    int64_t r = 0;
    if (store_open(dir.path, &s, NULL) ||
        (in_group && store_trust_group(s, NULL)))
        _exit(1);
    for (;;) {
        r++;
        if (store_append(s, r, "a change", 8, NULL) ||
            write(to, &r, sizeof(r)) != (ssize_t)sizeof(r))
            _exit(1);
    }
}

/* Alone, and as a server of a group: a kill is no loss of power. */
START_TEST(killed_writer)
{
    int ends[2];
    int64_t acknowledged = 0;
    int64_t r;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        write_until_killed(ends[1], _i % 2 == 1);
    close(ends[1]);
    while (acknowledged < 50 + 7 * _i &&
           read(ends[0], &r, sizeof(r)) == (ssize_t)sizeof(r))
        acknowledged = r;
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    while (read(ends[0], &r, sizeof(r)) == (ssize_t)sizeof(r))
        acknowledged = r;
    close(ends[0]);
    ck_assert_int_ge(acknowledged, 50);
    struct store *s = opened();
    struct seen seen = {0};
    ck_assert_int_eq(store_each(s, see, &seen, NULL), 0);
    ck_assert_int_ge((int64_t)seen.n, acknowledged);
    ck_assert_int_le((int64_t)seen.n, acknowledged + 1);
    for (size_t i = 0; i < seen.n; i++)
        ck_assert_int_eq(seen.revisions[i], (int64_t)i + 1);
    append(s, (int64_t)seen.n + 1, "goes on");
    store_close(s);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("store");
    TCase *t = tcase_create("store");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, kept_in_order);
    tcase_add_test(t, read_backwards);
    tcase_add_test(t, reader_stops);
    tcase_add_test(t, gaps_are_refused);
    tcase_add_test(t, one_server_only);
    tcase_add_test(t, no_lmdb_at_all);
    tcase_add_test(t, lmdb_of_another_program);
    tcase_add_test(t, format_of_another_program);
    tcase_add_test(t, newer_format);
    tcase_add_test(t, value_of_unknown_version);
    tcase_add_test(t, folder_that_cannot_be);
    tcase_add_loop_test(t, killed_writer, 0, 4);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
