/*
 * See metrics_text.h.  The list of handles has one mutex, held while their
 * text is made: it is taken before any lock of a handle and never within a
 * callback of the application.
 */
#include "sdk/src/metrics_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "sdk/src/handle.h"

#define TEXT_MAX (64u << 20)
#define PREFIX   "shunt_sdk_"

static const struct {
    enum metric_of of;
    const char *name, *help;
} counters[METRICS_N] = {
#define METRIC_ROW(name, of, prometheus, help)                                 \
    {METRIC_OF_##of, prometheus, help},
    METRICS(METRIC_ROW)
#undef METRIC_ROW
};

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static shunt_t *list;

void
metrics_enlist(shunt_t *rk)
{
    pthread_mutex_lock(&list_mutex);
    DL_APPEND(list, rk);
    pthread_mutex_unlock(&list_mutex);
}

void
metrics_delist(shunt_t *rk)
{
    pthread_mutex_lock(&list_mutex);
    DL_DELETE(list, rk);
    pthread_mutex_unlock(&list_mutex);
}

bool
handles_find(bool (*fn)(shunt_t *rk, void *arg), void *arg)
{
    bool found = false;
    shunt_t *rk;
    pthread_mutex_lock(&list_mutex);
    for (rk = list; rk && !found; rk = rk->next)
        found = fn(rk, arg);
    pthread_mutex_unlock(&list_mutex);
    return found;
}

/* ---- writing ------------------------------------------------------------ */

static void
head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name,
               help, name, type);
}

static void
label_value(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '\n')
            buf_puts(b, "\\n");
        else if (*s == '\\' || *s == '"')
            buf_printf(b, "\\%c", *s);
        else
            buf_append(b, s, 1);
    }
}

/* `labels`: pairs of name and value, ended by NULL. */
static void
sample(struct buf *b, const char *name, const struct metrics_shot *s,
       const char *const *labels, int64_t value)
{
    buf_printf(b, PREFIX "%s{handle=\"", name);
    label_value(b, s->handle);
    for (; labels && labels[0]; labels += 2) {
        buf_printf(b, "\",%s=\"", labels[0]);
        label_value(b, labels[1]);
    }
    buf_printf(b, "\"} %" PRId64 "\n", value);
}

static void
write_counter(struct buf *b, const struct metrics_shot *shots, size_t n,
              enum metric which)
{
    char name[64];
    bool any = false;
    (void)snprintf(name, sizeof(name), "%s_total", counters[which].name);
    for (size_t i = 0; i < n; i++) {
        if (!(shots[i].of & counters[which].of))
            continue;
        if (!any)
            head(b, name, "counter", counters[which].help);
        any = true;
        sample(b, name, &shots[i], NULL, shots[i].counters[which]);
    }
}

static const struct gauge {
    const char *name, *help;
    size_t offset;
    int64_t none; /* this value: there is nothing to tell */
} gauges[] = {
    {"route_revision", "Revision of the newest route known.",
     offsetof(struct metrics_shot, revision), 0},
    {"residency_since", "Revision that began the stay on the cluster in use.",
     offsetof(struct metrics_shot, since), 0},
    {"last_switch_stall_ms", "Milliseconds without delivery of the last move.",
     offsetof(struct metrics_shot, stall_ms), -1},
    {"outq", "Records accepted and not reported yet.",
     offsetof(struct metrics_shot, outq), -1},
};

static void
write_gauge(struct buf *b, const struct metrics_shot *shots, size_t n,
            const struct gauge *g)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        int64_t value;
        memcpy(&value, (const char *)&shots[i] + g->offset, sizeof(value));
        if (value == g->none)
            continue;
        if (!any)
            head(b, g->name, "gauge", g->help);
        any = true;
        sample(b, g->name, &shots[i], NULL, value);
    }
}

static void
write_clusters(struct buf *b, const struct metrics_shot *shots, size_t n)
{
    head(b, "cluster", "gauge", "1 for the cluster in use.");
    for (size_t i = 0; i < n; i++) {
        const char *labels[] = {"role", shots[i].role, "cluster",
                                shots[i].cluster, NULL};
        if (shots[i].cluster)
            sample(b, "cluster", &shots[i], labels, 1);
    }
}

static void
write_standbys(struct buf *b, const struct metrics_shot *shots, size_t n)
{
    head(b, "standby_ready", "gauge",
         "1 where what switch.standby keeps on a cluster is ready, else 0.");
    for (size_t i = 0; i < n; i++) {
        const char *labels[] = {"cluster", shots[i].standby, NULL};
        if (shots[i].standby)
            sample(b, "standby_ready", &shots[i], labels,
                   shots[i].standby_ready);
    }
}

static void
write_phases(struct buf *b, const struct metrics_shot *shots, size_t n)
{
    const char *name = "last_switch_phase_ms";
    head(b, name, "gauge",
         "When the last move to a cluster reached a phase, from its begin.");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < shots[i].n_phases; k++) {
            const struct metric_phase *p = &shots[i].phases[k];
            const char *labels[] = {"to", p->to, "phase", p->phase, NULL};
            sample(b, name, &shots[i], labels, p->ms);
        }
}

static void
write_stream(struct buf *b, const char *name, const struct metrics_shot *s,
             const struct stream_gauge *g, int64_t value)
{
    char partition[16];
    (void)snprintf(partition, sizeof(partition), "%" PRId32, g->partition);
    const char *labels[] = {"cluster",   g->cluster ? g->cluster : "",
                            "topic",     g->topic ? g->topic : "",
                            "partition", partition,
                            "origin",    g->origin ? g->origin : "",
                            NULL};
    if (value >= 0)
        sample(b, name, s, labels, value);
}

static void
write_streams(struct buf *b, const struct metrics_shot *shots, size_t n)
{
    head(b, "stream_lag", "gauge",
         "Records of a partition behind the position.");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < shots[i].n_streams; k++)
            write_stream(b, "stream_lag", &shots[i], &shots[i].streams[k],
                         shots[i].streams[k].lag);
    head(b, "stream_position", "gauge",
         "Offset of the record to be delivered next.");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < shots[i].n_streams; k++)
            write_stream(b, "stream_position", &shots[i], &shots[i].streams[k],
                         shots[i].streams[k].position);
}

void
metrics_render(struct buf *b, const struct metrics_shot *shots, size_t n)
{
    for (int i = 0; i < METRICS_N; i++)
        write_counter(b, shots, n, (enum metric)i);
    for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++)
        write_gauge(b, shots, n, &gauges[i]);
    write_clusters(b, shots, n);
    write_standbys(b, shots, n);
    write_phases(b, shots, n);
    write_streams(b, shots, n);
}

/* ---- gathering ---------------------------------------------------------- */

/* ERR_NOMEM. */
static int
gather(shunt_t *rk, struct metrics_shot *s)
{
    struct metrics *m = &rk->metrics;
    struct route *route = control_route(rk->engine.control);
    const bool produces = rk->type == RD_KAFKA_PRODUCER;
    *s = (struct metrics_shot){
        .handle = rk->name,
        .role = produces ? "producer" : "consumer",
        .cluster = shunt_cluster(rk),
        .of = produces ? METRIC_OF_PRODUCER : METRIC_OF_CONSUMER,
        .revision = route ? route->answer.revision : 0,
        .outq = produces ? shunt_outq_len(rk) : -1,
    };
    route_unref(route);
    if (produces)
        producer_count(rk->producer);
    for (int i = 0; i < METRICS_N; i++)
        s->counters[i] = metrics_get(m, (enum metric)i);
    pthread_mutex_lock(&m->mutex);
    s->since = m->since;
    s->stall_ms = m->stall_ms;
    s->n_phases = m->n_phases;
    memcpy(s->phases, m->phases, sizeof(s->phases));
    pthread_mutex_unlock(&m->mutex);
    if (rk->consumer)
        s->standby = consumer_standby(rk->consumer, &s->standby_ready);
    return rk->consumer
               ? consumer_streams(rk->consumer, &s->streams, &s->n_streams)
               : 0;
}

/* Below list_mutex.  NULL: out of memory. */
static char *
text_of(shunt_t *first, size_t n)
{
    struct buf b;
    struct metrics_shot *shots = calloc(n ? n : 1, sizeof(*shots));
    if (!shots)
        return NULL;
    int rc = 0;
    size_t i = 0;
    for (shunt_t *rk = first; i < n && !rc; rk = rk->next)
        rc = gather(rk, &shots[i++]);
    buf_init(&b, TEXT_MAX);
    if (!rc)
        metrics_render(&b, shots, n);
    for (i = 0; i < n; i++)
        free(shots[i].streams);
    free(shots);
    return rc ? NULL : buf_take(&b);
}

char *
shunt_metrics_text(shunt_t *rk)
{
    size_t n = 1;
    pthread_mutex_lock(&list_mutex);
    if (!rk) {
        const shunt_t *each;
        DL_COUNT(list, each, n);
        rk = list;
    }
    char *text = text_of(rk, n);
    pthread_mutex_unlock(&list_mutex);
    return text;
}
