/*
 * Pure over the book, but for memory, of which a lack ends the program.
 * A million records are judged by sorted arrays and arrays by record number.
 */
#include "tests/tools/ledger/judge.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"

/* A place of a record, with the origin of its physical topic. */
struct standing {
    int64_t entry;
    int16_t origin;
    struct place at;
};

struct judging {
    const struct book *book;
    bool *dead;              /* by cluster */
    int16_t *origin;         /* by cluster * topics + topic */
    struct sighting *dumped; /* sorted by place */
    struct range *ranges;    /* sorted by place */
    uint16_t *times_written; /* by entry */
    bool *stands;            /* by entry: on a living cluster */
    bool *read_by_any;       /* by entry */
};

/* ---- places ---- */

static int
cmp64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int
by_partition(const struct place *a, const struct place *b)
{
    if (a->cluster != b->cluster)
        return a->cluster - b->cluster;
    if (a->topic != b->topic)
        return a->topic - b->topic;
    return cmp64(a->partition, b->partition);
}

static int
by_place(const struct place *a, const struct place *b)
{
    const int order = by_partition(a, b);
    return order ? order : cmp64(a->offset, b->offset);
}

static int
sighting_by_place(const void *a, const void *b)
{
    const struct sighting *x = a, *y = b;
    return by_place(&x->at, &y->at);
}

static int
range_by_partition(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return by_partition(&x->at, &y->at);
}

static bool
covered(const struct judging *j, const struct place *at)
{
    const struct range key = {.at = *at};
    const struct range *r = j->ranges
                                ? bsearch(&key, j->ranges, j->book->n_ranges,
                                          sizeof(key), range_by_partition)
                                : NULL;
    return r && at->offset >= r->at.offset && at->offset < r->high;
}

/* Does a dump contradict that `entry` stands at `at`? */
static bool
contradicted(const struct judging *j, int64_t entry, const struct place *at)
{
    if (!covered(j, at))
        return false;
    const struct sighting key = {.at = *at};
    const struct sighting *s = j->dumped
                                   ? bsearch(&key, j->dumped, j->book->n_dumped,
                                             sizeof(key), sighting_by_place)
                                   : NULL;
    return !s || s->entry != entry;
}

/* ---- origins and how often a record was written ---- */

/* The cluster whose name and a dot `topic` begins with. */
static int
prefix_of(const struct strlist *clusters, const char *topic)
{
    for (size_t i = 0; i < clusters->n; i++) {
        const size_t n = strlen(clusters->v[i]);
        if (strncmp(topic, clusters->v[i], n) == 0 && topic[n] == '.')
            return (int)i;
    }
    return NO_NAME;
}

static int16_t
origin_of(const struct strlist *clusters, size_t cluster, const char *topic)
{
    int origin = (int)cluster;
    for (int i; (i = prefix_of(clusters, topic)) != NO_NAME; origin = i)
        topic += strlen(clusters->v[i]) + 1;
    return (int16_t)origin;
}

static void
find_origins(struct judging *j)
{
    const struct book *b = j->book;
    j->origin = xcalloc(b->clusters.n * b->topics.n, sizeof(*j->origin));
    for (size_t c = 0; c < b->clusters.n; c++)
        for (size_t t = 0; t < b->topics.n; t++)
            j->origin[c * b->topics.n + t] =
                origin_of(&b->clusters, c, b->topics.v[t]);
}

static int
standing_order(const void *a, const void *b)
{
    const struct standing *x = a, *y = b;
    int order = cmp64(x->entry, y->entry);
    if (order == 0)
        order = x->origin - y->origin;
    return order ? order : by_place(&x->at, &y->at);
}

static void
add_standing(const struct judging *j, struct standing *all, size_t *n,
             const struct sighting *s)
{
    const size_t topics = j->book->topics.n;
    all[(*n)++] = (struct standing){
        .entry = s->entry,
        .origin =
            j->origin[(size_t)s->at.cluster * topics + (size_t)s->at.topic],
        .at = s->at};
}

/* Of one record and one origin (all[0..n)), sorted: the most different places
 * on one cluster. */
static uint16_t
count_written(const struct standing *all, size_t n)
{
    uint16_t most = 0, here = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && by_place(&all[i - 1].at, &all[i].at) == 0)
            continue;
        if (i > 0 && all[i - 1].at.cluster != all[i].at.cluster)
            here = 0;
        here++;
        most = here > most ? here : most;
    }
    return most;
}

static void
count_places(struct judging *j)
{
    const struct book *b = j->book;
    struct standing *all = xcalloc(b->n_dumped + b->n_reads, sizeof(*all));
    size_t n = 0;
    for (size_t i = 0; i < b->n_dumped; i++)
        add_standing(j, all, &n, &b->dumped[i]);
    for (size_t i = 0; i < b->n_reads; i++)
        if (!covered(j, &b->reads[i].at))
            add_standing(j, all, &n, &b->reads[i]);
    qsort(all, n, sizeof(*all), standing_order);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && all[end].entry == all[i].entry &&
                          all[end].origin == all[i].origin;)
            end++;
        uint16_t *times = &j->times_written[all[i].entry];
        *times = (uint16_t)(*times + count_written(all + i, end - i));
    }
    free(all);
}

/* ---- what dumps say ---- */

static void
take_dumps(struct judging *j)
{
    const struct book *b = j->book;
    j->dumped = xcalloc(b->n_dumped, sizeof(*j->dumped));
    j->ranges = xcalloc(b->n_ranges, sizeof(*j->ranges));
    if (b->n_dumped)
        memcpy(j->dumped, b->dumped, b->n_dumped * sizeof(*j->dumped));
    if (b->n_ranges)
        memcpy(j->ranges, b->ranges, b->n_ranges * sizeof(*j->ranges));
    qsort(j->dumped, b->n_dumped, sizeof(*j->dumped), sighting_by_place);
    qsort(j->ranges, b->n_ranges, sizeof(*j->ranges), range_by_partition);
    for (size_t i = 0; i < b->n_dumped; i++)
        if (!j->dead[b->dumped[i].at.cluster])
            j->stands[b->dumped[i].entry] = true;
}

static size_t
writer_of(const struct book *b, int64_t entry)
{
    size_t i = 0;
    while (i + 1 < b->n_writers &&
           (size_t)entry >= b->clients[i + 1].first_entry)
        i++;
    return i;
}

/* In each physical partition, the first places of a writer's records stand in
 * the order in which he wrote them. */
static int64_t
count_standing_out_of_order(const struct judging *j)
{
    const struct book *b = j->book;
    int64_t *newest = xcalloc(b->n_writers, sizeof(*newest));
    int64_t *seen = xcalloc(b->n_entries, sizeof(*seen));
    int64_t count = 0, partition = 0;
    for (size_t i = 0; i < b->n_dumped; i++) {
        const struct sighting *s = &j->dumped[i];
        if (i == 0 || by_partition(&j->dumped[i - 1].at, &s->at) != 0) {
            partition++;
            memset(newest, 0xff, b->n_writers * sizeof(*newest));
        }
        if (seen[s->entry] == partition)
            continue;
        seen[s->entry] = partition;
        int64_t *last = &newest[writer_of(b, s->entry)];
        if (s->entry < *last)
            count++;
        else
            *last = s->entry;
    }
    free(newest);
    free(seen);
    return count;
}

/* ---- writers ---- */

static void
judge_entry(const struct judging *j, size_t i, struct verdict *v)
{
    const struct entry *e = &j->book->entries[i];
    const int reports = e->acks + e->errors;
    v->acked += e->acks > 0;
    v->failed += e->acks == 0 && e->errors > 0;
    v->unreported += reports == 0;
    v->reported_twice += reports > 1;
    v->standing += j->stands[i];
    if (j->times_written[i] > 1)
        v->written_twice += j->times_written[i] - 1;
    if (e->acks == 0)
        return;
    v->misplaced_acks += contradicted(j, (int64_t)i, &e->ack);
    if (j->dead[e->ack.cluster] && !j->stands[i]) {
        v->never_replicated++;
        v->never_replicated_read += j->read_by_any[i];
    }
}

/* ---- groups ---- */

static int
by_time(const void *a, const void *b)
{
    const struct sighting *x = *(const struct sighting *const *)a;
    const struct sighting *y = *(const struct sighting *const *)b;
    const int order = cmp64(x->mono_us, y->mono_us);
    return order ? order : (x > y) - (x < y); /* as logged */
}

/* The group's readings in the order of time; owned by the caller. */
static const struct sighting **
readings_of(const struct book *b, const char *group, size_t *n)
{
    const struct sighting **v = xcalloc(b->n_reads, sizeof(*v));
    *n = 0;
    for (size_t i = 0; i < b->n_reads; i++)
        if (strcmp(b->clients[b->reads[i].client].group, group) == 0)
            v[(*n)++] = &b->reads[i];
    qsort(v, *n, sizeof(*v), by_time);
    return v;
}

/* Where each writer's keys begin in an array of all of them. */
static int64_t **
newest_by_key(const struct book *b)
{
    int64_t **v = xcalloc(b->n_writers, sizeof(*v));
    for (size_t i = 0; i < b->n_writers; i++) {
        const size_t bytes = (size_t)b->clients[i].keys * sizeof(**v);
        v[i] = xmalloc(bytes);
        memset(v[i], 0xff, bytes);
    }
    return v;
}

/* The first readings of a group, for the order within partitions. */
struct firsts {
    const struct book *book;
    const struct sighting **v;
    size_t n;
};

static int
by_stream(const struct book *b, const struct sighting *x,
          const struct sighting *y)
{
    int order = x->client - y->client;
    if (order == 0)
        order = by_partition(&x->at, &y->at);
    if (order == 0)
        order = cmp64((int64_t)writer_of(b, x->entry),
                      (int64_t)writer_of(b, y->entry));
    return order ? order : b->entries[x->entry].key - b->entries[y->entry].key;
}

static int
by_stream_and_time(const void *x, const void *y, void *book)
{
    const struct sighting *const *a = x, *const *b = y;
    const int order = by_stream(book, *a, *b);
    return order ? order : by_time(x, y);
}

static int64_t
count_disordered(const struct firsts *f)
{
    const struct book *book = f->book;
    int64_t count = 0;
    int32_t newest = -1;
    qsort_r(f->v, f->n, sizeof(*f->v), by_stream_and_time,
            (void *)(uintptr_t)book); /* only read */
    for (size_t i = 0; i < f->n; i++) {
        const int32_t seq = book->entries[f->v[i]->entry].key_seq;
        if (i == 0 || by_stream(book, f->v[i - 1], f->v[i]) != 0)
            newest = -1;
        count += seq < newest;
        newest = seq > newest ? seq : newest;
    }
    return count;
}

static void
judge_readings(const struct judging *j, struct group_verdict *g,
               uint16_t *times)
{
    const struct book *b = j->book;
    size_t n = 0;
    const struct sighting **v = readings_of(b, g->name, &n);
    int64_t **newest = newest_by_key(b);
    struct firsts firsts = {.book = b, .v = v};
    g->deliveries = (int64_t)n;
    for (size_t i = 0; i < n; i++) {
        const int64_t entry = v[i]->entry;
        const struct entry *e = &b->entries[entry];
        g->misplaced += contradicted(j, entry, &v[i]->at);
        if (times[entry]++ > 0)
            continue;
        g->read++;
        v[firsts.n++] = v[i];
        int64_t *last = &newest[writer_of(b, entry)][e->key];
        if (e->key_seq < *last)
            g->out_of_order++;
        else
            *last = e->key_seq;
    }
    g->disordered = count_disordered(&firsts);
    for (size_t i = 0; i < b->n_writers; i++)
        free(newest[i]);
    free(newest);
    free(v);
}

static void
judge_unread(const struct judging *j, size_t i, struct group_verdict *g)
{
    const struct entry *e = &j->book->entries[i];
    if (e->acks == 0) {
        g->unread_unacked += j->stands[i];
        return;
    }
    if (j->dead[e->ack.cluster] && !j->stands[i])
        return; /* never replicated */
    g->lost++;
    if (g->n_lost_examples < EXAMPLES_MAX)
        g->lost_examples[g->n_lost_examples++] = (int64_t)i;
}

static void
judge_group(const struct judging *j, struct group_verdict *g)
{
    const struct book *b = j->book;
    uint16_t *times = xcalloc(b->n_entries, sizeof(*times));
    judge_readings(j, g, times);
    for (size_t i = 0; i < b->n_entries; i++) {
        /* A reading that a dump contradicts gives a record no place. */
        const uint16_t written = j->times_written[i] ? j->times_written[i] : 1;
        if (times[i] > written)
            g->read_twice += times[i] - written;
        if (times[i] == 0)
            judge_unread(j, i, g);
    }
    for (size_t i = b->n_writers; i < b->n_clients; i++) {
        if (strcmp(b->clients[i].group, g->name) != 0)
            continue;
        g->readers++;
        g->foreign += b->clients[i].foreign;
    }
    free(times);
}

static bool
has_group(const struct verdict *v, const char *name)
{
    for (size_t i = 0; i < v->n_groups; i++)
        if (strcmp(v->groups[i].name, name) == 0)
            return true;
    return false;
}

static void
add_groups(const struct book *b, const struct strlist *only, struct verdict *v)
{
    for (size_t i = b->n_writers; i < b->n_clients; i++) {
        const char *name = b->clients[i].group;
        if (has_group(v, name) || (only->n && !strlist_has(only, name)))
            continue;
        v->groups =
            xreallocarray(v->groups, v->n_groups + 1, sizeof(*v->groups));
        v->groups[v->n_groups++] = (struct group_verdict){.name = name};
    }
}

/* ---- all together ---- */

static int
check(const struct book *b, const struct judge_conf *conf,
      const struct verdict *v, struct err *err)
{
    for (size_t i = 0; i < conf->group->n; i++)
        if (!has_group(v, conf->group->v[i]))
            return err_field(err, ERR_INVALID, "group", conf->group->v[i],
                             "no reader of group %s", conf->group->v[i]);
    if (v->n_groups == 0)
        return err_field(err, ERR_INVALID, "readers", "",
                         "without the log of a reader nothing can be lost");
    for (size_t i = 0; i < conf->dead->n; i++)
        if (book_name(&b->clusters, conf->dead->v[i]) == NO_NAME)
            return err_field(err, ERR_INVALID, "dead", conf->dead->v[i],
                             "no log names a cluster %s", conf->dead->v[i]);
    return 0;
}

/* ---- does a dump tell what became of a dead cluster's records? ---- */

/* The topic that is called after its origin; NO_NAME: no log names it. */
static int
copy_of(const struct book *b, const struct place *at)
{
    const char *cluster = b->clusters.v[at->cluster];
    const size_t n = strlen(cluster);
    for (size_t i = 0; i < b->topics.n; i++) {
        const char *topic = b->topics.v[i];
        if (strncmp(topic, cluster, n) == 0 && topic[n] == '.' &&
            strcmp(topic + n + 1, b->topics.v[at->topic]) == 0)
            return (int)i;
    }
    return NO_NAME;
}

/* Is `topic` on `cluster` the copy of the topic of that name on `dead`? */
static bool
has_records_of(const struct book *b, int dead, int cluster, int topic)
{
    for (size_t i = 0; i < b->n_dumped; i++) {
        const struct sighting *s = &b->dumped[i];
        const struct entry *e = &b->entries[s->entry];
        if (s->at.cluster == cluster && s->at.topic == topic && e->acks > 0 &&
            e->ack.cluster == dead && e->ack.topic == topic)
            return true;
    }
    return false;
}

static bool
copy_covered(const struct judging *j, const struct place *at)
{
    const struct book *b = j->book;
    const int copy = copy_of(b, at);
    for (size_t i = 0; i < b->n_ranges; i++) {
        const struct place *r = &b->ranges[i].at;
        if (j->dead[r->cluster] || r->partition != at->partition)
            continue;
        if (r->topic == copy ||
            (r->topic == at->topic &&
             has_records_of(b, at->cluster, r->cluster, r->topic)))
            return true;
    }
    return false;
}

/* The acknowledgements of dead clusters, the first of each partition. */
static struct place *
dead_partitions(const struct judging *j, size_t *n)
{
    const struct book *b = j->book;
    struct place *v = NULL;
    size_t cap = 0;
    *n = 0;
    for (size_t i = 0; i < b->n_entries; i++) {
        const struct entry *e = &b->entries[i];
        if (e->acks == 0 || !j->dead[e->ack.cluster])
            continue;
        size_t k = 0;
        while (k < *n && by_partition(&v[k], &e->ack) != 0)
            k++;
        if (k < *n)
            continue;
        v = book_grow(v, *n, &cap, sizeof(*v));
        v[(*n)++] = e->ack;
    }
    return v;
}

static int
check_copies(const struct judging *j, struct err *err)
{
    const struct book *b = j->book;
    size_t n = 0;
    int rc = 0;
    struct place *v = dead_partitions(j, &n);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const char *dead = b->clusters.v[v[i].cluster];
        const char *topic = b->topics.v[v[i].topic];
        if (!copy_covered(j, &v[i]))
            rc = err_field(err, ERR_INVALID, "dead", dead,
                           "no dump of a living cluster covers %s.%s/%d, the "
                           "copy of what %s acknowledged",
                           dead, topic, v[i].partition, dead);
    }
    free(v);
    return rc;
}

static void
prepare(struct judging *j, const struct strlist *dead)
{
    const struct book *b = j->book;
    j->dead = xcalloc(b->clusters.n, sizeof(*j->dead));
    j->times_written = xcalloc(b->n_entries, sizeof(*j->times_written));
    j->stands = xcalloc(b->n_entries, sizeof(*j->stands));
    j->read_by_any = xcalloc(b->n_entries, sizeof(*j->read_by_any));
    for (size_t i = 0; i < b->clusters.n; i++)
        j->dead[i] = strlist_has(dead, b->clusters.v[i]);
    for (size_t i = 0; i < b->n_reads; i++)
        j->read_by_any[b->reads[i].entry] = true;
    find_origins(j);
    take_dumps(j);
    count_places(j);
}

static void
judging_fini(struct judging *j)
{
    free(j->dead);
    free(j->origin);
    free(j->dumped);
    free(j->ranges);
    free(j->times_written);
    free(j->stands);
    free(j->read_by_any);
}

static void
judge_stalls(const struct book *b, struct verdict *v)
{
    const struct busy busy = stall_busy(b);
    v->n_clients = b->n_clients;
    v->clients = xcalloc(b->n_clients, sizeof(*v->clients));
    for (size_t i = 0; i < b->n_clients; i++)
        v->clients[i] = stall_of(b, &b->clients[i], busy);
}

int
judge(const struct book *b, const struct judge_conf *conf, struct verdict *out,
      struct err *err)
{
    *out = (struct verdict){.written = (int64_t)b->n_entries};
    add_groups(b, conf->group, out);
    int rc = check(b, conf, out, err);
    struct judging j = {.book = b};
    if (rc == 0) {
        prepare(&j, conf->dead);
        rc = check_copies(&j, err);
    }
    if (rc) {
        judging_fini(&j);
        verdict_fini(out);
        return rc;
    }
    for (size_t i = 0; i < b->n_entries; i++)
        judge_entry(&j, i, out);
    out->standing_out_of_order = count_standing_out_of_order(&j);
    for (size_t i = 0; i < out->n_groups; i++) {
        struct group_verdict *g = &out->groups[i];
        judge_group(&j, g);
        out->lost += g->lost;
        out->read_twice += g->read_twice;
        out->out_of_order += g->out_of_order;
        out->disordered += g->disordered;
    }
    if (b->n_ranges == 0)
        out->standing = -1;
    judging_fini(&j);
    judge_stalls(b, out);
    return 0;
}

void
verdict_fini(struct verdict *v)
{
    for (size_t i = 0; i < v->n_clients; i++)
        free(v->clients[i].v);
    free(v->clients);
    free(v->groups);
    *v = (struct verdict){0};
}
