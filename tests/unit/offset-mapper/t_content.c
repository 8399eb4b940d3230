/*
 * Which record of a window is the copy: made-up windows, one for each thing
 * that happens to logs; then windows read from librdkafka's mock cluster, and
 * what comes back when that is not possible.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "offset-mapper/content.h"
#include "tests/support/support.h"
#include "tests/unit/offset-mapper/kafka_world.h"

/* ---- made-up windows ------------------------------------------------------ */

/* A letter is a record, the same letter the same content; '.' is an offset
 * where none is seen (a marker, an aborted record, compacted away). */
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
    const char *log;       /* offset 0 is the first letter */
    int64_t low, high;     /* candidates */
    const char *processed; /* the last letter is the record looked for */
    enum content_kind kind;
    int64_t first, last;
} finds[] = {
    /* plain */
    {"abcdef", 0, 6, "d", CONTENT_UNIQUE, 3, 3},
    {"abcdef", 2, 6, "bcd", CONTENT_UNIQUE, 3, 3},
    {"abcdef", 0, 3, "d", CONTENT_NONE, -1, -1},
    {"abcdef", 4, 6, "d", CONTENT_NONE, -1, -1},
    /* under transactions: a marker after each record, an aborted copy */
    {"a.b.c.d.", 0, 8, "c", CONTENT_UNIQUE, 4, 4},
    {"a.b.c.d.", 2, 8, "abc", CONTENT_UNIQUE, 4, 4},
    {"ab...bcd.", 0, 9, "c", CONTENT_UNIQUE, 6, 6},
    /* values that repeat: alone they do not tell, neighbours do */
    {"xaaab", 0, 5, "a", CONTENT_MANY, 1, 3},
    {"xaaab", 0, 5, "xa", CONTENT_UNIQUE, 1, 1},
    {"xaaab", 0, 5, "xaa", CONTENT_UNIQUE, 2, 2},
    {"xaaab", 0, 5, "xaaa", CONTENT_UNIQUE, 3, 3},
    {"xaaab", 0, 5, "aa", CONTENT_MANY, 2, 3},
    {"aaaaa", 0, 5, "aa", CONTENT_MANY, 0, 4},
    {"uavawa", 0, 6, "va", CONTENT_UNIQUE, 3, 3},
    /* others wrote between copies */
    {"x?a?b", 0, 5, "xab", CONTENT_UNIQUE, 4, 4},
    {"xa?aab", 0, 6, "xaa", CONTENT_MANY, 3, 4},
    /* copied twice after a crash: the first copy is safe, both are possible */
    {"abcabcd", 0, 7, "bc", CONTENT_MANY, 2, 5},
    {"abcabcd", 0, 7, "c", CONTENT_MANY, 2, 5},
    {"abcab", 0, 5, "bc", CONTENT_UNIQUE, 2, 2},
    /* a later one is backed, an earlier one only possible: not decided */
    {"x?abxab", 0, 7, "xa", CONTENT_MANY, 2, 5},
    /* the neighbours speak against the only one */
    {"..qz..a", 0, 7, "xa", CONTENT_MANY, -1, 6},
    /* deleted before it: nothing speaks against it */
    {"....ab", 4, 6, "xa", CONTENT_UNIQUE, 4, 4},
    /* it has not arrived: the log ends with a record before it */
    {"abc", 0, 3, "bcd", CONTENT_AHEAD, -1, -1},
    {"abc..", 0, 5, "bcd", CONTENT_AHEAD, -1, -1},
    {"abc", 0, 3, "abcdef", CONTENT_AHEAD, -1, -1},
    {"abc", 3, 3, "bcd", CONTENT_AHEAD, -1, -1},
    {"aaa", 0, 3, "xad", CONTENT_NONE, -1, -1},
    /* these may as well be compacted away or changed on their way */
    {"abc", 0, 3, "d", CONTENT_NONE, -1, -1},
    {"abcz", 0, 4, "bcd", CONTENT_NONE, -1, -1},
    {"", 0, 0, "bcd", CONTENT_NONE, -1, -1},
};

START_TEST(finds_the_copy)
{
    struct po_print log[64], processed[64];
    const size_t n_log = prints_of(finds[_i].log, log);
    const size_t n = prints_of(finds[_i].processed, processed);
    const struct match_window w = {
        .v = log,
        .n = n_log,
        .low = finds[_i].low,
        .high = finds[_i].high,
        .end = (int64_t)strlen(finds[_i].log),
        .at_end = true,
    };
    struct content_found found;
    match_find(&w, processed, n, &found);
    ck_assert_msg(
        found.kind == finds[_i].kind && found.first == finds[_i].first &&
            found.last == finds[_i].last,
        "%s in %s: kind %d, %lld to %lld", finds[_i].processed, finds[_i].log,
        (int)found.kind, (long long)found.first, (long long)found.last);
    ck_assert_int_eq(found.end, w.end);
    ck_assert(found.at_end);
}
END_TEST

/* The target's broker gives times of its own: a record may be taken for an
 * older one that has been compacted away.  Only its neighbour makes it sure. */
static const struct {
    const char *log, *processed;
    enum content_kind kind;
    int64_t first, last;
} untimed[] = {
    {"a", "a", CONTENT_MANY, -1, 0},      {"xa", "a", CONTENT_MANY, -1, 1},
    {"xa", "xa", CONTENT_UNIQUE, 1, 1},   {"x?a", "xa", CONTENT_MANY, -1, 2},
    {"a", "xa", CONTENT_MANY, -1, 0},     {"xa?a", "xa", CONTENT_UNIQUE, 1, 1},
    {"aba", "a", CONTENT_MANY, -1, 2},    {"xaxa", "xa", CONTENT_MANY, 1, 3},
    {"x?axa", "xa", CONTENT_MANY, -1, 4}, {"xb", "xa", CONTENT_NONE, -1, -1},
};

START_TEST(finds_without_times)
{
    struct po_print log[64], processed[64];
    const size_t n_log = prints_of(untimed[_i].log, log);
    const size_t n = prints_of(untimed[_i].processed, processed);
    const int64_t end = (int64_t)strlen(untimed[_i].log);
    for (size_t i = 0; i < n_log; i++) {
        log[i].append_time = true;
        log[i].timestamp_ms = 5;
    }
    const struct match_window w = {log, n_log, 0, end, end, false};
    struct content_found found;
    match_find(&w, processed, n, &found);
    ck_assert_msg(found.kind == untimed[_i].kind &&
                      found.first == untimed[_i].first &&
                      found.last == untimed[_i].last,
                  "%s in %s: kind %d, %lld to %lld", untimed[_i].processed,
                  untimed[_i].log, (int)found.kind, (long long)found.first,
                  (long long)found.last);
}
END_TEST

/* ---- the mock cluster ------------------------------------------------------ */

#define SHORT_MS 300

static struct kafka_world kafka;
static struct config config;
static struct loop *loop;
static struct content *content;
static const struct content_place orders = {"b", "a.orders", 0};

static void
quiet(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

static void
setup(void)
{
    char json[1024];
    struct err err;
    log_set_sink(quiet);
    kafka_up(&kafka);
    kafka_topic(&kafka, "a.orders", 4);
    /* Nobody listens on cluster a. */
    (void)snprintf(json, sizeof(json),
                   "{\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":"
                   "\"127.0.0.1:%d\"},{\"name\":\"b\",\"bootstrap.servers\":"
                   "\"%s\"}],\"flows\":[{\"source\":\"a\",\"target\":\"b\"}]}",
                   free_port(), kafka.bootstrap);
    ck_assert_int_eq(config_parse(json, strlen(json), &config, &err), 0);
    content = content_new(&config);
}

static void
teardown(void)
{
    content_free(content);
    if (loop)
        loop_free(loop);
    config_fini(&config);
    kafka_gone(&kafka);
}

/* Record `i`: its time, key and value tell it from others. */
static void
send_numbered(int32_t partition, int from, int to)
{
    for (int i = from; i < to; i++) {
        char key[32], value[32];
        (void)snprintf(key, sizeof(key), "key-%d", i);
        (void)snprintf(value, sizeof(value), "value-%d", i);
        const struct kafka_record r = {1700000000000 + i, key, value};
        kafka_send(&kafka, "a.orders", partition, &r);
    }
    kafka_flush(&kafka);
}

static struct po_print
numbered(int i)
{
    char key[32], value[32];
    (void)snprintf(key, sizeof(key), "key-%d", i);
    (void)snprintf(value, sizeof(value), "value-%d", i);
    struct po_print p;
    po_print_make(&p, 5000 + i, 1700000000000 + i, key, strlen(key), value,
                  strlen(value));
    return p;
}

/* What came back of the last question; `waiting` counts answers to come. */
static struct content_found found;
static struct po_print window[5000];
static struct content_window read_window;
static struct err read_err;
static int waiting;

/* A loop runs once. */
static void
begin(int answers)
{
    if (loop)
        loop_free(loop);
    ck_assert_int_eq(loop_new(&loop, NULL), 0);
    waiting = answers;
}

static void
one_less(void)
{
    if (--waiting == 0)
        loop_stop(loop);
}

static void
on_found(void *arg, const struct content_found *r)
{
    struct content_found *out = arg;
    *out = *r;
    one_less();
}

static void
on_window(void *arg, const struct content_window *w)
{
    (void)arg;
    read_window = *w;
    read_err = w->err ? *w->err : (struct err){0};
    ck_assert_uint_le(w->n, sizeof(window) / sizeof(window[0]));
    if (w->n > 0)
        memcpy(window, w->v, w->n * sizeof(window[0]));
    one_less();
}

static const struct content_found *
find(const struct content_place *at, int64_t low, int64_t high,
     const struct po_print *prints, size_t n, int64_t deadline_ms)
{
    begin(1);
    content_find(content, at, low, high, prints, n,
                 clock_mono_ms() + deadline_ms, loop, on_found, &found);
    loop_run(loop);
    return &found;
}

static void
read_prints(int64_t q, size_t n)
{
    begin(1);
    content_prints(content, &orders, q, n, clock_mono_ms() + DEADLINE_MS, loop,
                   on_window, NULL);
    loop_run(loop);
}

START_TEST(finds_by_one_print)
{
    send_numbered(0, 0, 500);
    for (int i = 0; i < 500; i += 71) {
        const struct po_print p = numbered(i);
        find(&orders, 0, 500, &p, 1, DEADLINE_MS);
        ck_assert_msg(found.kind == CONTENT_UNIQUE && found.first == i,
                      "%d: kind %d at %lld: %s", i, (int)found.kind,
                      (long long)found.first, found.err.text);
    }
    const struct po_print p = numbered(300);
    find(&orders, 0, 300, &p, 1, DEADLINE_MS);
    ck_assert_int_eq(found.kind, CONTENT_NONE);
    ck_assert_int_eq(found.end, 300);
    ck_assert(!found.at_end);
}
END_TEST

/* The neighbours of the first candidate stand before the window. */
START_TEST(finds_by_neighbours)
{
    const char *const keys[] = {"x", NULL, NULL, NULL, "b"};
    for (size_t i = 0; i < 5; i++)
        kafka_send(&kafka, "a.orders", 0,
                   &(struct kafka_record){5, keys[i], NULL});
    kafka_flush(&kafka);
    struct po_print v[5];
    for (size_t i = 0; i < 5; i++)
        po_print_make(&v[i], (int64_t)i, 5, keys[i], keys[i] ? 1 : 0, NULL, 0);
    find(&orders, 1, 5, &v[1], 1, DEADLINE_MS);
    ck_assert_int_eq(found.kind, CONTENT_MANY);
    ck_assert_int_eq(found.first, 1);
    ck_assert_int_eq(found.last, 3);
    for (size_t n = 2; n <= 4; n++) {
        find(&orders, 1, 5, v, n, DEADLINE_MS);
        ck_assert_int_eq(found.kind, CONTENT_UNIQUE);
        ck_assert_int_eq(found.first, (int64_t)n - 1);
    }
}
END_TEST

START_TEST(what_has_not_arrived)
{
    send_numbered(0, 0, 20);
    const struct po_print v[] = {numbered(18), numbered(19), numbered(20)};
    find(&orders, 15, 40, v, 3, DEADLINE_MS);
    ck_assert_int_eq(found.kind, CONTENT_AHEAD);
    ck_assert_int_eq(found.end, 20);
    ck_assert(found.at_end);
    find(&orders, 15, 40, &v[2], 1, DEADLINE_MS);
    ck_assert_int_eq(found.kind, CONTENT_NONE);
    send_numbered(0, 20, 21);
    find(&orders, 15, 40, v, 3, DEADLINE_MS);
    ck_assert_int_eq(found.kind, CONTENT_UNIQUE);
    ck_assert_int_eq(found.first, 20);
}
END_TEST

START_TEST(prints_before_a_position)
{
    send_numbered(0, 0, 300);
    read_prints(200, 10);
    ck_assert_uint_eq(read_window.n, 10);
    for (int i = 0; i < 10; i++) {
        const struct po_print p = numbered(190 + i);
        ck_assert_int_eq(window[i].offset, 190 + i);
        ck_assert(po_print_same(&window[i], &p));
    }
    read_prints(4, 10);
    ck_assert_uint_eq(read_window.n, 4);
    read_prints(0, 10);
    ck_assert_uint_eq(read_window.n, 0);
    ck_assert_ptr_null(read_window.err);
    read_prints(300, 4096);
    ck_assert_uint_eq(read_window.n, 300);
}
END_TEST

/* The mock keeps 5 MiB of a partition. */
START_TEST(deleted_records)
{
    static char value[900001];
    memset(value, 'v', sizeof(value) - 1);
    for (int i = 0; i < 9; i++) {
        kafka_send(&kafka, "a.orders", 0,
                   &(struct kafka_record){i + 1, "k", value});
        kafka_flush(&kafka);
    }
    struct po_print p;
    po_print_make(&p, 8, 9, "k", 1, value, sizeof(value) - 1);
    find(&orders, 1, 9, &p, 1, DEADLINE_MS);
    ck_assert_int_eq(found.kind, CONTENT_UNREAD);
    ck_assert_int_eq(found.err.code, ERR_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(found.err.text, "a.orders [0] on cluster b"));
    /* Neighbours may be gone; candidates may not. */
    struct po_print two[] = {p, p};
    two[0].timestamp_ms = 8;
    find(&orders, 7, 9, two, 2, DEADLINE_MS);
    ck_assert_msg(found.kind == CONTENT_UNIQUE, "%s", found.err.text);
    ck_assert_int_eq(found.first, 8);
    read_prints(9, 9);
    ck_assert_msg(!read_window.err, "%s", read_err.text);
    ck_assert(read_window.cut);
    ck_assert_uint_le(read_window.n, 6);
    ck_assert_int_eq(window[read_window.n - 1].offset, 8);
    read_prints(50, 2);
    ck_assert_ptr_nonnull(strstr(read_err.text, "beyond"));
}
END_TEST

/* ---- when it cannot be read ------------------------------------------------ */

START_TEST(dead_cluster)
{
    const struct content_place at = {"a", "orders", 0};
    const struct po_print p = numbered(1);
    for (int i = 0; i < 2; i++) { /* made and connecting; then warm and dead */
        const int64_t begin_ms = clock_mono_ms();
        find(&at, 0, 100, &p, 1, SHORT_MS);
        const int64_t took_ms = clock_mono_ms() - begin_ms;
        ck_assert_int_eq(found.kind, CONTENT_UNREAD);
        ck_assert_int_eq(found.err.code, ERR_TIMEOUT);
        ck_assert_ptr_nonnull(strstr(found.err.text, "orders [0] on cluster "
                                                     "a: offsets 0 to 100"));
        ck_assert_msg(took_ms >= SHORT_MS - 1 && took_ms < SHORT_MS + 200,
                      "%lld ms", (long long)took_ms);
    }
}
END_TEST

START_TEST(broker_dies_and_comes_back)
{
    send_numbered(0, 0, 50);
    const struct po_print p = numbered(30);
    find(&orders, 0, 50, &p, 1, DEADLINE_MS);
    ck_assert_int_eq(found.kind, CONTENT_UNIQUE);
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(kafka.cluster, 1), 0);
    find(&orders, 0, 50, &p, 1, SHORT_MS);
    ck_assert_int_eq(found.kind, CONTENT_UNREAD);
    ck_assert_int_eq(found.err.code, ERR_TIMEOUT);
    ck_assert_int_eq(rd_kafka_mock_broker_set_up(kafka.cluster, 1), 0);
    find(&orders, 0, 50, &p, 1, DEADLINE_MS);
    ck_assert_int_eq(found.kind, CONTENT_UNIQUE);
}
END_TEST

START_TEST(places_that_are_not_there)
{
    const struct content_place partition = {"b", "a.orders", 17};
    const struct content_place cluster = {"z", "a.orders", 0};
    const struct po_print p = numbered(1);
    find(&partition, 0, 100, &p, 1, SHORT_MS);
    ck_assert_int_eq(found.kind, CONTENT_UNREAD);
    find(&cluster, 0, 100, &p, 1, SHORT_MS);
    ck_assert_int_eq(found.err.code, ERR_INVALID);
}
END_TEST

START_TEST(windows_too_large)
{
    const struct po_print p = numbered(1);
    find(&orders, 0, CONTENT_WINDOW_MAX + 1, &p, 1, DEADLINE_MS);
    ck_assert_int_eq(found.kind, CONTENT_UNREAD);
    ck_assert_int_eq(found.err.code, ERR_LIMIT);
    find(&orders, 5, 4, &p, 1, DEADLINE_MS);
    ck_assert_int_eq(found.err.code, ERR_INVALID);
    find(&orders, 0, 4, &p, 0, DEADLINE_MS);
    ck_assert_int_eq(found.err.code, ERR_INVALID);
    find(&orders, 0, 4, &p, CONTENT_PRINTS_MAX + 1, DEADLINE_MS);
    ck_assert_int_eq(found.err.code, ERR_INVALID);
}
END_TEST

/* ---- many at once ----------------------------------------------------------- */

#define MANY 400

START_TEST(many_at_once)
{
    static struct content_found all[MANY];
    for (int32_t p = 0; p < 4; p++)
        send_numbered(p, 0, 500);
    begin(MANY);
    for (int i = 0; i < MANY; i++) {
        const struct content_place at = {"b", "a.orders", i % 4};
        const struct po_print p[] = {numbered(i), numbered(i + 1)};
        content_find(content, &at, i > 20 ? i - 20 : 0, i + 20, p, 2,
                     clock_mono_ms() + DEADLINE_MS, loop, on_found, &all[i]);
    }
    const int64_t begin_ms = clock_mono_ms();
    loop_run(loop);
    for (int i = 0; i < MANY; i++)
        ck_assert_msg(all[i].kind == CONTENT_UNIQUE && all[i].first == i + 1,
                      "%d: kind %d at %lld: %s", i, (int)all[i].kind,
                      (long long)all[i].first, all[i].err.text);
    printf("%d windows: %lld ms\n", MANY,
           (long long)(clock_mono_ms() - begin_ms));
}
END_TEST

/* Windows that overlap are one reading, and each gets its own part of it. */
struct seen {
    int64_t low, high, end;
    size_t n;
    int64_t first, last;
};

static void
on_part(void *arg, const struct content_window *w)
{
    struct seen *s = arg;
    ck_assert_msg(!w->err, "%s", w->err ? w->err->text : "");
    s->low = w->low;
    s->end = w->end;
    s->n = w->n;
    s->first = w->n > 0 ? w->v[0].offset : -1;
    s->last = w->n > 0 ? w->v[w->n - 1].offset : -1;
    one_less();
}

START_TEST(shared_readings)
{
    static const int64_t windows[][2] = {
        {100, 200}, {150, 180}, {50, 150}, {190, 320}, {0, 10}, {120, 120},
    };
    enum { N = sizeof(windows) / sizeof(windows[0]) };
    struct seen all[N];
    send_numbered(0, 0, 300);
    begin(N);
    for (int i = 0; i < N; i++)
        content_read(content, &orders, windows[i][0], windows[i][1],
                     clock_mono_ms() + DEADLINE_MS, loop, on_part, &all[i]);
    loop_run(loop);
    for (int i = 0; i < N; i++) {
        const int64_t low = windows[i][0];
        const int64_t end = windows[i][1] < 300 ? windows[i][1] : 300;
        ck_assert_int_eq(all[i].low, low);
        ck_assert_int_eq(all[i].end, end);
        ck_assert_uint_eq(all[i].n, (size_t)(end - low));
        ck_assert_int_eq(all[i].first, end > low ? low : -1);
        ck_assert_int_eq(all[i].last, end > low ? end - 1 : -1);
    }
}
END_TEST

START_TEST(too_many_at_once)
{
    const struct content_place at = {"a", "orders", 0};
    const struct po_print p = numbered(1);
    static struct content_found all[CONTENT_WAITING_MAX + 10];
    begin(CONTENT_WAITING_MAX + 10);
    for (int i = 0; i < CONTENT_WAITING_MAX + 10; i++)
        content_find(content, &at, 0, 10, &p, 1, clock_mono_ms() + SHORT_MS,
                     loop, on_found, &all[i]);
    loop_run(loop);
    int busy = 0, late = 0;
    for (int i = 0; i < CONTENT_WAITING_MAX + 10; i++) {
        busy += all[i].err.code == ERR_BUSY;
        late += all[i].err.code == ERR_TIMEOUT;
    }
    ck_assert_int_eq(busy, 10);
    ck_assert_int_eq(late, CONTENT_WAITING_MAX);
}
END_TEST

START_TEST(stop_answers_what_waits)
{
    const struct content_place dead = {"a", "orders", 0};
    const struct po_print p = numbered(1);
    struct content_found all[3];
    begin(3);
    for (int i = 0; i < 3; i++)
        content_find(content, &dead, i, 10, &p, 1, clock_mono_ms() + 60000,
                     loop, on_found, &all[i]);
    content_stop(content);
    ck_assert(loop_drain(loop));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(all[i].err.code, ERR_CLOSED);
    ck_assert_int_eq(waiting, 0);
    begin(1);
    content_find(content, &orders, 0, 10, &p, 1, clock_mono_ms() + 60000, loop,
                 on_found, all);
    ck_assert(loop_drain(loop));
    ck_assert_int_eq(all[0].err.code, ERR_CLOSED);
}
END_TEST

/* A warm handle answers in milliseconds, also at the end of the log. */
START_TEST(warm)
{
    send_numbered(0, 0, 100);
    const struct po_print v[] = {numbered(98), numbered(99), numbered(100)};
    find(&orders, 90, 200, v, 3, DEADLINE_MS);
    int64_t worst_ms = 0;
    for (int i = 0; i < 50; i++) {
        const int64_t begin_ms = clock_mono_ms();
        find(&orders, 90, i % 2 ? 99 : 200, v, 3, DEADLINE_MS);
        const int64_t took_ms = clock_mono_ms() - begin_ms;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
    }
    printf("warm, worst of 50: %lld ms\n", (long long)worst_ms);
    ck_assert_int_lt(worst_ms, 300);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("content");
    TCase *match = tcase_create("match");
    tcase_add_loop_test(match, finds_the_copy, 0,
                        sizeof(finds) / sizeof(finds[0]));
    tcase_add_loop_test(match, finds_without_times, 0,
                        sizeof(untimed) / sizeof(untimed[0]));
    suite_add_tcase(s, match);
    TCase *tc = tcase_create("mock cluster");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, finds_by_one_print);
    tcase_add_test(tc, finds_by_neighbours);
    tcase_add_test(tc, what_has_not_arrived);
    tcase_add_test(tc, prints_before_a_position);
    tcase_add_test(tc, deleted_records);
    tcase_add_test(tc, dead_cluster);
    tcase_add_test(tc, broker_dies_and_comes_back);
    tcase_add_test(tc, places_that_are_not_there);
    tcase_add_test(tc, windows_too_large);
    tcase_add_test(tc, many_at_once);
    tcase_add_test(tc, shared_readings);
    tcase_add_test(tc, too_many_at_once);
    tcase_add_test(tc, stop_answers_what_waits);
    tcase_add_test(tc, warm);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
