/*
 * A candidate looks like the record itself.  It is *backed* when the record
 * before it looks like the predecessor, and so on for all of them; *possible*
 * when the predecessor stands anywhere before it.  A backed one is the answer
 * if no earlier one is possible: others may have written between a copy and its
 * neighbours, so a later backed one does not rule out an earlier one.
 */
#include "offset-mapper/match.h"

/* Without predecessors, or at the start of what is there, nothing speaks
 * against a candidate. */
static bool
backed(const struct match_window *w, size_t at, const struct po_print *prints,
       size_t n)
{
    for (size_t k = 1; k < n && k <= at; k++)
        if (!po_print_same(&w->v[at - k], &prints[n - 1 - k]))
            return false;
    return true;
}

static bool
possible(const struct match_window *w, size_t at, const struct po_print *prints,
         size_t n)
{
    if (n == 1 || at == 0)
        return true;
    for (size_t i = at; i-- > 0;)
        if (po_print_same(&w->v[i], &prints[n - 2]))
            return true;
    return false;
}

/* Offsets of the candidates of one sort. */
struct sort {
    int64_t first, last; /* -1: none */
    size_t n;
};

static void
add(struct sort *s, int64_t offset)
{
    if (s->n++ == 0)
        s->first = offset;
    s->last = offset;
}

struct sorts {
    struct sort all, possible, backed;
};

static struct sorts
sort_candidates(const struct match_window *w, const struct po_print *prints,
                size_t n)
{
    const struct sort none = {-1, -1, 0};
    struct sorts s = {none, none, none};
    for (size_t i = 0; i < w->n; i++) {
        const int64_t offset = w->v[i].offset;
        if (offset < w->low || offset >= w->high ||
            !po_print_same(&w->v[i], &prints[n - 1]))
            continue;
        add(&s.all, offset);
        if (backed(w, i, prints, n))
            add(&s.backed, offset);
        if (possible(w, i, prints, n))
            add(&s.possible, offset);
    }
    return s;
}

/* Does what was read end with one of the predecessors? */
static bool
ends_before(const struct match_window *w, const struct po_print *prints,
            size_t n)
{
    for (size_t j = n - 1; w->n > 0 && j > 0; j--)
        if (po_print_same(&w->v[w->n - 1], &prints[j - 1]) &&
            backed(w, w->n - 1, prints, j))
            return true;
    return false;
}

static void
set_unique(struct content_found *out, int64_t offset)
{
    out->kind = CONTENT_UNIQUE;
    out->first = out->last = offset;
}

static void
set_many(struct content_found *out, int64_t first, int64_t last)
{
    out->kind = CONTENT_MANY;
    out->first = first;
    out->last = last;
}

void
match_find(const struct match_window *w, const struct po_print *prints,
           size_t n, struct content_found *out)
{
    *out = (struct content_found){.kind = CONTENT_NONE,
                                  .first = -1,
                                  .last = -1,
                                  .end = w->end,
                                  .at_end = w->at_end};
    const struct sorts s = sort_candidates(w, prints, n);
    if (s.all.n == 0)
        out->kind = ends_before(w, prints, n) ? CONTENT_AHEAD : CONTENT_NONE;
    else if (s.possible.n == 0)
        set_many(out, -1, s.all.last);
    else if (s.backed.n == 1 && s.backed.first == s.possible.first)
        set_unique(out, s.backed.first);
    else if (s.backed.n == 0 && s.possible.n == 1)
        set_unique(out, s.possible.first);
    else
        set_many(out, s.possible.first, s.possible.last);
}
