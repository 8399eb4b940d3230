/* Bases, past tables, retention, and a store of format 1. */
#include <lmdb.h>

#include "common/base/xmem.h"
#include "route-service/history.h"
#include "route-service/retain.h"
#include "route-service/snapshot.h"
#include "tests/support/support.h"
#include "tests/unit/route-service/made.h"

#define CLUSTERS                                                               \
    "{'op':'put','cluster':{'name':'a','bootstrap.servers':'h:1'}},"           \
    "{'op':'put','cluster':{'name':'b','bootstrap.servers':'h:1'}}"
#define RULE(to)                                                               \
    "{'op':'put','rule':{'id':'r','match':{'cluster.code':'c'},'cluster':'" to \
    "'}}"

static struct tmpdir dir;
static struct store *store;
static struct table *head;

static void
open_store(void)
{
    struct err err;
    ck_assert_msg(store_open(dir.path, &store, &err) == 0, "%s", err.text);
}

static void
setup(void)
{
    tmpdir_make(&dir);
    open_store();
    head = table_empty();
}

static void
teardown(void)
{
    table_unref(head);
    store_close(store);
    tmpdir_remove(&dir);
}

/* A change set as the committer would store it. */
static void
commit(const char *operations, int64_t time_ms)
{
    struct change c = made_change(operations);
    c.time_ms = time_ms;
    c.author = c.author ? c.author : xstrdup("");
    c.comment = c.comment ? c.comment : xstrdup("");
    struct table *t = made_applied(&c, head);
    c.revision = t->revision;
    struct json_t *j = change_encode(&c);
    char *text = js_dump(j);
    struct err err;
    ck_assert_msg(store_append(store, c.revision, text, strlen(text), &err) ==
                      0,
                  "%s", err.text);
    free(text);
    js_free(j);
    change_fini(&c);
    table_unref(head);
    head = t;
}

/* Revision 1 and n flips, one a second. */
static void
flips(int n)
{
    commit(CLUSTERS "," RULE("a"), 1000);
    for (int i = 1; i <= n; i++)
        commit(i % 2 ? RULE("b") : RULE("a"), 1000 + 1000 * i);
}

static char *
text_of(const struct table *t)
{
    size_t len;
    return table_snapshot(t, &len);
}

static void
assert_same(const struct table *a, const struct table *b)
{
    char *x = text_of(a);
    char *y = text_of(b);
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
}

static struct table *
past(struct history *h, int64_t revision)
{
    struct table *t = NULL;
    struct err err;
    ck_assert_msg(history_table(h, revision, &t, &err) == 0, "%s", err.text);
    ck_assert_int_eq(t->revision, revision);
    return t;
}

static void
assert_range(int64_t first, int64_t last)
{
    int64_t f, l;
    ck_assert_int_eq(store_range(store, &f, &l, NULL), 0);
    ck_assert_int_eq(f, first);
    ck_assert_int_eq(l, last);
}

static void
assert_loads(void)
{
    struct table *t = NULL;
    struct err err;
    ck_assert_msg(history_load(store, &t, &err) == 0, "%s", err.text);
    assert_same(t, head);
    table_unref(t);
}

START_TEST(past_tables)
{
    struct history *h = history_new(store);
    struct table *none = NULL;
    struct err err;
    flips(20);
    assert_range(1, 21);
    assert_loads();
    for (int64_t r = 21; r > 0; r -= 3) { /* backwards: nothing near is kept */
        struct table *t = past(h, r);
        const struct item *rule = table_find(t, KIND_RULE, "r");
        ck_assert_str_eq(rule->u.rule.cluster, r % 2 ? "a" : "b");
        table_unref(t);
    }
    struct table *again = past(h, 21);
    assert_same(again, head);
    table_unref(again);
    ck_assert_int_eq(history_table(h, 22, &none, &err), ERR_NOTFOUND);
    ck_assert_msg(strstr(err.text, "21 is the newest") != NULL, "%s", err.text);
    history_free(h);
}
END_TEST

START_TEST(revision_0_is_empty)
{
    struct history *h = history_new(store);
    struct table *t = past(h, 0);
    ck_assert_uint_eq(table_count(t, KIND_RULE), 0);
    table_unref(t);
    assert_range(1, 0);
    history_free(h);
}
END_TEST

static void
run_retain(struct history *h, int64_t revisions, int64_t ms, int64_t now_ms)
{
    const struct retention r = {revisions, ms};
    struct err err;
    ck_assert_msg(retain(store, h, &r, now_ms, &err) == 0, "%s", err.text);
}

START_TEST(kept_by_number)
{
    struct history *h = history_new(store);
    struct table *none = NULL;
    struct err err;
    flips(20);
    run_retain(h, 0, 0, 99000);
    assert_range(1, 21);
    run_retain(h, 30, 0, 99000);
    assert_range(1, 21);
    run_retain(h, 5, 0, 99000);
    assert_range(17, 21);
    assert_loads(); /* since and previous as before */
    struct table *t = past(h, 16);
    table_unref(t);
    ck_assert_int_eq(history_table(h, 15, &none, &err), ERR_NOTFOUND);
    ck_assert_msg(strstr(err.text, "the oldest is 16") != NULL, "%s", err.text);
    commit(RULE("b"), 50000);
    assert_range(17, 22);
    history_free(h);
    store_close(store);
    open_store();
    assert_range(17, 22);
    assert_loads();
}
END_TEST

START_TEST(kept_by_age)
{
    struct history *h = history_new(store);
    flips(20);
    run_retain(h, 0, 5000, 21000 + 500); /* revision r was made at r s */
    assert_range(17, 21);
    run_retain(h, 3, 5000, 21000 + 500); /* both limits have to be passed */
    assert_range(17, 21);
    run_retain(h, 0, 1, 99000);
    assert_range(22, 21);
    assert_loads();
    commit(RULE("b"), 99000);
    assert_loads();
    history_free(h);
}
END_TEST

START_TEST(not_for_every_change)
{
    struct history *h = history_new(store);
    flips(100); /* 101 */
    run_retain(h, 95, 0, 0);
    assert_range(1, 101);
    run_retain(h, 80, 0, 0);
    assert_range(22, 101);
    history_free(h);
}
END_TEST

/* A snapshot that is newer than everything: a server that was away. */
START_TEST(jump_ahead)
{
    struct err err;
    flips(10);
    assert_range(1, 11);
    struct table *old = table_ref(head);
    for (int i = 0; i < 20; i++) { /* made elsewhere */
        made_push_at(&head, i % 2 ? RULE("a") : RULE("b"), 50000);
        head->time_ms = 50000;
    }
    size_t len;
    char *text = table_snapshot(head, &len);
    ck_assert_int_eq(store_rebase(store, head->revision, text, len, &err), 0);
    free(text);
    table_unref(old);
    assert_range(head->revision + 1, head->revision);
    assert_loads();
    ck_assert_int_eq(store_append(store, 12, "x", 1, &err), ERR_CONFLICT);
    /* One that was begun before that, by retention on another thread. */
    ck_assert_int_eq(store_rebase(store, 9, "x", 1, &err), ERR_CONFLICT);
    assert_range(head->revision + 1, head->revision);
    commit(CLUSTERS "," RULE("b"), 60000);
    assert_loads();
}
END_TEST

/* A base of several pieces comes back as it was. */
START_TEST(big_base)
{
    const size_t len = ((size_t)3 << 20) + 17;
    char *text = malloc(len);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + i % 23);
    ck_assert_int_eq(store_rebase(store, 7, text, len, NULL), 0);
    ck_assert_int_eq(store_rebase(store, 8, text, len - 5, NULL), 0);
    struct table *t = NULL;
    struct err err;
    ck_assert_int_eq(history_load(store, &t, &err), ERR_CORRUPT);
    ck_assert_msg(strstr(err.text, "table 8") != NULL, "%s", err.text);
    assert_range(9, 8);
    free(text);
}
END_TEST

START_TEST(several_at_once)
{
    struct err err;
    const struct stored good[] = {{1, "x", 1}, {2, "y", 1}, {3, "z", 1}};
    const struct stored gap[] = {{4, "x", 1}, {6, "y", 1}};
    ck_assert_int_eq(store_append_all(store, good, 3, &err), 0);
    ck_assert_int_eq(store_append_all(store, gap, 2, &err), ERR_CONFLICT);
    assert_range(1, 3);
}
END_TEST

START_TEST(damaged_change)
{
    struct table *t = NULL;
    struct err err;
    commit(CLUSTERS, 1);
    ck_assert_int_eq(store_append(store, 2, "{}", 2, NULL), 0);
    ck_assert_int_eq(history_load(store, &t, &err), ERR_CORRUPT);
    ck_assert_msg(strstr(err.text, "change 2 can't be used") != NULL, "%s",
                  err.text);
}
END_TEST

/* ---- table id, format 1 -------------------------------------------------- */

START_TEST(table_id)
{
    char first[64];
    struct err err;
    (void)snprintf(first, sizeof(first), "%s", store_id(store));
    ck_assert_uint_eq(strlen(first), 32);
    store_close(store);
    open_store();
    ck_assert_str_eq(store_id(store), first);
    const char *other = "0123456789abcdef0123456789abcdef";
    ck_assert_int_eq(store_set_id(store, other, &err), 0);
    store_close(store);
    open_store();
    ck_assert_str_eq(store_id(store), other);
}
END_TEST

/* Format 1 is format 2 without table id: taken back, then opened. */
START_TEST(format_1)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char f[] = "F", i[] = "I", old[] = "\0\013shunt-route\0\0\0\1";
    MDB_val kf = {1, f}, ki = {1, i}, v = {17, old};
    flips(5);
    store_close(store);
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(
        mdb_env_open(env, tmpdir_file(&dir, "route.lmdb"), MDB_NOSUBDIR, 0644),
        0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    ck_assert_int_eq(mdb_put(txn, dbi, &kf, &v, 0), 0);
    ck_assert_int_eq(mdb_del(txn, dbi, &ki, NULL), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    open_store();
    assert_range(1, 6);
    assert_loads();
    ck_assert_uint_eq(strlen(store_id(store)), 32);
    commit(RULE("a"), 99000);
    store_close(store);
    open_store();
    assert_loads();
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("past tables");
    TCase *t = tcase_create("past");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, past_tables);
    tcase_add_test(t, revision_0_is_empty);
    tcase_add_test(t, kept_by_number);
    tcase_add_test(t, kept_by_age);
    tcase_add_test(t, not_for_every_change);
    tcase_add_test(t, jump_ahead);
    tcase_add_test(t, big_base);
    tcase_add_test(t, several_at_once);
    tcase_add_test(t, damaged_change);
    tcase_add_test(t, table_id);
    tcase_add_test(t, format_1);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
