#include "tests/support/runs_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"

_Noreturn static void
broken(const char *what, int64_t up, int64_t down)
{
    (void)fprintf(stderr, "runs_map: %s at the sync %lld -> %lld\n", what,
                  (long long)up, (long long)down);
    abort();
}

/* Runs that begin at or before `q`. */
static size_t
upto(const struct runs_map *m, int64_t q, bool by_down)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if ((by_down ? m->v[mid].down : m->v[mid].up) <= q)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void
keep(struct runs_map *m, const struct run *r)
{
    if (m->n && m->v[m->n - 1].up == r->up)
        m->n--;
    if (m->n == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        m->v = xreallocarray(m->v, m->cap, sizeof(*m->v));
    }
    m->v[m->n++] = *r;
}

/* Only the last two can have changed. */
static void
check_shape(const struct runs_map *m, int64_t up, int64_t down)
{
    const struct run *b = &m->v[m->n - 1];
    if (memcmp(b, &m->state.newest, sizeof(*b)) != 0)
        broken("the newest run is not the last", up, down);
    if (b->length <= 0)
        broken("a run without length", up, down);
    if (m->n < 2)
        return;
    const struct run *a = b - 1;
    if (a->length <= 0 || a->up + a->length > b->up ||
        a->down + a->length > b->down)
        broken("runs overlap", up, down);
}

enum runs_change
runs_map_sync(struct runs_map *m, int64_t up, int64_t down)
{
    struct runs_step step;
    const size_t n = upto(m, up, false);
    if (runs_apply(&m->state, n ? &m->v[n - 1] : NULL, up, down, &step))
        broken("refused", up, down);
    if (step.change == RUNS_RESTART) {
        m->n = 0;
        m->restarts++;
    }
    if (step.change == RUNS_BACK) {
        while (m->n && m->v[m->n - 1].up >= step.from)
            m->n--;
        m->backs++;
    }
    if (step.kept.length)
        keep(m, &step.kept);
    if (step.change != RUNS_SAME)
        keep(m, &step.put);
    m->state = step.next;
    check_shape(m, up, down);
    return step.change;
}

struct runs_answer
runs_map_forward(const struct runs_map *m, int64_t q, int64_t down_end)
{
    struct runs_answer a;
    const size_t n = upto(m, q, false);
    runs_forward(&m->state, n ? &m->v[n - 1] : NULL, n < m->n ? &m->v[n] : NULL,
                 q, down_end, &a);
    return a;
}

struct runs_answer
runs_map_reverse(const struct runs_map *m, int64_t q, int64_t up_end)
{
    struct runs_answer a;
    const size_t n = upto(m, q, true);
    runs_reverse(&m->state, n ? &m->v[n - 1] : NULL, n < m->n ? &m->v[n] : NULL,
                 q, up_end, &a);
    return a;
}

void
runs_map_anew(struct runs_map *m)
{
    m->state = runs_anew(&m->state);
    m->n = 0;
}

void
runs_map_fini(struct runs_map *m)
{
    free(m->v);
    *m = (struct runs_map){0};
}
