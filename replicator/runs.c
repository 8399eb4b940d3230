/*
 * Owns the array.  The newest run is the last one, as in `state`.  A record
 * right behind the last one, which nearly all are, only makes it longer.
 *
 * Runs that are forgotten make positions in them early by their length: the
 * further back, the more, but nothing is forgotten altogether.
 */
#include "replicator/runs.h"

#include <stdlib.h>

#include "common/base/cursor.h"
#include "common/base/xmem.h"

#define DECODED_MAX ((size_t)1 << 16)

static size_t
max_of(const struct runs *r)
{
    return r->max ? r->max : RUNS_DEFAULT_MAX;
}

static void
thin_out(struct runs *r)
{
    size_t to = 0;
    for (size_t i = 0; i < r->n; i++)
        if (i >= r->n / 2 || i % 2 == 0)
            r->v[to++] = r->v[i];
    r->n = to;
}

static void
append(struct runs *r, struct run run)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->v = xreallocarray(r->v, r->cap, sizeof(*r->v));
    }
    r->v[r->n++] = run;
}

static void
push(struct runs *r, struct run run)
{
    if (r->n >= max_of(r))
        thin_out(r);
    append(r, run);
}

/* How many begin at or before `up`. */
static size_t
upto(const struct runs *r, int64_t up)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (r->v[mid].up <= up)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void
put(struct runs *r, struct run run)
{
    if (r->n > 0 && r->v[r->n - 1].up == run.up)
        r->v[r->n - 1] = run;
    else
        push(r, run);
}

static void
take_step(struct runs *r, const struct runs_step *s)
{
    if (s->change == RUNS_RESTART)
        r->n = 0;
    if (s->change == RUNS_BACK) {
        while (r->n > 0 && r->v[r->n - 1].up >= s->from)
            r->n--;
        if (s->kept.length > 0)
            put(r, s->kept);
    }
    if (s->change != RUNS_SAME)
        put(r, s->put);
    r->state = s->next;
}

static bool
is_next(const struct runs *r, struct sync_point at)
{
    const struct run *last = &r->state.newest;
    return r->n > 0 && !r->state.doubt && last->up + last->length == at.up &&
           last->down + last->length == at.down;
}

static void
extend(struct runs *r, int64_t by)
{
    r->state.newest.length += by;
    r->v[r->n - 1].length = r->state.newest.length;
    r->state.gap = false;
}

void
runs_add(struct runs *r, struct sync_point at)
{
    struct runs_step step;
    if (is_next(r, at)) {
        extend(r, 1);
        return;
    }
    const size_t before = upto(r, at.up);
    if (runs_apply(&r->state, before > 0 ? &r->v[before - 1] : NULL, at.up,
                   at.down, &step) == 0) /* else: no offset of a Kafka log */
        take_step(r, &step);
}

void
runs_add_run(struct runs *r, struct run run)
{
    while (run.length > 0) {
        const struct sync_point at = {.up = run.up, .down = run.down};
        if (is_next(r, at)) {
            extend(r, run.length);
            return;
        }
        runs_add(r, at);
        run = (struct run){run.up + 1, run.down + 1, run.length - 1};
    }
}

void
runs_gap(struct runs *r)
{
    r->state.gap = true;
}

void
runs_collect(struct runs *r, struct sync_point at)
{
    struct run *last = r->n > 0 ? &r->v[r->n - 1] : NULL;
    if (last && last->up + last->length == at.up &&
        last->down + last->length == at.down)
        last->length++;
    else
        append(r, (struct run){at.up, at.down, 1});
}

void
runs_clear(struct runs *r)
{
    r->n = 0;
    r->state = (struct runs_state){0};
}

int64_t
runs_translate(const struct runs *r, int64_t position)
{
    struct runs_answer a;
    const size_t n = upto(r, position);
    runs_forward(&r->state, n > 0 ? &r->v[n - 1] : NULL,
                 n < r->n ? &r->v[n] : NULL, position, RUNS_END_UNKNOWN, &a);
    return a.quality == RUNS_NONE || a.quality == RUNS_BEFORE ? -1 : a.position;
}

void
runs_encode(const struct runs *r, void *bytes)
{
    struct writer w = writer_of(bytes, r->n * RUN_BYTES);
    for (size_t i = 0; i < r->n; i++) {
        write_i64(&w, r->v[i].up);
        write_i64(&w, r->v[i].down);
        write_i64(&w, r->v[i].length);
    }
}

void
runs_decode(struct runs *r, const void *bytes, size_t len, int64_t last)
{
    struct reader in = reader_of(bytes, len);
    while (in.left >= RUN_BYTES && r->n < DECODED_MAX) {
        const int64_t up = read_i64(&in), down = read_i64(&in);
        const int64_t n = read_i64(&in);
        if (up >= 0 && down >= 0 && n >= 1 && n <= RUN_LEN_MAX &&
            up <= last - (n - 1))
            append(r, (struct run){up, down, n});
    }
}

void
runs_fini(struct runs *r)
{
    free(r->v);
    *r = (struct runs){.max = r->max};
}
