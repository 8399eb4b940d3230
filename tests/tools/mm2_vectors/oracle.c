#include "tests/tools/mm2_vectors/oracle.h"

#include <stdlib.h>

#include "common/base/xmem.h"

static void
push(struct syncs *s, struct sync sync)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->v = xreallocarray(s->v, s->cap, sizeof(*s->v));
    }
    s->v[s->n++] = sync;
}

/* Syncs at the end of the list that lie on one line with (up, down). */
static bool
on_the_line(const struct syncs *live, int64_t up, int64_t down)
{
    for (size_t i = live->n; i-- > 0;) {
        if (live->v[i].up - live->v[i].down != up - down)
            return false;
        if (live->v[i].up <= up)
            return true;
    }
    return false;
}

static void
forget(struct oracle *o)
{
    for (size_t i = 0; i < o->live.n; i++)
        push(&o->gone, o->live.v[i]);
    o->live.n = 0;
}

/* Makes room for a sync: what stands at or beyond it is gone.  Syncs that go
 * leave the record before it, where they enclosed it. */
static void
cut(struct syncs *live, int64_t up, int64_t down)
{
    struct sync gone = {-1, -1, false};
    while (live->n &&
           (live->v[live->n - 1].up >= up || live->v[live->n - 1].down >= down))
        gone = live->v[--live->n];
    if (gone.up < 0 || live->n == 0)
        return;
    const struct sync last = live->v[live->n - 1];
    const int64_t before = (gone.up < up ? gone.up : up) - 1;
    if (last.up - last.down == gone.up - gone.down && before > last.up)
        push(live, (struct sync){before, before - (last.up - last.down), true});
}

void
oracle_sync(struct oracle *o, int64_t up, int64_t down)
{
    struct syncs *live = &o->live;
    const struct sync last =
        live->n ? live->v[live->n - 1] : (struct sync){-1, -1, false};
    if (down == last.down && up > last.up)
        push(&o->gone, last); /* another record stands there now */
    else if (down <= last.down && !on_the_line(live, up, down))
        forget(o);
    cut(live, up, down);
    push(live, (struct sync){up, down, false});
}

int64_t
oracle_allows(const struct oracle *o, int64_t q, struct sync *from)
{
    const struct syncs *live = &o->live;
    size_t i = live->n;
    while (i > 0 && live->v[i - 1].up > q)
        i--;
    *from = (struct sync){-1, -1, false};
    if (i == 0)
        return 0;
    *from = live->v[i - 1];
    if (from->up == q)
        return from->down;
    if (i < live->n && live->v[i].up - live->v[i].down == from->up - from->down)
        return from->down + (q - from->up);
    return from->down + 1;
}

bool
oracle_is_gone(const struct oracle *o, int64_t q, int64_t r)
{
    for (size_t i = 0; i < o->gone.n; i++) {
        const struct sync s = o->gone.v[i];
        if (s.up <= q && r == s.down + (q > s.up))
            return true;
    }
    return false;
}

void
oracle_fini(struct oracle *o)
{
    free(o->live.v);
    free(o->gone.v);
    *o = (struct oracle){0};
}
