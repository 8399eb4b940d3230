/*
 * verify-store: a store that was used hard is sound; each kind of damage that is
 * planted with LMDB itself is found, and named.
 */
#include <check.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "offset-mapper/block.h"
#include "offset-mapper/layout.h"
#include "offset-mapper/store.h"
#include "offset-mapper/store_verify.h"
#include "tests/support/support.h"

#define FLOW   "a->b"
#define SOURCE "syncs@a"
#define SYNCS  1000

static struct tmpdir dir;

static void
sync_all(struct store *s, const struct store_part *part, int64_t n)
{
    struct store_progress p = {0};
    struct store_batch *b;
    enum runs_change change;
    ck_assert_int_eq(store_batch_begin(s, &b, NULL), 0);
    for (int64_t i = 0; i < n; i++)
        ck_assert_int_eq(
            store_batch_sync(b, part, 3 * i, 2 * i, 0, &p, &change, NULL), 0);
    ck_assert_int_eq(store_batch_commit_take(b, FLOW, SOURCE, &p, NULL), 0);
}

static void
anew(struct store *s, const struct store_part *part)
{
    struct store_progress p = {0};
    struct store_batch *b;
    ck_assert_int_eq(store_batch_begin(s, &b, NULL), 0);
    ck_assert_int_eq(
        store_batch_incarnation(b, part, STORE_SOURCE_ANEW, 1, &p, NULL), 0);
    ck_assert_int_eq(store_batch_commit_take(b, FLOW, SOURCE, &p, NULL), 0);
}

/* Number 0 has four blocks; number 1 two, and the remains of an older life,
 * more than two commits delete. */
static void
setup(void)
{
    const struct store_part orders = {FLOW, "orders", 0};
    const struct store_part other = {FLOW, "other", 7};
    struct store *s;
    tmpdir_make(&dir);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &s, NULL), 0);
    sync_all(s, &orders, SYNCS);
    sync_all(s, &other, 600 * BLOCK_RUNS);
    anew(s, &other);
    sync_all(s, &other, BLOCK_RUNS + 1);
    store_close(s);
}

static void
teardown(void)
{
    tmpdir_remove(&dir);
}

struct heard {
    const char *wanted;
    bool has_wanted;
    char text[2048]; /* the first ones */
    size_t n;
};

static void
hear(const char *text, void *arg)
{
    struct heard *h = arg;
    const size_t len = strlen(h->text);
    h->has_wanted = h->has_wanted || (h->wanted && strstr(text, h->wanted));
    (void)snprintf(h->text + len, sizeof(h->text) - len, "%s\n", text);
    h->n++;
}

static struct store_report
verified(struct heard *h)
{
    struct store *s;
    struct store_report r;
    struct err err = {0};
    ck_assert_msg(store_open_read(tmpdir_file(&dir, "s"), &s, &err) == 0, "%s",
                  err.text);
    ck_assert_msg(store_verify(s, hear, h, &r, &err) == 0, "%s", err.text);
    store_close(s);
    ck_assert_uint_eq((size_t)r.faults, h->n);
    return r;
}

START_TEST(sound)
{
    struct heard h = {0};
    const struct store_report r = verified(&h);
    ck_assert_msg(h.n == 0, "%s", h.text);
    ck_assert_int_eq(r.flows, 1);
    ck_assert_int_eq(r.partitions, 2);
    ck_assert_int_eq(r.runs, SYNCS + BLOCK_RUNS + 1);
    ck_assert_int_eq(r.blocks, 4 + 2);
    ck_assert_int_eq(r.old_blocks, 600 - 2 * 256);
}
END_TEST

/* ---- damage ----------------------------------------------------------- */

static MDB_env *env;
static MDB_txn *txn;
static MDB_dbi dbi;

static void
begin(void)
{
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(
        mdb_env_open(env, tmpdir_file(&dir, "s/offset.lmdb"), MDB_NOSUBDIR, 0),
        0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
}

static void
end(void)
{
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static MDB_val
val(const struct key *k)
{
    return (MDB_val){k->len, (void *)(uintptr_t)k->bytes};
}

static void
put(const struct key *k, const void *data, size_t len)
{
    MDB_val key = val(k), value = {len, (void *)(uintptr_t)data};
    ck_assert_int_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
}

static void
del(const struct key *k)
{
    MDB_val key = val(k);
    ck_assert_int_eq(mdb_del(txn, dbi, &key, NULL), 0);
}

/* Changes one byte of a value, from the end when `at` is negative. */
static void
flip(const struct key *k, int at)
{
    uint8_t bytes[BLOCK_MAX_BYTES];
    MDB_val key = val(k), value;
    ck_assert_int_eq(mdb_get(txn, dbi, &key, &value), 0);
    const size_t len = value.mv_size;
    memcpy(bytes, value.mv_data, len);
    bytes[at < 0 ? len - (size_t)-at : (size_t)at] ^= 1;
    put(k, bytes, len);
}

static const struct life now0 = {0, 1}, now1 = {1, 2}, old1 = {1, 1};

static struct key
block_key(struct life life, int64_t block)
{
    struct key k;
    key_block(&k, 'r', life, block * BLOCK_RUNS * 3);
    return k;
}

static struct key
down_key(struct life life, int64_t block)
{
    struct key k;
    key_block(&k, 'd', life, block * BLOCK_RUNS * 2);
    return k;
}

static struct key
pid_key(char kind, uint32_t pid)
{
    struct key k;
    key_pid(&k, kind, pid);
    return k;
}

static struct key
life_key(struct life life)
{
    struct key k;
    key_life(&k, 'x', life);
    return k;
}

static struct key
name_key(const char *topic, int32_t partition)
{
    struct key k;
    const struct store_part part = {FLOW, topic, partition};
    ck_assert_int_eq(key_name(&k, &part), 0);
    return k;
}

static void
flip_check(void)
{
    const struct key k = block_key(now0, 1);
    flip(&k, 2);
}

static void
flip_length(void)
{
    const struct key k = block_key(now0, 1);
    flip(&k, -1);
}

static void
flip_version(void)
{
    const struct key k = block_key(now0, 1);
    flip(&k, 0);
}

static void
lose_block(void)
{
    const struct key k = block_key(now0, 1);
    del(&k);
}

static void
lose_last_block(void)
{
    const struct key k = block_key(now0, 3), d = down_key(now0, 3);
    del(&k);
    del(&d);
}

static void
lose_down(void)
{
    const struct key k = down_key(now0, 2);
    del(&k);
}

static void
wrong_down(void)
{
    const struct key k = down_key(now0, 2);
    const struct value v = value_up(0);
    put(&k, v.bytes, v.len);
}

static void
wrong_down_value(void)
{
    const struct key k = down_key(now0, 2);
    put(&k, "x", 1);
}

/* A block that begins in the middle of another, right in itself. */
static void
overlap(void)
{
    struct block_buf b = {0};
    struct key k;
    const struct run r = {BLOCK_RUNS * 3 + 1, BLOCK_RUNS * 2 + 1, 1};
    ck_assert(block_add(&b, &r));
    const size_t len = block_seal(&b);
    key_block(&k, 'r', now0, r.up);
    put(&k, b.bytes, len);
}

static void
future_block(void)
{
    struct block_buf b = {0};
    struct key k;
    const struct run r = {5, 5, 1};
    ck_assert(block_add(&b, &r));
    const size_t len = block_seal(&b);
    key_block(&k, 'r', (struct life){0, 9}, r.up);
    put(&k, b.bytes, len);
}

static void
nobodys_block(void)
{
    const struct key k = block_key((struct life){77, 1}, 0);
    put(&k, "x", 1);
}

static void
unmarked_life(void)
{
    const struct key k = life_key(old1);
    del(&k);
}

static void
marked_present(void)
{
    const struct key k = life_key(now1);
    const struct value v = value_nothing();
    put(&k, v.bytes, v.len);
}

static void
bad_mark(void)
{
    const struct key k = life_key(old1);
    put(&k, "yy", 2);
}

static void
lose_state(void)
{
    const struct key k = pid_key('s', 0);
    del(&k);
}

static void
flip_state(void)
{
    const struct key k = pid_key('s', 0);
    flip(&k, 0);
}

/* Its count, and then the offset of its newest run. */
static void
wrong_count(void)
{
    const struct key k = pid_key('s', 0);
    flip(&k, 14);
}

static void
wrong_newest(void)
{
    const struct key k = pid_key('s', 0);
    flip(&k, 7 + 8 * 3 + 7);
}

static void
lose_name(void)
{
    const struct key k = name_key("orders", 0);
    del(&k);
}

static void
same_number(void)
{
    const struct key k = name_key("third", 0);
    const struct value v = value_pid(1);
    put(&k, v.bytes, v.len);
}

static void
bad_name(void)
{
    const struct key k = name_key("orders", 0);
    put(&k, "z", 1);
}

static void
bad_progress(void)
{
    struct key k;
    ck_assert_int_eq(key_progress(&k, FLOW, SOURCE), 0);
    flip(&k, 0);
}

static void
negative_position(void)
{
    struct key k;
    const struct value v =
        value_progress(&(struct store_progress){.position = -4});
    ck_assert_int_eq(key_progress(&k, FLOW, SOURCE), 0);
    put(&k, v.bytes, v.len);
}

static void
bad_progress_key(void)
{
    const struct key k = {.bytes = "p\xff", .len = 2};
    const struct value v = value_progress(&(struct store_progress){0});
    put(&k, v.bytes, v.len);
}

static void
foreign_key(void)
{
    const struct key k = {.bytes = "Zebra", .len = 5};
    put(&k, "stripes", 7);
}

static void
bad_block_key(void)
{
    const struct key k = {.bytes = "rx", .len = 2};
    put(&k, "y", 1);
}

static void
bad_down_key(void)
{
    const struct key k = {.bytes = "dx", .len = 2};
    put(&k, "y", 1);
}

static void
bad_checkpoint(void)
{
    const struct key k = {.bytes = "cx", .len = 2};
    put(&k, "y", 1);
}

static void
bad_format(void)
{
    struct key k;
    key_kind(&k, 'f');
    const struct key more = {.bytes = "fx", .len = 2};
    const struct value v = value_format();
    put(&more, v.bytes, v.len);
}

static const struct {
    void (*plant)(void);
    const char *said;
} damages[] = {
    {flip_check, "a->b orders [0]: the block at 762: its check is wrong"},
    {flip_length, "the block at 762: its check is wrong"},
    {flip_version, "the block at 762: it cannot be read"},
    {lose_block, "target offset 508 leads to a block at 762, which is not"},
    {lose_last_block, "it has 762 runs, its state says 1000"},
    {lose_down, "the block at 1524 is not found by its target offset 1016"},
    {wrong_down, "target offset 1016 leads to the block at 0, and not to that"},
    {wrong_down_value, "target offset 1016: its value cannot be read"},
    {overlap, "the block at 763 overlaps the one before it"},
    {future_block, "a block is of incarnation 9, the present one is 1"},
    {nobodys_block, "a block: of number 77, which no partition has"},
    {unmarked_life, "a block is of the old incarnation 1, which is not marked"},
    {marked_present, "incarnation 2 is marked for deletion, the present one"},
    {bad_mark, "an old incarnation (key 780000000100000001): cannot be read"},
    {lose_state, "a->b orders [0]: it has no state"},
    {flip_state, "a->b orders [0]: its state cannot be read"},
    {wrong_count, "it has 1000 runs, its state says"},
    {wrong_newest, "its newest run is at 2997, its state says"},
    {lose_name, "number 0 was given to no partition"},
    {same_number, "have the same number 1"},
    {bad_name, "name of a partition (key 6e"},
    {bad_progress, "position of a flow (key 70"},
    {negative_position, "position of a flow (key 70"},
    {bad_progress_key, "position of a flow (key 70ff): whose"},
    {foreign_key, "key 5a65627261: nothing that this program keeps"},
    {bad_block_key, "a block (key 7278): its key cannot be read"},
    {bad_down_key, "a target offset (key 6478): its key cannot be read"},
    {bad_checkpoint, "checkpoint of a group (key 6378): cannot be read"},
    {bad_format, "the format cannot be read"},
};

#define DAMAGES ((int)(sizeof(damages) / sizeof(damages[0])))

START_TEST(damaged)
{
    struct heard h = {.wanted = damages[_i].said};
    begin();
    damages[_i].plant();
    end();
    (void)verified(&h);
    ck_assert_msg(h.has_wanted, "\"%s\" is not in:\n%s", h.wanted, h.text);
    ck_assert_uint_le(h.n, 600);
}
END_TEST

START_TEST(cut_short)
{
    struct store *s;
    struct stat st;
    struct err err;
    const char *path = tmpdir_file(&dir, "s/offset.lmdb");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(truncate(path, 8 * 4096), 0);
    ck_assert_int_eq(store_open_read(tmpdir_file(&dir, "s"), &s, &err),
                     ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "is cut short: it has 8 pages of"));
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &s, &err), ERR_CORRUPT);
}
END_TEST

START_TEST(nothing_there)
{
    struct store *s;
    struct err err;
    ck_assert_int_eq(store_open_read(tmpdir_file(&dir, "none"), &s, &err),
                     ERR_NOTFOUND);
    ck_assert_int_ne(access(tmpdir_file(&dir, "none"), F_OK), 0);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mapper verify-store");
    TCase *t = tcase_create("verify");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, sound);
    tcase_add_loop_test(t, damaged, 0, DAMAGES);
    tcase_add_test(t, cut_short);
    tcase_add_test(t, nothing_there);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
