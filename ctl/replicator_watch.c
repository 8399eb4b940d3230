/* replicator watch: the progress of a first copy, until it is done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/out.h"
#include "ctl/replicator.h"

#define PAUSE_MS  1000
#define BAR_CELLS 20

/* One flow, of all processes together. */
struct progress {
    char *flow;
    int64_t records, of, rate, bytes, lag, left_ms; /* -1: not known */
    bool known, ready, paused;
    size_t problems;
};

struct watch {
    struct progress *v;
    size_t n;
};

static struct progress *
progress_of(struct watch *w, const char *flow)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->v[i].flow, flow) == 0)
            return &w->v[i];
    w->v = xreallocarray(w->v, w->n + 1, sizeof(*w->v));
    w->v[w->n] =
        (struct progress){.flow = xstrdup(flow), .known = true, .ready = true};
    return &w->v[w->n++];
}

static void
add(struct watch *w, const struct json_t *flow)
{
    struct progress *p = progress_of(w, out_str(flow, "flow"));
    const struct json_t *first = js_any(flow, "first_copy");
    const int64_t left = out_int(flow, "first_copy_left_ms", -1);
    p->records += out_int(first, "records", 0);
    p->of += out_int(first, "of", 0);
    p->rate += out_int(flow, "records_per_s", 0);
    p->bytes += out_int(flow, "bytes_per_s", 0);
    p->lag += out_int(flow, "lag", 0);
    p->problems += (size_t)out_int(flow, "problems", 0);
    p->problems += js_str(js_any(flow, "error")) != NULL;
    p->ready = p->ready && strcmp(out_str(flow, "ready"), "true") == 0;
    p->paused = p->paused || strcmp(out_str(flow, "paused"), "true") == 0;
    p->known = p->known && out_int(first, "percent", -1) >= 0;
    p->left_ms = left < 0 || p->left_ms < 0 ? -1
                 : left > p->left_ms        ? left
                                            : p->left_ms;
}

static void
sum_up(struct watch *w, const struct replicators *r)
{
    *w = (struct watch){0};
    for (size_t i = 0; i < r->urls.n; i++) {
        const struct json_t *flows = js_any(r->replies[i].json, "flows");
        for (size_t k = 0; k < js_len(flows); k++)
            add(w, js_at(flows, k));
    }
}

static void
watch_fini(struct watch *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->v[i].flow);
    free(w->v);
}

static bool
is_done(const struct progress *p)
{
    return p->ready && p->known && p->records >= p->of;
}

static bool
all_done(const struct watch *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (!is_done(&w->v[i]))
            return false;
    return w->n > 0;
}

/* ---- lines --------------------------------------------------------------- */

static void
print_bar(int64_t percent)
{
    char bar[BAR_CELLS + 1] = "";
    const int full = (int)(percent * BAR_CELLS / 100);
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < full ? '#' : '.';
    (void)printf("[%s%s%s]", out_color(OUT_GREEN), bar, out_color(OUT_PLAIN));
}

static void
print_left(const struct progress *p)
{
    const long long s = (long long)(p->left_ms + 999) / 1000;
    if (is_done(p))
        (void)printf("done, lag %lld", (long long)p->lag);
    else if (p->left_ms < 0)
        (void)printf("time left: not known");
    else if (s < 120)
        (void)printf("%lld s left", s);
    else if (s < 7200)
        (void)printf("%lld min left", s / 60);
    else
        (void)printf("%lld h %lld min left", s / 3600, s % 3600 / 60);
}

static void
print_progress(const struct progress *p)
{
    const int64_t percent = p->of > 0 ? p->records * 100 / p->of : 100;
    (void)printf("%s%s%s ", out_color(OUT_BOLD), p->flow, out_color(OUT_PLAIN));
    if (!p->ready || !p->known) {
        (void)printf("%sstarting%s", out_color(OUT_YELLOW),
                     out_color(OUT_PLAIN));
    } else {
        print_bar(percent);
        (void)printf(" %lld %%  %lld of %lld records  %lld/s  %.1f MB/s  ",
                     (long long)percent, (long long)p->records,
                     (long long)p->of, (long long)p->rate,
                     (double)p->bytes / 1e6);
        print_left(p);
    }
    if (p->paused)
        (void)printf("  %spaused%s", out_color(OUT_YELLOW),
                     out_color(OUT_PLAIN));
    if (p->problems > 0)
        (void)printf("  %s%zu problem%s%s", out_color(OUT_RED), p->problems,
                     p->problems == 1 ? "" : "s", out_color(OUT_PLAIN));
}

/* A terminal shows one picture that changes. */
static void
print_all(const struct watch *w, size_t lines_before)
{
    const bool terminal = isatty(STDOUT_FILENO);
    if (terminal && lines_before > 0)
        (void)printf("\033[%zuA", lines_before);
    for (size_t i = 0; i < w->n; i++) {
        print_progress(&w->v[i]);
        (void)puts(terminal ? "\033[K" : "");
    }
    (void)fflush(stdout);
}

static void
print_json(const struct replicators *r)
{
    struct json_t *all = replicators_json(r);
    char *text = js_dump(all);
    if (!text)
        abort(); /* out of memory */
    (void)puts(text);
    (void)fflush(stdout);
    free(text);
    js_free(all);
}

/* ---- rounds -------------------------------------------------------------- */

struct screen {
    size_t lines;      /* of the picture that stands above */
    size_t unanswered; /* as last said */
    int rc;
};

static size_t
unanswered(const struct replicators *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->urls.n; i++)
        n += r->replies[i].status != 200;
    return n;
}

/* Who does not answer is said once. */
static void
judge(struct screen *s, const struct replicators *r)
{
    const size_t n = unanswered(r);
    if (n == s->unanswered)
        return;
    s->rc = replicators_verdict(r, "its share is not shown");
    s->unanswered = n;
    s->lines = 0; /* the words stand below the picture */
}

/* One look at all of them.  True: again. */
static bool
look(const struct ctl *ctl, const struct call *call, struct screen *s)
{
    struct replicators r;
    struct watch w;
    replicators_ask(ctl, call, &r);
    sum_up(&w, &r);
    if (ctl->conf.json)
        print_json(&r);
    else
        print_all(&w, s->lines);
    s->lines = w.n;
    judge(s, &r);
    const bool again = w.n > 0 && !all_done(&w);
    if (w.n == 0 && replicators_any(&r))
        (void)fprintf(stderr, "shuntctl: there is no flow\n");
    watch_fini(&w);
    replicators_fini(&r);
    return again;
}

int
replicator_watch(const struct ctl *ctl, const char *flow)
{
    const struct timespec pause = {.tv_sec = PAUSE_MS / 1000};
    char *path = replicators_path(flow, NULL, false, "0");
    const struct call call = {CALL_READ, "GET", path, NULL, false};
    struct screen s = {.rc = CTL_OK};
    while (look(ctl, &call, &s))
        (void)nanosleep(&pause, NULL); /* cut short: the next look is sooner */
    free(path);
    return s.rc;
}
