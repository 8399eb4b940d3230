/*
 * What the mapper's store costs, in process, beside a bare LMDB that has the
 * same runs under keys of 12 bytes.  Prints one line of JSON for each figure.
 *
 *   bench_mapper DIR [RUNS [PARTITIONS [BATCH]]]
 *
 * DIR is made and left; RUNS is 10,000,000, PARTITIONS 1,000, BATCH 100,000.
 * The syncs come as in life, those of all partitions mixed, and each begins a
 * run.  Questions are drawn evenly over all partitions and offsets, a thousand
 * to a view (a read transaction of the bare one), the two in turn, so that what
 * the machine does meanwhile hits both.
 *
 *   {"what":"ingest",...}    "per_s" by the clock, "per_cpu_s" by processor time
 *   {"what":"size",...}      of the file, by the run
 *   {"what":"open",...}      until questions are answered
 *   {"what":"forward",...}   "ns" a question, "bare_ns" a lookup; "ratio" is
 *                            bare_ns / ns
 *   {"what":"reverse",...}
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/base/xmem.h"
#include "offset-mapper/store.h"
#include "tests/tools/bench_mapper/bare.h"

#define FLOW          "a->b"
#define SOURCE        "mm2-offset-syncs.b.internal@a"
#define ROUND         1000 /* questions to a view */
#define ROUNDS        400
#define WARM          40
#define TOPIC_LEN_MAX 40

struct bench {
    const char *dir;
    size_t runs, n_parts, batch;
    char (*topics)[TOPIC_LEN_MAX];
    int64_t *up, *down; /* newest, by partition */
    struct store *store;
    struct bare *bare;
};

static volatile int64_t sink;

static uint32_t
draw(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static int64_t
now_ns(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t); /* cannot fail */
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
must(int rc, const struct err *err)
{
    if (rc == 0)
        return;
    (void)fprintf(stderr, "bench_mapper: %s\n", err->text);
    exit(EXIT_FAILURE);
}

static struct store_part
part_of(const struct bench *b, size_t i)
{
    return (struct store_part){FLOW, b->topics[i], (int32_t)(i % 10)};
}

/* ---- filling ---------------------------------------------------------- */

static void
open_store(struct bench *b)
{
    struct err err;
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/store", b->dir);
    must(store_open(path, &b->store, &err), &err);
}

/* The source has a hole before every sync, so that each begins a run. */
static void
next_sync(struct bench *b, size_t i)
{
    const uint32_t step = 2 + draw() % 20;
    b->up[i] += step;
    b->down[i] += 1 + draw() % (step - 1);
}

static void
keep_batch(struct bench *b, size_t n, struct store_progress *p)
{
    struct store_batch *batch;
    enum runs_change change;
    struct err err;
    must(store_batch_begin(b->store, &batch, &err), &err);
    for (size_t k = 0; k < n; k++) {
        const size_t i = draw() % b->n_parts;
        const struct store_part part = part_of(b, i);
        next_sync(b, i);
        must(store_batch_sync(batch, &part, b->up[i], b->down[i], 0, p, &change,
                              &err),
             &err);
    }
    must(store_batch_commit_take(batch, FLOW, SOURCE, p, &err), &err);
}

static void
fill(struct bench *b)
{
    struct store_progress p = {0};
    const int64_t from = now_ns(CLOCK_MONOTONIC);
    const int64_t cpu_from = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t left = b->runs; left > 0;) {
        const size_t n = left < b->batch ? left : b->batch;
        keep_batch(b, n, &p);
        left -= n;
    }
    const double s = (double)(now_ns(CLOCK_MONOTONIC) - from) / 1e9;
    const double cpu =
        (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_from) / 1e9;
    printf("{\"what\":\"ingest\",\"syncs\":%zu,\"batch\":%zu,\"seconds\":%.2f,"
           "\"cpu_seconds\":%.2f,\"per_s\":%.0f,\"per_cpu_s\":%.0f}\n",
           b->runs, b->batch, s, cpu, (double)b->runs / s,
           (double)b->runs / cpu);
}

static void
print_size(const struct bench *b)
{
    char path[512];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/store/offset.lmdb", b->dir);
    if (stat(path, &st)) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    const double bytes = (double)st.st_blocks * 512;
    printf("{\"what\":\"size\",\"runs\":%zu,\"bytes\":%.0f,"
           "\"bytes_per_run\":%.1f}\n",
           b->runs, bytes, bytes / (double)b->runs);
}

static void
print_open(struct bench *b)
{
    store_close(b->store);
    const int64_t from = now_ns(CLOCK_MONOTONIC);
    open_store(b);
    printf("{\"what\":\"open\",\"runs\":%zu,\"partitions\":%zu,\"ms\":%.1f}\n",
           b->runs, b->n_parts, (double)(now_ns(CLOCK_MONOTONIC) - from) / 1e6);
}

struct copying {
    struct bench *b;
    uint32_t partition;
};

static void
copy_run(const struct run *r, void *arg)
{
    const struct copying *c = arg;
    bare_append(c->b->bare, c->partition, r->up, r->down);
}

static void
fill_bare(struct bench *b)
{
    char path[512];
    struct store_view *v;
    struct err err;
    (void)snprintf(path, sizeof(path), "%s/bare", b->dir);
    b->bare = bare_open(path);
    must(store_view_open(b->store, &v, &err), &err);
    for (size_t i = 0; i < b->n_parts; i++) {
        const struct store_part part = part_of(b, i);
        struct copying c = {b, (uint32_t)i};
        must(store_view_runs(v, &part, SIZE_MAX, copy_run, &c, &err), &err);
    }
    store_view_close(v);
    bare_commit(b->bare);
}

/* ---- asking ----------------------------------------------------------- */

struct question {
    uint32_t partition;
    int64_t q;
};

static void
draw_questions(const struct bench *b, bool reverse, struct question *v)
{
    for (size_t k = 0; k < ROUND; k++) {
        const uint32_t i = draw() % (uint32_t)b->n_parts;
        const int64_t newest = reverse ? b->down[i] : b->up[i];
        v[k] = (struct question){i, newest ? draw() % newest : 0};
    }
}

static int64_t
ask_store(struct bench *b, bool reverse, const struct question *v)
{
    struct store_view *view;
    struct store_info info;
    struct runs_answer a;
    struct err err;
    int64_t sum = 0;
    const int64_t from = now_ns(CLOCK_MONOTONIC);
    must(store_view_open(b->store, &view, &err), &err);
    for (size_t k = 0; k < ROUND; k++) {
        const struct store_part part = part_of(b, v[k].partition);
        must((reverse ? store_view_reverse : store_view_forward)(
                 view, &part, v[k].q, RUNS_END_UNKNOWN, &info, &a, &err),
             &err);
        sum += a.position;
    }
    store_view_close(view);
    sink += sum;
    return now_ns(CLOCK_MONOTONIC) - from;
}

/* The bare one knows nothing of the other direction: by up it is, at a place as
 * much at random. */
static int64_t
ask_bare(struct bench *b, const struct question *v)
{
    int64_t sum = 0, down = 0;
    const int64_t from = now_ns(CLOCK_MONOTONIC);
    bare_begin(b->bare);
    for (size_t k = 0; k < ROUND; k++) {
        const int64_t up = bare_look(b->bare, v[k].partition, v[k].q, &down);
        sum += up + down;
    }
    bare_end(b->bare);
    sink += sum;
    return now_ns(CLOCK_MONOTONIC) - from;
}

/* Both say the same. */
static void
check_some(struct bench *b)
{
    struct question v[ROUND];
    struct store_view *view;
    struct store_info info;
    struct runs_answer a;
    struct err err;
    draw_questions(b, false, v);
    must(store_view_open(b->store, &view, &err), &err);
    bare_begin(b->bare);
    for (size_t k = 0; k < ROUND; k++) {
        const struct store_part part = part_of(b, v[k].partition);
        int64_t down;
        const int64_t up = bare_look(b->bare, v[k].partition, v[k].q, &down);
        must(store_view_forward(view, &part, v[k].q, RUNS_END_UNKNOWN, &info,
                                &a, &err),
             &err);
        if (up < 0 ? a.has_at : (a.at.up != up || a.at.down != down)) {
            (void)fprintf(stderr,
                          "bench_mapper: %s %" PRId64 ": not the same\n",
                          part.topic, v[k].q);
            exit(EXIT_FAILURE);
        }
    }
    bare_end(b->bare);
    store_view_close(view);
}

static void
measure(struct bench *b, bool reverse)
{
    struct question v[ROUND];
    int64_t ours = 0, bare = 0;
    for (int i = 0; i < WARM + ROUNDS; i++) {
        draw_questions(b, reverse, v);
        const int64_t x = ask_store(b, reverse, v);
        draw_questions(b, false, v);
        const int64_t y = ask_bare(b, v);
        ours += i < WARM ? 0 : x;
        bare += i < WARM ? 0 : y;
    }
    const double n = (double)ROUNDS * ROUND;
    printf("{\"what\":\"%s\",\"asked\":%.0f,\"ns\":%.0f,\"bare_ns\":%.0f,"
           "\"ratio\":%.2f}\n",
           reverse ? "reverse" : "forward", n, (double)ours / n,
           (double)bare / n, (double)bare / (double)ours);
    (void)fflush(stdout);
}

/* ---- the whole of it -------------------------------------------------- */

static size_t
number(int argc, char **argv, int i, size_t otherwise)
{
    const size_t n = argc > i ? strtoul(argv[i], NULL, 10) : otherwise;
    if (n > 0 && n <= UINT32_MAX)
        return n;
    (void)fprintf(stderr, "bench_mapper: %s is no number to use\n", argv[i]);
    exit(EXIT_FAILURE);
}

static void
make(struct bench *b)
{
    b->topics = xcalloc(b->n_parts, sizeof(*b->topics));
    b->up = xcalloc(b->n_parts, sizeof(*b->up));
    b->down = xcalloc(b->n_parts, sizeof(*b->down));
    for (size_t i = 0; i < b->n_parts; i++)
        (void)snprintf(b->topics[i], TOPIC_LEN_MAX, "orders.of.shop.%zu",
                       i / 10);
}

int
main(int argc, char **argv)
{
    if (argc < 2 || argc > 5 || argv[1][0] == '-') {
        (void)fputs("usage: bench_mapper DIR [RUNS [PARTITIONS [BATCH]]]\n",
                    stderr);
        return EXIT_FAILURE;
    }
    struct bench b = {.dir = argv[1],
                      .runs = number(argc, argv, 2, 10000000),
                      .n_parts = number(argc, argv, 3, 1000),
                      .batch = number(argc, argv, 4, 100000)};
    make(&b);
    open_store(&b);
    fill(&b);
    print_size(&b);
    print_open(&b);
    (void)fflush(stdout);
    fill_bare(&b);
    check_some(&b);
    measure(&b, false);
    measure(&b, true);
    bare_close(b.bare);
    store_close(b.store);
    free(b.topics);
    free(b.up);
    free(b.down);
    return EXIT_SUCCESS;
}
