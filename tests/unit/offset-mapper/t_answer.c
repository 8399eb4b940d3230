/*
 * Answers against the truth: records flow over random graphs of clusters, every
 * log is in the open, and the right position of a reader is found by looking at
 * each record.  Holes in sources, foreign offsets on targets, syncs only now and
 * then.  Every seed is a world of its own.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xmem.h"
#include "offset-mapper/path.h"
#include "tests/support/support.h"

#define CLUSTERS_MAX 5
#define LOGS_MAX     200
#define LOG_MAX      600
#define STEPS        3000
#define DEPTH_MAX    2 /* how often a record is copied on */

/* One partition on one cluster. */
struct log {
    int cluster;
    char topic[64];
    int depth;          /* copies behind its first writing */
    int64_t v[LOG_MAX]; /* record of each offset; -1: none (a hole, a marker) */
    int64_t n;
};

/* MirrorMaker 2 between two logs. */
struct copy {
    const struct flow *flow;
    struct log *from, *to;
    int64_t next; /* source offset to read */
    int64_t last; /* copied, -1 at first */
};

struct world {
    unsigned seed;
    bool identity; /* a <-> b keep names; each copies what was born there */
    int gaps; /* offsets without records: 0 none, 1 in logs of odd depth, 2 in
                 those of even depth: on a flow either holes of the source or
                 others' records on the target (runs.h, limit 1) */
    int n_clusters;
    struct tmpdir dir;
    struct config config;
    struct store *store;
    struct store_progress progress;
    struct log logs[LOGS_MAX];
    size_t n_logs;
    struct copy copies[LOGS_MAX];
    size_t n_copies;
    int64_t records;
    int birth[STEPS + 1]; /* cluster on which a record was written */
};

static struct world w;

static unsigned
chance(unsigned n)
{
    w.seed = w.seed * 1103515245 + 12345;
    return (w.seed >> 16) % n;
}

/* ---- making the world ------------------------------------------------------ */

static void
make_config(void)
{
    struct buf b;
    struct err err;
    buf_init(&b, 1 << 16);
    buf_puts(&b, "{\"clusters\":[");
    for (int i = 0; i < w.n_clusters; i++)
        buf_printf(&b, "%s{\"name\":\"%c\",\"bootstrap.servers\":\"h:1\"}",
                   i ? "," : "", 'a' + i);
    buf_puts(&b, "],\"flows\":[");
    const char *comma = "";
    for (int i = 0; i < w.n_clusters; i++)
        for (int j = 0; j < w.n_clusters; j++)
            if (i != j && (w.identity || chance(100) < 45)) {
                buf_printf(&b,
                           "%s{\"source\":\"%c\",\"target\":\"%c\","
                           "\"policy\":\"%s\"}",
                           comma, 'a' + i, 'a' + j,
                           w.identity ? "identity" : "default");
                comma = ",";
            }
    buf_puts(&b, "]}");
    ck_assert_msg(config_parse(b.data, b.len, &w.config, &err) == 0, "%s",
                  err.text);
    buf_fini(&b);
}

static struct log *
find_log(int cluster, const char *topic)
{
    for (size_t i = 0; i < w.n_logs; i++)
        if (w.logs[i].cluster == cluster && strcmp(w.logs[i].topic, topic) == 0)
            return &w.logs[i];
    return NULL;
}

static struct log *
make_log(int cluster, const char *topic, int depth)
{
    struct log *l = find_log(cluster, topic);
    if (l)
        return l;
    ck_assert_uint_lt(w.n_logs, LOGS_MAX);
    l = &w.logs[w.n_logs++];
    l->cluster = cluster;
    l->depth = depth;
    (void)snprintf(l->topic, sizeof(l->topic), "%s", topic);
    return l;
}

/* A log is copied over every flow that does not lead back to where it has
 * been. */
static void
make_copies(struct log *l)
{
    for (size_t i = 0; i < w.config.n_flows; i++) {
        const struct flow *f = &w.config.flows[i];
        char topic[64];
        if (f->def.source[0] - 'a' != l->cluster || l->depth >= DEPTH_MAX ||
            strchr(l->topic, f->def.target[0]))
            continue;
        ck_assert_int_eq(naming_remote(&f->naming, f->def.source, l->topic,
                                       topic, sizeof(topic)),
                         0);
        struct copy *c = &w.copies[w.n_copies++];
        *c = (struct copy){f, l, NULL, 0, -1};
        c->to = make_log(f->def.target[0] - 'a', topic, l->depth + 1);
    }
}

static void
make_world(unsigned seed, bool identity)
{
    memset(&w, 0, sizeof(w));
    w.seed = seed;
    w.identity = identity;
    w.gaps = identity ? 0 : (int)chance(3);
    w.n_clusters = identity ? 2 : 3 + (int)chance(CLUSTERS_MAX - 2);
    tmpdir_make(&w.dir);
    ck_assert_int_eq(store_open(tmpdir_file(&w.dir, "s"), &w.store, NULL), 0);
    make_config();
    for (int i = 0; i < w.n_clusters; i++) /* "T": no cluster is called so */
        (void)make_log(i, "T", 0);
    for (size_t i = 0; i < w.n_logs; i++) /* grows */
        if (!w.identity || w.n_copies < 2)
            make_copies(&w.logs[i]);
}

static void
end_world(void)
{
    store_close(w.store);
    config_fini(&w.config);
    tmpdir_remove(&w.dir);
}

/* ---- what happens ----------------------------------------------------------- */

static void
sync_out(struct store_batch *b, const struct copy *c, int64_t up, int64_t down)
{
    const struct store_part part = {c->flow->name, c->from->topic, 0};
    enum runs_change change;
    ck_assert_int_eq(
        store_batch_sync(b, &part, up, down, 1, &w.progress, &change, NULL), 0);
}

/* As mm2.md 4.1: a sync at first, at a hole in the source, and now and then. */
static void
copy_one(struct store_batch *b, struct copy *c, bool sync)
{
    while (c->next < c->from->n && c->to->n < LOG_MAX) {
        const int64_t up = c->next++, record = c->from->v[up];
        if (record < 0 || (w.identity && w.birth[record] != c->from->cluster))
            continue;
        c->to->v[c->to->n] = record;
        if (sync || c->last < 0 || up != c->last + 1 || chance(12) == 0)
            sync_out(b, c, up, c->to->n);
        c->last = up;
        c->to->n++;
        return;
    }
}

static void
write_one(struct log *l)
{
    w.birth[w.records] = l->cluster;
    l->v[l->n++] = w.records++;
}

/* The partition shows both kinds of break (runs.h, limit 1), each record
 * synced. */
static void
show_breaks(struct store_batch *b)
{
    for (size_t i = 0; i < w.n_copies; i++) {
        struct copy *c = &w.copies[i];
        write_one(c->from);
        copy_one(b, c, true);
        c->from->v[c->from->n++] = -1;
        write_one(c->from);
        copy_one(b, c, true);
        c->to->v[c->to->n++] = -1;
        write_one(c->from);
        copy_one(b, c, true);
    }
}

static bool
has_gaps(const struct log *l)
{
    return w.identity || (w.gaps && l->depth % 2 == w.gaps % 2);
}

static void
happen(struct store_batch *b)
{
    const unsigned what = chance(100);
    struct log *l = &w.logs[chance((unsigned)w.n_logs)];
    struct log *born = &w.logs[chance((unsigned)w.n_clusters)];
    if (what < 35 && born->n < LOG_MAX) {
        write_one(born);
    } else if (what < 37 && l->n < LOG_MAX && has_gaps(l)) {
        l->v[l->n++] = -1;
    } else if (w.n_copies) {
        copy_one(b, &w.copies[chance((unsigned)w.n_copies)], false);
    }
}

static void
live(void)
{
    struct store_batch *b;
    ck_assert_int_eq(store_batch_begin(w.store, &b, NULL), 0);
    if (w.identity)
        show_breaks(b);
    for (int i = 0; i < STEPS; i++)
        happen(b);
    ck_assert_int_eq(
        store_batch_commit_take(b, "a->b", "t@a", &w.progress, NULL), 0);
}

/* ---- the truth --------------------------------------------------------------- */

static int64_t
place_of(const struct log *l, int64_t record)
{
    for (int64_t i = 0; i < l->n; i++)
        if (l->v[i] == record)
            return i;
    return -1;
}

struct truth {
    int64_t least; /* right behind the last record that was read */
    int64_t most;  /* the first that was not read; the log's end */
};

/* Of a reader at `q` of `from`: what it has read are the records before q. On
 * `to` records may be missing, and there are others. */
static struct truth
truth_of(const struct log *from, const struct log *to, int64_t q)
{
    struct truth t = {0, to->n};
    for (int64_t i = 0; i < from->n; i++) {
        const int64_t at = from->v[i] < 0 ? -1 : place_of(to, from->v[i]);
        if (at >= 0 && i < q && at + 1 > t.least)
            t.least = at + 1;
        if (at >= 0 && i >= q && at < t.most)
            t.most = at;
    }
    return t;
}

static bool
true_end(void *arg, const char *cluster, const char *topic, int32_t partition,
         struct log_range *out)
{
    (void)arg;
    const struct log *l = find_log(cluster[0] - 'a', topic);
    *out =
        (struct log_range){.known = l && partition == 0, .end = l ? l->n : -1};
    return out->known;
}

static struct {
    long asked[RUNS_NONE + 1], far_exact;
} seen;

static void
judge(const struct path *p, const struct truth *t, const char *story)
{
    const struct hop *last = &p->hops[p->n - 1];
    const enum runs_quality quality = path_quality(p);
    seen.asked[quality]++;
    ck_assert_msg(last->at.position <= t->most, "past the right one: %s",
                  story);
    ck_assert_msg(last->at.low == last->at.position, "%s", story);
    if (quality == RUNS_EXACT) {
        seen.far_exact += p->n > 1;
        ck_assert_msg(last->at.position >= t->least || w.identity,
                      "exact is too low: %s", story);
        ck_assert_msg(last->at.position == last->high, "%s", story);
    } else if (!w.identity && !w.gaps && quality != RUNS_BEFORE) {
        ck_assert_msg(last->high >= t->least, "high is too low: %s", story);
    }
}

static void
ask(struct store_view *view, const struct log *from, int to, int64_t q)
{
    const struct path_env env = {.config = &w.config,
                                 .view = view,
                                 .logs = {true_end, NULL},
                                 .now_ms = 10};
    const char names[2][2] = {{(char)('a' + from->cluster), 0},
                              {(char)('a' + to), 0}};
    struct path p;
    char story[512];
    ck_assert_int_eq(
        path_find(&env, names[0], names[1], from->topic, 0, q, &p, NULL), 0);
    if (p.n == 0)
        return;
    const struct hop *last = &p.hops[p.n - 1];
    const struct log *there = find_log(to, last->topic);
    ck_assert_ptr_nonnull(there);
    const struct truth t = truth_of(from, there, q);
    (void)snprintf(story, sizeof(story),
                   "%s of %s at %lld to %s of %s, %zu hops: %lld in "
                   "%lld..%lld, the truth %lld..%lld: %s",
                   from->topic, names[0], (long long)q, last->topic, names[1],
                   p.n, (long long)last->at.position, (long long)last->at.low,
                   (long long)last->high, (long long)t.least, (long long)t.most,
                   last->at.reason);
    judge(&p, &t, story);
}

static void
ask_everything(void)
{
    struct store_view *view;
    ck_assert_int_eq(store_view_open(w.store, &view, NULL), 0);
    for (size_t i = 0; i < w.n_logs; i++)
        for (int to = 0; to < w.n_clusters; to++)
            for (int64_t q = 0; q <= w.logs[i].n && to != w.logs[i].cluster;
                 q += 1 + chance(7))
                ask(view, &w.logs[i], to, q);
    store_view_close(view);
}

START_TEST(any_pair_of_clusters)
{
    memset(&seen, 0, sizeof(seen));
    for (unsigned seed = 1; seed <= 12; seed++) {
        make_world(seed * 977 + (unsigned)_i * 131, false);
        live();
        ask_everything();
        end_world();
    }
    ck_assert_int_gt(seen.asked[RUNS_EXACT], 1000);
    ck_assert_int_gt(seen.far_exact, 300);
    ck_assert_int_gt(seen.asked[RUNS_BOUNDED], 100);
    ck_assert_int_gt(seen.asked[RUNS_AHEAD], 20);
}
END_TEST

START_TEST(two_origins_in_one_partition)
{
    memset(&seen, 0, sizeof(seen));
    for (unsigned seed = 1; seed <= 12; seed++) {
        make_world(seed * 631 + (unsigned)_i * 17, true);
        live();
        ask_everything();
        end_world();
    }
    ck_assert_int_gt(seen.asked[RUNS_EXACT], 100);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("answers beside the truth");
    TCase *t = tcase_create("graphs");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, any_pair_of_clusters, 0, 4);
    tcase_add_loop_test(t, two_origins_in_one_partition, 0, 4);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
