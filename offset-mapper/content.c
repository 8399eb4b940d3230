/*
 * A request becomes one or two jobs of a reader (reader.c); what comes of them
 * is judged on the reader's thread (match.c) and posted home.  Nothing here has
 * a thread; `lock` guards the start of readers.
 */
#include "offset-mapper/content.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/base/xmem.h"
#include "offset-mapper/reader.h"

struct content {
    const struct config *config;
    pthread_mutex_t lock;
    struct reader **readers; /* one for each cluster, NULL until it is needed */
    bool stopped;
};

struct request {
    struct reader_job job; /* first: the reader hands it back */
    struct reader *reader;
    struct loop *home;
    void *arg;
    content_window_fn *on_window;
    content_found_fn *on_found;
    int64_t low, high; /* as asked; position and -1 of content_prints() */
    struct po_print *prints;
    size_t n;
    struct content_found found;
    struct content_window window; /* owns its records; err is &err */
    struct err err;
};

/* ---- home ---------------------------------------------------------------- */

static struct request *
request_of(struct reader_job *job)
{
    return (struct request *)job;
}

static void
request_free(struct request *q)
{
    void *const own = (void *)(uintptr_t)q->window.v;
    free(own);
    free(q->prints);
    free(q->job.topic);
    free(q);
}

static void
deliver(void *arg)
{
    struct request *q = arg;
    if (q->on_found)
        q->on_found(q->arg, &q->found);
    else
        q->on_window(q->arg, &q->window);
    request_free(q);
}

static void
send_error(struct request *q, const struct err *err)
{
    q->err = *err;
    q->window =
        (struct content_window){.low = q->low, .end = q->low, .err = &q->err};
    q->found = (struct content_found){.kind = CONTENT_UNREAD,
                                      .first = -1,
                                      .last = -1,
                                      .end = q->low,
                                      .err = *err};
    must(loop_post(q->home, deliver, q));
}

static void
send_window(struct request *q, const struct content_window *w, size_t skip)
{
    q->window = *w;
    q->window.n = w->n - skip;
    q->window.v = NULL;
    if (q->window.n > 0) {
        struct po_print *v = xcalloc(q->window.n, sizeof(*v));
        memcpy(v, w->v + skip, q->window.n * sizeof(*v));
        q->window.v = v;
    }
    must(loop_post(q->home, deliver, q));
}

/* ---- requests ------------------------------------------------------------- */

static int
reader_for(struct content *c, size_t cluster, struct reader **out,
           struct err *err)
{
    int rc = 0;
    (void)pthread_mutex_lock(&c->lock); /* cannot fail: never recursive */
    if (c->stopped)
        rc = err_set(err, ERR_CLOSED, "the mapper is stopping");
    else if (!c->readers[cluster])
        rc = reader_start(&c->config->clusters[cluster], &c->readers[cluster],
                          err);
    *out = c->readers[cluster];
    (void)pthread_mutex_unlock(&c->lock);
    return rc;
}

static int
find_reader(struct content *c, const char *cluster, struct reader **out,
            struct err *err)
{
    for (size_t i = 0; i < c->config->n_clusters; i++)
        if (strcmp(c->config->clusters[i].name, cluster) == 0)
            return reader_for(c, i, out, err);
    return err_set(err, ERR_INVALID, "no cluster is called \"%s\"", cluster);
}

static struct request *
new_request(const struct content_place *at, int64_t deadline_ms,
            struct loop *home, void *arg)
{
    struct request *q = xcalloc(1, sizeof(*q));
    q->job.topic = xstrdup(at->topic);
    q->job.partition = at->partition;
    q->job.deadline_ms = deadline_ms;
    q->home = home;
    q->arg = arg;
    return q;
}

static int
check(const struct request *q, struct err *err)
{
    const long long low = (long long)q->job.low, high = (long long)q->job.high;
    if (low < 0 || high < low)
        return err_set(err, ERR_INVALID,
                       "%s [%d]: offsets %lld to %lld are no window",
                       q->job.topic, q->job.partition, low, high);
    if (high - low <= CONTENT_WINDOW_MAX)
        return 0;
    return err_set(err, ERR_LIMIT,
                   "%s [%d]: offsets %lld to %lld are too many to read: %lld "
                   "at most",
                   q->job.topic, q->job.partition, low, high,
                   (long long)CONTENT_WINDOW_MAX);
}

static void
submit(struct content *c, const char *cluster, struct request *q)
{
    struct err err = {0};
    int rc = check(q, &err);
    if (rc == 0)
        rc = find_reader(c, cluster, &q->reader, &err);
    if (rc)
        send_error(q, &err);
    else
        reader_submit(q->reader, &q->job);
}

/* ---- a window as it is ---------------------------------------------------- */

static void
read_done(struct reader_job *job, const struct content_window *w)
{
    if (w->err)
        send_error(request_of(job), w->err);
    else
        send_window(request_of(job), w, 0);
}

void
content_read(struct content *c, const struct content_place *at, int64_t low,
             int64_t high, int64_t deadline_ms, struct loop *home,
             content_window_fn *fn, void *arg)
{
    struct request *q = new_request(at, deadline_ms, home, arg);
    q->on_window = fn;
    q->low = q->job.low = low;
    q->high = q->job.high = high;
    q->job.cut_ok = true;
    q->job.done = read_done;
    submit(c, at->cluster, q);
}

/* ---- the records before a position ---------------------------------------- */

static int64_t
below(int64_t offset, int64_t span)
{
    return offset > span ? offset - span : 0;
}

/* Where offsets are missing (compaction, transactions) the records wanted
 * stand further up. */
static void
prints_done(struct reader_job *job, const struct content_window *w)
{
    struct request *q = request_of(job);
    const int64_t span = job->high - job->low;
    if (w->err) {
        send_error(q, w->err);
    } else if (w->n < q->n && job->low > 0 && !w->cut &&
               span < CONTENT_WINDOW_MAX) {
        job->low = below(job->high, span < CONTENT_WINDOW_MAX / 8
                                        ? 8 * span
                                        : CONTENT_WINDOW_MAX);
        reader_submit(q->reader, job);
    } else {
        send_window(q, w, w->n > q->n ? w->n - q->n : 0);
    }
}

/* Room for `n` records, each with a transaction marker, and some more. */
static int64_t
room_for(size_t n)
{
    return 2 * (int64_t)n + 16;
}

void
content_prints(struct content *c, const struct content_place *at, int64_t q,
               size_t n, int64_t deadline_ms, struct loop *home,
               content_window_fn *fn, void *arg)
{
    struct request *r = new_request(at, deadline_ms, home, arg);
    r->on_window = fn;
    r->n = n < CONTENT_PRINTS_MAX ? n : CONTENT_PRINTS_MAX;
    r->low = r->job.low = below(q, room_for(r->n));
    r->high = r->job.high = q;
    r->job.cut_ok = true;
    r->job.done = prints_done;
    submit(c, at->cluster, r);
}

/* ---- a copy ---------------------------------------------------------------- */

static void
judge(struct request *q, const struct content_window *w)
{
    const struct match_window m = {
        .v = w->v,
        .n = w->n,
        .low = q->low,
        .high = q->high,
        .end = w->end,
        .at_end = w->at_end,
    };
    match_find(&m, q->prints, q->n, &q->found);
    must(loop_post(q->home, deliver, q));
}

/* The room for neighbours may be deleted where the window itself is not. */
static void
find_done(struct reader_job *job, const struct content_window *w)
{
    struct request *q = request_of(job);
    if (w->err && w->err->code == ERR_NOTFOUND && job->low < q->low) {
        job->low = q->low;
        reader_submit(q->reader, job);
    } else if (w->err) {
        send_error(q, w->err);
    } else {
        judge(q, w);
    }
}

static int
copy_prints(struct request *q, const struct po_print *prints, size_t n,
            struct err *err)
{
    if (n == 0 || n > CONTENT_PRINTS_MAX)
        return err_set(err, ERR_INVALID,
                       "%zu fingerprints are no question; 1 to %d are", n,
                       CONTENT_PRINTS_MAX);
    q->prints = xcalloc(n, sizeof(*q->prints));
    memcpy(q->prints, prints, n * sizeof(*prints));
    q->n = n;
    return 0;
}

void
content_find(struct content *c, const struct content_place *at, int64_t low,
             int64_t high, const struct po_print *prints, size_t n,
             int64_t deadline_ms, struct loop *home, content_found_fn *fn,
             void *arg)
{
    struct request *q = new_request(at, deadline_ms, home, arg);
    struct err err = {0};
    q->on_found = fn;
    q->low = low;
    q->high = q->job.high = high;
    q->job.low = n > 1 ? below(low, room_for(n)) : low;
    q->job.done = find_done;
    if (copy_prints(q, prints, n, &err))
        send_error(q, &err);
    else
        submit(c, at->cluster, q);
}

/* ---- life ------------------------------------------------------------------ */

struct content *
content_new(const struct config *config)
{
    struct content *c = xcalloc(1, sizeof(*c));
    c->config = config;
    c->readers = xcalloc(config->n_clusters + 1, sizeof(struct reader *));
    (void)pthread_mutex_init(&c->lock, NULL); /* cannot fail: defaults */
    return c;
}

void
content_stop(struct content *c)
{
    size_t n = 0;
    if (c->stopped)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stopped = true;
    struct reader **all = xcalloc(c->config->n_clusters + 1, sizeof(*all));
    for (size_t i = 0; i < c->config->n_clusters; i++)
        if (c->readers[i])
            all[n++] = c->readers[i];
    (void)pthread_mutex_unlock(&c->lock);
    reader_stop(all, n);
    free(all);
}

void
content_free(struct content *c)
{
    if (!c)
        return;
    content_stop(c);
    for (size_t i = 0; i < c->config->n_clusters; i++)
        if (c->readers[i])
            reader_free(c->readers[i]);
    (void)pthread_mutex_destroy(&c->lock);
    free(c->readers);
    free(c);
}
