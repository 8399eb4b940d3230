/*
 * What a look at the route table costs, by the number of its rules, and what it
 * costs to change it and to keep it.  Prints JSON.
 *
 *   bench_resolve [--quick]
 *
 * Every look is timed by itself.  The identity's own bytes are read before the
 * clock starts, as they are in life, where they have just come in; the table is
 * what it is: clients are drawn at random over all rules ("ns"), or, the same
 * ones in tables of every size, over its first hundred ("first_ns").  "cold" looks read
 * half a megabyte of something else before each look.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/xmem.h"
#include "route-service/residency.h"
#include "tests/tools/bench_resolve/made.h"

#define CLIENTS     20000
#define FIRST       100 /* rules whose clients are asked for in every table */
#define DIRT_BYTES  ((size_t)512 << 10)
#define FLIPS       10000
#define MAX_SAMPLES 400000

static uint32_t samples[MAX_SAMPLES];
static volatile uint64_t sink;

static int64_t
now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* can't fail */
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

static size_t
bytes_in_use(void)
{
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* ---- samples ------------------------------------------------------------- */

struct figures {
    double mean, p50, p99;
};

static int
by_size(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The slowest thousandth is the machine's: left out of the mean. */
static struct figures
figures_of(size_t n)
{
    double sum = 0;
    qsort(samples, n, sizeof(samples[0]), by_size);
    const size_t counted = n - n / 1000;
    for (size_t i = 0; i < counted; i++)
        sum += samples[i];
    return (struct figures){sum / (double)counted, samples[n / 2],
                            samples[n - n / 100 - 1]};
}

/* What reading the clock twice costs. */
static uint32_t
clock_cost(void)
{
    for (size_t i = 0; i < 10000; i++) {
        const int64_t from = now_ns();
        samples[i] = (uint32_t)(now_ns() - from);
    }
    return (uint32_t)figures_of(10000).p50;
}

/* ---- looking ------------------------------------------------------------- */

static void
read_text(const char *s)
{
    for (; s && *s; s++)
        sink += (unsigned char)*s;
}

static void
read_identity(const struct pt_identity *id)
{
    read_text(id->cluster_code);
    read_text(id->role);
    read_text(id->group);
    read_text(id->client_id);
    read_text(made_topic(id));
    for (size_t i = 0; i < id->attrs.n; i++) {
        read_text(id->attrs.v[i].key);
        read_text(id->attrs.v[i].value);
    }
}

static void
make_dirt(void)
{
    static unsigned char dirt[DIRT_BYTES];
    for (size_t i = 0; i < DIRT_BYTES; i += 64)
        sink += dirt[i]++;
}

static struct figures
look(const struct table *t, const struct pt_identity *ids, size_t n_ids,
     size_t n, bool cold)
{
    const uint32_t cost = clock_cost();
    for (size_t i = 0; i < n; i++) {
        const struct pt_identity *id = &ids[made_random() % n_ids];
        if (cold)
            make_dirt();
        read_identity(id);
        const int64_t from = now_ns();
        const struct residency r = table_residency(t, id, made_topic(id));
        const uint32_t took = (uint32_t)(now_ns() - from);
        sink += (uint64_t)r.since;
        if (!r.rule) {
            (void)fprintf(stderr, "bench_resolve: a client has no route\n");
            exit(EXIT_FAILURE);
        }
        samples[i] = took > cost ? took - cost : 0;
    }
    return figures_of(n);
}

/* ---- one size ------------------------------------------------------------ */

static void
print_figures(const char *name, struct figures f, const char *end)
{
    printf("\"%s\":{\"mean\":%.0f,\"p50\":%.0f,\"p99\":%.0f}%s", name, f.mean,
           f.p50, f.p99, end);
}

/* With the JSON of a change set read and the table before freed. */
static struct figures
change(struct table **t, const struct mix *mix, size_t rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t rule = made_random() % rules;
        const int64_t from = now_ns();
        *t = made_flip(*t, mix, rule, 0);
        samples[i] = (uint32_t)(now_ns() - from);
    }
    return figures_of(n);
}

static struct pt_identity *
made_clients(const struct mix *mix, size_t rules)
{
    struct pt_identity *ids = xcalloc(CLIENTS, sizeof(*ids));
    for (size_t i = 0; i < CLIENTS; i++)
        ids[i] = made_client(mix, made_random() % rules);
    return ids;
}

static void
free_clients(struct pt_identity *ids)
{
    for (size_t i = 0; i < CLIENTS; i++)
        pt_identity_fini(&ids[i]);
    free(ids);
}

/* The same clients in a table of any size: those of the first rules. */
static struct figures
look_at_first(const struct table *t, const struct mix *mix, size_t n)
{
    struct pt_identity *ids = made_clients(mix, FIRST);
    (void)look(t, ids, CLIENTS, n / 10, false); /* to be where one gets to */
    const struct figures f = look(t, ids, CLIENTS, n, false);
    free_clients(ids);
    return f;
}

static void
measure(const struct mix *mix, size_t rules, bool quick)
{
    const size_t n = quick ? 4000 : 200000;
    const size_t before = bytes_in_use();
    struct table *t = made_table(mix, rules);
    const size_t bytes = (bytes_in_use() - before) / rules;
    printf("{\"mix\":\"%s\",\"rules\":%zu,\"bytes_per_rule\":%zu,", mix->name,
           rules, bytes);
    print_figures("first_ns", look_at_first(t, mix, n), ",");
    struct pt_identity *ids = made_clients(mix, rules);
    (void)look(t, ids, CLIENTS, n / 10, false);
    print_figures("ns", look(t, ids, CLIENTS, n, false), ",");
    print_figures("cold_ns", look(t, ids, CLIENTS, n / 20, true), ",");
    print_figures("change_ns", change(&t, mix, rules, quick ? 100 : 2000), ",");
    print_figures("after_ns", look(t, ids, CLIENTS, n, false), "}");
    free_clients(ids);
    table_unref(t);
}

/* One rule is sent to and fro: what its clients pay, what those pay whose rule
 * is tried before it, and what it takes to remember. */
static void
measure_past(size_t rules)
{
    const struct mix mix = {"codes", false};
    struct table *t = made_table(&mix, rules);
    t = made_flip(t, &mix, 0, 0);
    struct pt_identity own = made_client(&mix, 0);
    struct pt_identity above = made_client(&mix, 1);
    const size_t before = bytes_in_use();
    for (size_t i = 0; i < FLIPS; i++)
        t = made_flip(t, &mix, 0, 0);
    printf("\"past\":{\"rules\":%zu,\"versions\":%d,\"bytes_per_version\":%zu,",
           rules, FLIPS, (bytes_in_use() - before) / FLIPS);
    print_figures("flipped_ns", look(t, &own, 1, 20000, false), ",");
    print_figures("above_ns", look(t, &above, 1, 20000, false), "}");
    pt_identity_fini(&own);
    pt_identity_fini(&above);
    table_unref(t);
}

int
main(int argc, char **argv)
{
    static const struct mix mixes[] = {{"codes", false}, {"one code", true}};
    static const size_t sizes[] = {100, 10000, 100000};
    const bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    printf("{\"resolve\":[");
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; i < 3; i++) {
            printf("%s\n", m + i ? "," : "");
            measure(&mixes[m], sizes[i], quick);
            (void)fflush(stdout);
        }
    printf("],\n");
    measure_past(1000);
    printf("}\n");
    return EXIT_SUCCESS;
}
