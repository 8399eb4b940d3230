/*
 * Made-up logs in a temporary folder, and the verdict over them.  Each test program
 * has its own; one test at a time.
 */
#ifndef TEST_LEDGER_MADE_H
#define TEST_LEDGER_MADE_H

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/strs.h"
#include "tests/support/support.h"
#include "tests/tools/ledger/book.h"
#include "tests/tools/ledger/judge.h"
#include "tests/tools/ledger/report.h"

enum { KEYS = 3, N = 30 };

struct made {
    struct tmpdir dir;
    FILE *w, *r1, *r2, *dump;
    struct book book;
    struct verdict verdict;
    struct strlist dead, group;
    struct err err;
};

static struct made m;

static inline FILE *
new_log(const char *name)
{
    FILE *f = fopen(tmpdir_file(&m.dir, name), "w");
    ck_assert_ptr_nonnull(f);
    return f;
}

static inline void
set_up(void)
{
    m = (struct made){0};
    tmpdir_make(&m.dir);
    m.w = new_log("w");
    m.r1 = new_log("r1");
    m.r2 = new_log("r2");
    m.dump = new_log("dump");
    (void)fputs("B 1 1 writer w1 orders 3\n", m.w);
    (void)fputs("B 1 1 reader r1 g orders\n", m.r1);
    (void)fputs("B 1 1 reader r2 g orders\n", m.r2);
    (void)fputs("B 1 1 dump b\n", m.dump);
}

static inline void
tear_down(void)
{
    verdict_fini(&m.verdict);
    book_fini(&m.book);
    strlist_fini(&m.dead);
    strlist_fini(&m.group);
    tmpdir_remove(&m.dir);
}

/* Record i has key i % KEYS and stands in partition key of `orders` on a at
 * offset i / KEYS; times are i ms. */
static inline void
put_written(int i)
{
    (void)fprintf(m.w, "W %d 0 %d %d %d\n", i * 1000, i % KEYS, i / KEYS, i);
}

static inline void
put_acked(int i, const char *cluster)
{
    (void)fprintf(m.w, "A %d 0 %d %d %d %s orders %d %d\n", i * 1000 + 100,
                  i % KEYS, i / KEYS, i, cluster, i % KEYS, i / KEYS);
}

static inline void
put_read_at(FILE *f, int ms, const char *cluster, const char *topic, int offset,
            int i)
{
    (void)fprintf(f, "R %d 0 %s %s %d %d w1 %d %d %d\n", ms * 1000 + 500,
                  cluster, topic, i % KEYS, offset, i % KEYS, i / KEYS, i);
}

static inline void
put_read(FILE *f, int ms, int i)
{
    put_read_at(f, ms, "a", "orders", i / KEYS, i);
}

static inline void
put_dumped(const char *topic, int offset, int i)
{
    (void)fprintf(m.dump, "D 1 1 %s %d %d w1 %d %d %d\n", topic, i % KEYS,
                  offset, i % KEYS, i / KEYS, i);
}

static inline void
put_ranges(const char *topic, int high)
{
    for (int p = 0; p < KEYS; p++)
        (void)fprintf(m.dump, "P 1 1 %s %d 0 %d\n", topic, p, high);
}

static inline void
write_all(void)
{
    for (int i = 0; i < N; i++) {
        put_written(i);
        put_acked(i, "a");
    }
}

static inline FILE *
reader_of(int i)
{
    return i % KEYS == 0 ? m.r1 : m.r2;
}

static inline void
read_all_but(int left_out)
{
    for (int i = 0; i < N; i++)
        if (i != left_out)
            put_read(reader_of(i), i, i);
}

static inline void
close_logs(void)
{
    FILE *const all[] = {m.w, m.r1, m.r2, m.dump};
    for (size_t i = 0; i < 4; i++)
        (void)fclose(all[i]);
}

static inline int
load(int with_dump)
{
    book_init(&m.book);
    int rc = book_load_writer(&m.book, tmpdir_file(&m.dir, "w"), &m.err);
    if (rc == 0)
        rc = book_load_reader(&m.book, tmpdir_file(&m.dir, "r1"), &m.err);
    if (rc == 0)
        rc = book_load_reader(&m.book, tmpdir_file(&m.dir, "r2"), &m.err);
    if (rc == 0 && with_dump)
        rc = book_load_dump(&m.book, tmpdir_file(&m.dir, "dump"), &m.err);
    return rc;
}

static inline int
try_judge(void)
{
    const struct judge_conf conf = {.dead = &m.dead, .group = &m.group};
    return judge(&m.book, &conf, &m.verdict, &m.err);
}

static inline struct verdict *
judged(int with_dump)
{
    close_logs();
    const int rc = load(with_dump);
    ck_assert_msg(rc == 0, "%s", m.err.text);
    ck_assert_msg(try_judge() == 0, "%s", m.err.text);
    return &m.verdict;
}

static inline void
expect(const struct verdict *v, int64_t lost, int64_t read_twice,
       int64_t out_of_order)
{
    ck_assert_int_eq(v->lost, lost);
    ck_assert_int_eq(v->read_twice, read_twice);
    ck_assert_int_eq(v->out_of_order, out_of_order);
}

static inline TCase *
new_case(Suite *s, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(s, tc);
    return tc;
}

#endif
