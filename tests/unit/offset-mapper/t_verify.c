/*
 * The verdicts: letters for logs, one row for each thing that can be the case;
 * then the sampler over two of librdkafka's mock clusters, with syncs that are
 * right and syncs that lie.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/log.h"
#include "offset-mapper/verify.h"
#include "tests/support/support.h"
#include "tests/unit/offset-mapper/kafka_world.h"

/* ---- verdicts --------------------------------------------------------------- */

/* As in t_content.c: the same letter is the same record, '.' is no record. */
static size_t
prints_of(const char *text, struct po_print *v)
{
    size_t n = 0;
    for (int64_t i = 0; text[i]; i++)
        if (text[i] != '.')
            po_print_make(&v[n++], i, 1000 + text[i], "k", 1, &text[i], 1);
    return n;
}

static const struct {
    const char *here;
    int64_t q;
    const char *there;
    enum po_quality quality;
    int64_t position, low, high;
    enum judge_verdict verdict;
    int64_t right_low, right_high, reread;
} cases[] = {
    {"abcdef", 3, "abcdef", PO_EXACT, 3, 3, 3, JUDGE_RIGHT, 3, 3, 0},
    {"abcdef", 3, "??abcdef", PO_EXACT, 5, 5, 5, JUDGE_RIGHT, 5, 5, 0},
    {"abcdef", 3, "abcdef", PO_EXACT, 4, 4, 4, JUDGE_PAST, 3, 3, 0},
    {"abcdef", 3, "abcdef", PO_EXACT, 2, 2, 2, JUDGE_LOW, 3, 3, 1},
    /* markers: each of the offsets up to the next record is right */
    {"abcdef", 3, "a.b.c.d.", PO_EXACT, 5, 5, 5, JUDGE_RIGHT, 5, 6, 0},
    {"abcdef", 3, "a.b.c.d.", PO_EXACT, 6, 6, 6, JUDGE_RIGHT, 5, 6, 0},
    {"abcdef", 3, "a.b.c.d.", PO_EXACT, 7, 7, 7, JUDGE_PAST, 5, 6, 0},
    {"abcdef", 3, "a.b.c.d.", PO_EXACT, 4, 4, 4, JUDGE_LOW, 5, 6, 1},
    /* the source has holes: q is none of its records */
    {"abc...d", 5, "abcd", PO_EXACT, 3, 3, 3, JUDGE_RIGHT, 3, 3, 0},
    {"abc...d", 5, "abcd", PO_EXACT, 4, 4, 4, JUDGE_PAST, 3, 3, 0},
    /* bounds */
    {"abcdef", 4, "abcdef", PO_BOUNDED, 1, 1, 5, JUDGE_RIGHT, 4, 4, 3},
    {"abcdef", 4, "abcdef", PO_BOUNDED, 1, 1, 3, JUDGE_OUTSIDE, 4, 4, 3},
    {"abcdef", 4, "abcdef", PO_BOUNDED, 5, 5, 6, JUDGE_PAST, 4, 4, 0},
    {"abcdef", 4, "abcdef", PO_BOUNDED, 1, 1, -1, JUDGE_RIGHT, 4, 4, 3},
    /* on its way */
    {"abcdef", 5, "abc", PO_AHEAD, 3, 1, 3, JUDGE_RIGHT, 3, 3, 0},
    {"abcdef", 5, "abc", PO_AHEAD, 2, 2, 3, JUDGE_RIGHT, 3, 3, 1},
    {"abcdef", 5, "abc", PO_EXACT, 2, 2, 2, JUDGE_LOW, 3, 3, 1},
    {"abcdef", 5, "abc", PO_AHEAD, 4, 4, 4, JUDGE_PAST, 3, 3, 0},
    {"abcdef", 4, "abcdef", PO_AHEAD, 3, 3, 3, JUDGE_RIGHT, 4, 4, 1},
    /* copied twice: wrong is only what is wrong for both copies */
    {"abcdef", 3, "abcabcdef", PO_EXACT, 3, 3, 3, JUDGE_RIGHT, 3, 6, 0},
    {"abcdef", 3, "abcabcdef", PO_EXACT, 6, 6, 6, JUDGE_RIGHT, 3, 6, 0},
    {"abcdef", 3, "abcabcdef", PO_EXACT, 7, 7, 7, JUDGE_PAST, 3, 6, 0},
    {"abcdef", 3, "abcabcdef", PO_EXACT, 2, 2, 2, JUDGE_LOW, 3, 6, 1},
    /* a second copy that begins at q, or before it: all from there is met */
    {"abcdef", 3, "abcddef", PO_EXACT, 3, 3, 3, JUDGE_RIGHT, 3, 4, 0},
    {"abcdef", 3, "abcddef", PO_EXACT, 4, 4, 4, JUDGE_RIGHT, 3, 4, 0},
    {"abcdef", 3, "abcddef", PO_EXACT, 5, 5, 5, JUDGE_PAST, 3, 4, 0},
    {"abcdef", 2, "abcdbcdef", PO_EXACT, 5, 5, 5, JUDGE_RIGHT, 2, 5, 0},
    {"abcdef", 2, "abcdbcdef", PO_EXACT, 6, 6, 6, JUDGE_PAST, 2, 5, 0},
    /* it begins behind q: q stands before it only */
    {"abcdef", 2, "abcddef", PO_EXACT, 3, 3, 3, JUDGE_PAST, 2, 2, 0},
    /* it has not come as far as the first one, whose e is needed */
    {"abcdef", 3, "abcded", PO_BOUNDED, 3, 3, 5, JUDGE_RIGHT, 3, 4, 0},
    {"abcdef", 3, "abcded", PO_EXACT, 5, 5, 5, JUDGE_PAST, 3, 4, 0},
    /* q itself is compacted away on the target */
    {"abcdef", 3, "abc.ef", PO_EXACT, 4, 4, 4, JUDGE_RIGHT, 3, 4, 0},
    {"abcdef", 3, "abc.ef", PO_EXACT, 5, 5, 5, JUDGE_PAST, 3, 4, 0},
    /* all alike */
    {"aaaaaa", 3, "aaaaaa", PO_EXACT, 3, 3, 3, JUDGE_RIGHT, 1, 6, 0},
    /* others wrote in between */
    {"abcd", 3, "a?b?c??d", PO_EXACT, 6, 6, 6, JUDGE_RIGHT, 5, 7, 0},
    /* compacted away, or deleted: nothing is known */
    {"abcdef", 3, "..", PO_EXACT, 1, 1, 1, JUDGE_UNDECIDED, -1, -1, 0},
    {"abcdef", 3, "ab.def", PO_EXACT, 3, 3, 3, JUDGE_UNDECIDED, -1, -1, 0},
    {"abcdef", 0, "abcdef", PO_EXACT, 0, 0, 0, JUDGE_UNDECIDED, -1, -1, 0},
    /* it led somewhere else */
    {"abcdef", 3, "uvwxyz", PO_EXACT, 3, 3, 3, JUDGE_MISSING, -1, -1, 0},
    {"abcdef", 3, "uvwxyz", PO_BOUNDED, 3, 3, 4, JUDGE_UNDECIDED, -1, -1, 0},
};

START_TEST(verdicts)
{
    struct po_print here[64], there[64];
    const struct content_window w = {.low = 0,
                                     .end = (int64_t)strlen(cases[_i].there),
                                     .at_end = true,
                                     .v = there,
                                     .n = prints_of(cases[_i].there, there)};
    const struct judge_case c = {.q = cases[_i].q,
                                 .here = here,
                                 .n_here = prints_of(cases[_i].here, here),
                                 .there = &w,
                                 .quality = cases[_i].quality,
                                 .position = cases[_i].position,
                                 .low = cases[_i].low,
                                 .high = cases[_i].high};
    struct judge_result r;
    judge(&c, &r);
    ck_assert_msg(
        r.verdict == cases[_i].verdict && r.right_low == cases[_i].right_low &&
            r.right_high == cases[_i].right_high &&
            r.reread == cases[_i].reread,
        "%s before %lld in %s, answered %lld: %s, right %lld to "
        "%lld, %lld again",
        cases[_i].here, (long long)cases[_i].q, cases[_i].there,
        (long long)cases[_i].position, judge_verdict_text(r.verdict),
        (long long)r.right_low, (long long)r.right_high, (long long)r.reread);
}
END_TEST

/* ---- a MirrorMaker 2 that crashes -------------------------------------------- */

#define COPIED   20
#define CRASHES  3
#define WORLDS   500
#define LOG_ROOM (COPIED * (CRASHES + 1))

/* Record i of the source, at `offset`. */
static void
numbered_print(struct po_print *print, int64_t offset, int i)
{
    po_print_make(print, offset, 1000 + i, "k", 1, &i, sizeof(i));
}

/* From 0 to `most`. */
static int
draw(unsigned *seed, int most)
{
    return rand_r(seed) % (most + 1);
}

/* Goes on to `until` each time, then back to somewhere; at last to the end.
 * Which records stand on the target. */
static size_t
crashing_copies(unsigned *seed, int *copies)
{
    size_t n = 0;
    for (int crash = 0, from = 0, until = 0; crash <= CRASHES; crash++) {
        until += draw(seed, COPIED - until);
        if (crash == CRASHES)
            until = COPIED;
        for (int i = from; i < until; i++)
            copies[n++] = i;
        from = until - draw(seed, until);
    }
    return n;
}

/* The greatest position from where all records from q on are met. */
static int64_t
last_right_of(const int *copies, size_t n, int q)
{
    bool met[COPIED] = {false};
    int missing = COPIED - q;
    size_t at = n;
    while (missing > 0) {
        const int i = copies[--at];
        missing -= i >= q && !met[i];
        met[i] = true;
    }
    return (int64_t)at;
}

static struct judge_result
judge_exact(struct judge_case *c, int64_t position)
{
    struct judge_result r;
    c->quality = PO_EXACT;
    c->position = c->low = c->high = position;
    judge(c, &r);
    return r;
}

static void
judge_a_world(unsigned seed)
{
    const unsigned name = seed;
    int copies[LOG_ROOM];
    struct po_print here[COPIED], there[LOG_ROOM];
    const size_t n = crashing_copies(&seed, copies);
    for (int i = 0; i < COPIED; i++)
        numbered_print(&here[i], i, i);
    for (size_t i = 0; i < n; i++)
        numbered_print(&there[i], (int64_t)i, copies[i]);
    const struct content_window w = {
        .end = (int64_t)n, .at_end = true, .v = there, .n = n};
    for (int q = 1; q <= COPIED; q++) {
        const int64_t right = last_right_of(copies, n, q);
        struct judge_case c = {
            .q = q, .here = here, .n_here = COPIED, .there = &w};
        const struct judge_result r = judge_exact(&c, right);
        ck_assert_msg(r.verdict == JUDGE_RIGHT && r.right_high == right,
                      "seed %u, before %d: %lld is %s, right up to %lld", name,
                      q, (long long)right, judge_verdict_text(r.verdict),
                      (long long)r.right_high);
        ck_assert_int_eq(judge_exact(&c, right + 1).verdict, JUDGE_PAST);
    }
}

START_TEST(nothing_is_skipped_in_second_copies)
{
    for (unsigned seed = 1; seed <= WORLDS; seed++)
        judge_a_world(seed);
}
END_TEST

/* ---- two clusters ------------------------------------------------------------ */

#define RECORDS    300
#define FOREIGN    7 /* records of others on the target, before the copies */
#define TIMEOUT_MS 20000

static struct kafka_world a, b;
static struct config config;
static struct tmpdir dir;
static struct store *store;
static struct logs *logs;
static struct content *content;
static struct loop *loop;
static struct verify *verify;
static int alerts;
static char last_alert[1024];

static void
count_alerts(enum log_level level, const char *line)
{
    if (level != LOG_ERROR || !strstr(line, "WRONG ANSWER"))
        return;
    alerts++;
    (void)snprintf(last_alert, sizeof(last_alert), "%s", line);
}

static void
world_up(const char *b_bootstrap, int64_t interval_ms)
{
    char json[1024];
    struct err err = {0};
    (void)snprintf(json, sizeof(json),
                   "{\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":"
                   "\"%s\"},{\"name\":\"b\",\"bootstrap.servers\":\"%s\"}],"
                   "\"flows\":[{\"source\":\"a\",\"target\":\"b\"}]}",
                   a.bootstrap, b_bootstrap);
    ck_assert_int_eq(config_parse(json, strlen(json), &config, &err), 0);
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_msg(store_open(tmpdir_file(&dir, "store"), &store, &err) == 0,
                  "%s", err.text);
    ck_assert_int_eq(logs_start(&config, &logs, &err), 0);
    content = content_new(&config);
    const struct verify_parts parts = {&config, store, content,
                                       logs,    loop,  NULL};
    verify = verify_new(&parts, interval_ms);
}

static void
world_gone(void)
{
    verify_stop(verify);
    content_stop(content);
    logs_stop(logs);
    while (loop_drain(loop))
        ;
    verify_free(verify);
    content_free(content);
    loop_free(loop);
    logs_free(logs);
    store_close(store);
    config_fini(&config);
}

static void
setup(void)
{
    log_set_sink(count_alerts);
    tmpdir_make(&dir);
    kafka_up(&a);
    kafka_up(&b);
    kafka_topic(&a, "orders", 1);
    kafka_topic(&b, "a.orders", 1);
}

static void
teardown(void)
{
    world_gone();
    kafka_gone(&a);
    kafka_gone(&b);
    tmpdir_remove(&dir);
}

static void
record(struct kafka_world *k, const char *topic, int i, bool alike)
{
    char key[32], value[32];
    (void)snprintf(key, sizeof(key), "key-%d", i);
    (void)snprintf(value, sizeof(value), "value-%d", i);
    const struct kafka_record r = {alike ? 5 : 1000 + i,
                                   alike || i % 3 == 0 ? NULL : key,
                                   alike || i % 5 == 0 ? NULL : value};
    kafka_send(k, topic, 0, &r);
}

static void
fill(bool alike)
{
    for (int i = 0; i < FOREIGN; i++)
        record(&b, "a.orders", 100000 + i, false);
    for (int i = 0; i < RECORDS; i++) {
        record(&a, "orders", i, alike);
        record(&b, "a.orders", i, alike);
    }
    kafka_flush(&a);
    kafka_flush(&b);
}

static void
sync_at(int64_t up, int64_t down)
{
    struct store_batch *batch;
    struct store_progress p = {0};
    enum runs_change change;
    const struct store_part part = {"a->b", "orders", 0};
    ck_assert_int_eq(store_batch_begin(store, &batch, NULL), 0);
    ck_assert_int_eq(
        store_batch_sync(batch, &part, up, down, 1, &p, &change, NULL), 0);
    ck_assert_int_eq(store_batch_commit_take(batch, "a->b", "x", &p, NULL), 0);
}

static struct verify_tally seen; /* numbers only */

static void
on_tally(void *arg, const struct verify_tally *t)
{
    (void)arg;
    seen = *t;
    loop_stop(loop);
}

static const struct verify_tally *
look_at(int64_t samples)
{
    ck_assert_int_eq(
        verify_run(verify, "a->b", samples, TIMEOUT_MS, on_tally, NULL, NULL),
        0);
    loop_run(loop);
    return &seen;
}

START_TEST(right_answers)
{
    fill(_i == 1);
    world_up(b.bootstrap, 0);
    sync_at(0, FOREIGN);
    sync_at(RECORDS - 1, FOREIGN + RECORDS - 1);
    const struct verify_tally *t = look_at(60);
    ck_assert_msg(t->unread == 0, "%s", t->error);
    ck_assert_int_eq(t->samples, 60);
    ck_assert_int_eq(t->by_quality[PO_EXACT], 60);
    ck_assert_int_eq(t->by_verdict[JUDGE_RIGHT], 60);
    ck_assert_int_eq(t->exact_right, 60);
    ck_assert_int_eq(t->reread, 0);
    ck_assert_int_eq(alerts, 0);
    ck_assert(tally_exact_share(t) == 1);
    ck_assert_int_eq(verify_tally(verify, "a->b")->samples, 60);
}
END_TEST

/* The sync in the middle is missing: between, answers are bounded. */
START_TEST(bounded_answers)
{
    fill(false);
    for (int i = RECORDS; i < RECORDS + 50; i++) {
        record(&a, "orders", i, false);
        record(&b, "a.orders", i, false);
    }
    kafka_flush(&a);
    kafka_flush(&b);
    world_up(b.bootstrap, 0);
    sync_at(0, FOREIGN);
    const struct verify_tally *t = look_at(40);
    ck_assert_msg(t->unread == 0, "%s", t->error);
    ck_assert_int_eq(t->by_verdict[JUDGE_RIGHT], 40);
    ck_assert_int_gt(t->by_quality[PO_BOUNDED], 30);
    ck_assert_int_gt(t->reread, 1000);
    ck_assert_int_eq(alerts, 0);
}
END_TEST

static const struct {
    int64_t down;
    enum judge_verdict verdict;
    const char *words;
} lies[] = {
    {FOREIGN + 3, JUDGE_PAST, "SKIPS"},
    {FOREIGN - 3, JUDGE_LOW, "read again"},
    {FOREIGN + 20000, JUDGE_UNDECIDED, NULL}, /* nothing there at all */
};

START_TEST(wrong_answers)
{
    fill(false);
    world_up(b.bootstrap, 0);
    sync_at(0, lies[_i].down);
    sync_at(RECORDS - 10, lies[_i].down + RECORDS - 10);
    const struct verify_tally *t = look_at(8);
    if (lies[_i].verdict == JUDGE_UNDECIDED) {
        ck_assert_int_eq(t->by_verdict[JUDGE_RIGHT], 0);
        return;
    }
    ck_assert_msg(t->unread == 0, "%s", t->error);
    ck_assert_int_ge(t->by_verdict[lies[_i].verdict], 5);
    ck_assert_int_eq(tally_disagreements(t), alerts);
    ck_assert_msg(strstr(last_alert, lies[_i].words) &&
                      strstr(last_alert, "flow a->b") &&
                      strstr(last_alert, "orders [0] offset "),
                  "%s", last_alert);
    const struct verify_tally *all = verify_tally(verify, "a->b");
    ck_assert_uint_eq(all->n_wrong, (size_t)alerts);
    struct json_t *j = tally_encode(all, "a->b");
    ck_assert_ptr_nonnull(j);
    js_free(j);
}
END_TEST

/* The target has 20,000 records of others where the answers lead. */
START_TEST(answers_that_lead_elsewhere)
{
    fill(false);
    for (int i = 0; i < 5000; i++)
        record(&b, "a.orders", 200000 + i, false);
    kafka_flush(&b);
    world_up(b.bootstrap, 0);
    sync_at(0, FOREIGN + RECORDS + 3000);
    sync_at(RECORDS - 1, FOREIGN + 2 * RECORDS + 2999);
    const struct verify_tally *t = look_at(4);
    ck_assert_msg(t->unread == 0, "%s", t->error);
    ck_assert_int_eq(t->by_verdict[JUDGE_MISSING], 4);
    ck_assert_int_eq(alerts, 4);
}
END_TEST

START_TEST(dead_target)
{
    char nobody[64];
    (void)snprintf(nobody, sizeof(nobody), "127.0.0.1:%d", free_port());
    fill(false);
    world_up(nobody, 0);
    sync_at(0, FOREIGN);
    sync_at(RECORDS - 1, FOREIGN + RECORDS - 1);
    const struct verify_tally *t = look_at(5);
    ck_assert_int_eq(t->samples, 5);
    ck_assert_int_eq(t->unread, 5);
    ck_assert_ptr_nonnull(strstr(t->error, "a.orders [0] on cluster b"));
}
END_TEST

START_TEST(nothing_to_look_at)
{
    world_up(b.bootstrap, 0);
    const struct verify_tally *t = look_at(1000);
    ck_assert_int_eq(t->samples, 0);
    ck_assert_ptr_nonnull(strstr(t->error, "no sync"));
    struct err err = {0};
    ck_assert_int_eq(verify_run(verify, "b->a", 1, 1, on_tally, NULL, &err),
                     ERR_NOTFOUND);
    ck_assert_str_eq(err.field, "flow");
}
END_TEST

static void
check_tally(void *arg)
{
    const struct verify_tally *t = arg;
    if (t->samples >= 3)
        loop_stop(loop);
}

START_TEST(samples_by_itself)
{
    fill(false);
    world_up(b.bootstrap, 20);
    sync_at(0, FOREIGN);
    sync_at(RECORDS - 1, FOREIGN + RECORDS - 1);
    const struct verify_tally *t = verify_tally(verify, "a->b");
    struct loop_timer *timer =
        loop_timer_new(loop, 20, check_tally, (void *)(uintptr_t)t);
    loop_run(loop);
    loop_timer_free(timer);
    ck_assert_int_ge(t->by_verdict[JUDGE_RIGHT], 3);
}
END_TEST

static void
stop_loop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* What is under way when the mapper stops comes to its end: samples that wait
 * to be looked at again (0), and that are being read (1). */
START_TEST(stops_in_the_middle)
{
    fill(false);
    world_up(b.bootstrap, 0);
    sync_at(0, FOREIGN + (_i == 0 ? 3 : 0));
    sync_at(RECORDS - 1, FOREIGN + RECORDS - 1 + (_i == 0 ? 3 : 0));
    seen.samples = -1;
    ck_assert_int_eq(
        verify_run(verify, "a->b", 100000, TIMEOUT_MS, on_tally, NULL, NULL),
        0);
    struct loop_timer *timer = loop_timer_new(loop, 500, stop_loop, NULL);
    loop_run(loop);
    loop_timer_free(timer);
    ck_assert_int_eq(seen.samples, -1);
    verify_stop(verify);
    content_stop(content);
    logs_stop(logs);
    while (loop_drain(loop))
        ;
    ck_assert_int_gt(seen.samples, 0);
    ck_assert_int_gt(seen.unread, 0);
    ck_assert_int_lt(seen.samples, 100000);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("verify");
    TCase *judged = tcase_create("verdicts");
    tcase_add_loop_test(judged, verdicts, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(judged, nothing_is_skipped_in_second_copies);
    suite_add_tcase(s, judged);
    TCase *tc = tcase_create("sampler");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, right_answers, 0, 2);
    tcase_add_test(tc, bounded_answers);
    tcase_add_loop_test(tc, wrong_answers, 0, sizeof(lies) / sizeof(lies[0]));
    tcase_add_test(tc, answers_that_lead_elsewhere);
    tcase_add_test(tc, dead_target);
    tcase_add_test(tc, nothing_to_look_at);
    tcase_add_test(tc, samples_by_itself);
    tcase_add_loop_test(tc, stops_in_the_middle, 0, 2);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
