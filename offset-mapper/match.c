/*
 * A candidate looks like the record itself.  It is *backed* when the records
 * right before it look like the predecessors; *possible* when the predecessors
 * stand before it in their order, whatever is between them.  A backed one is
 * the answer if no earlier one is possible: others may have written between a
 * copy and its neighbours, so a later backed one does not rule out an earlier
 * possible one.
 *
 * Without timestamps to compare, a record is easily taken for an older one with
 * the same key and value that has been compacted away: then only a candidate
 * whose predecessor was seen right before it is *firm*.
 */
#include "offset-mapper/match.h"

/* Where what was read begins, nothing speaks against a candidate any more. */
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
    size_t wanted = n - 1; /* so many predecessors are not found yet */
    for (size_t i = at; i > 0 && wanted > 0; i--)
        if (po_print_same(&w->v[i - 1], &prints[wanted - 1]))
            wanted--;
    return wanted == 0;
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
    bool firm; /* the first possible one is */
};

static struct sorts
sort_candidates(const struct match_window *w, const struct po_print *prints,
                size_t n)
{
    const struct sort none = {-1, -1, 0};
    struct sorts s = {none, none, none, false};
    for (size_t i = 0; i < w->n; i++) {
        const int64_t offset = w->v[i].offset;
        if (offset < w->low || offset >= w->high ||
            !po_print_same(&w->v[i], &prints[n - 1]))
            continue;
        const bool is_backed = backed(w, i, prints, n);
        add(&s.all, offset);
        if (is_backed)
            add(&s.backed, offset);
        if (!is_backed && !possible(w, i, prints, n))
            continue;
        if (s.possible.n == 0)
            s.firm = po_print_timed(&w->v[i], &prints[n - 1]) ||
                     (is_backed && n > 1 && i > 0);
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
    else if (!s.firm)
        set_many(out, -1, s.possible.last);
    else if (s.backed.n == 1 && s.backed.first == s.possible.first)
        set_unique(out, s.backed.first);
    else if (s.backed.n == 0 && s.possible.n == 1)
        set_unique(out, s.possible.first);
    else
        set_many(out, s.possible.first, s.possible.last);
}
