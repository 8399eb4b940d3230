/*
 * A step back of the source forgets what lay at or behind it: the records are
 * copied again, further on.  What lies before stays true: it can only make a
 * reader read more.  A step back of the target (made anew) forgets all.
 */
#include "replicator/runs.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/cursor.h"
#include "common/base/xmem.h"

static int64_t
last_down(const struct run *r)
{
    return r->down + r->len - 1;
}

static void
forget_from(struct runs *r, int64_t up)
{
    while (r->n > 0 && r->v[r->n - 1].up >= up)
        r->n--;
    if (r->n == 0)
        return;
    struct run *last = &r->v[r->n - 1];
    if (last->up + last->len > up)
        last->len = up - last->up;
}

static void
append(struct runs *r, struct sync_point at)
{
    if (r->n == RUNS_MAX) {
        r->n /= 2;
        memmove(r->v, r->v + RUNS_MAX - r->n, r->n * sizeof(*r->v));
    }
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 8;
        r->v = xreallocarray(r->v, r->cap, sizeof(*r->v));
    }
    r->v[r->n++] = (struct run){.up = at.up, .down = at.down, .len = 1};
}

static void
make_room(struct runs *r, struct sync_point at)
{
    if (r->n > 0 && at.down <= last_down(&r->v[r->n - 1]))
        r->n = 0;
    forget_from(r, at.up);
}

void
runs_acked(struct runs *r, struct sync_point at)
{
    make_room(r, at);
    struct run *last = r->n > 0 ? &r->v[r->n - 1] : NULL;
    if (last && last->up + last->len == at.up &&
        last->down + last->len == at.down)
        last->len++;
    else
        append(r, at);
}

void
runs_synced(struct runs *r, struct sync_point at)
{
    if (r->n > 0 && at.up == r->v[r->n - 1].up &&
        at.down == r->v[r->n - 1].down)
        return;
    make_room(r, at);
    append(r, at);
}

/* The last run that begins at or before `up`; NULL: none. */
static const struct run *
find(const struct runs *r, int64_t up)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (r->v[mid].up <= up)
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 ? &r->v[low - 1] : NULL;
}

int64_t
runs_translate(const struct runs *r, int64_t position)
{
    const struct run *run = find(r, position);
    if (!run)
        return -1;
    const int64_t into = position - run->up;
    return run->down + (into < run->len ? into : run->len);
}

void
runs_encode(const struct runs *r, void *bytes)
{
    struct writer w = writer_of(bytes, r->n * RUN_BYTES);
    for (size_t i = 0; i < r->n; i++) {
        write_i64(&w, r->v[i].up);
        write_i64(&w, r->v[i].down);
        write_i64(&w, r->v[i].len);
    }
}

void
runs_decode(struct runs *r, const void *bytes, size_t len)
{
    struct reader in = reader_of(bytes, len);
    while (in.left >= RUN_BYTES) {
        const int64_t up = read_i64(&in), down = read_i64(&in);
        const int64_t n = read_i64(&in);
        if (up < 0 || down < 0 || n < 1)
            continue;
        append(r, (struct sync_point){.up = up, .down = down});
        r->v[r->n - 1].len = n;
    }
}

void
runs_fini(struct runs *r)
{
    free(r->v);
    *r = (struct runs){0};
}
