/*
 * The right positions lie behind the copy of the last record before q, and from
 * each of them every record from q on is met.  Offsets between a record and the
 * next hold transaction markers, aborted records, or records of others.  After
 * a crash MirrorMaker 2 copies records a second time, beginning anywhere: then
 * those before q may stand there once, and q and what follows twice, and who
 * starts at the second copy skips nothing.  Where contents repeat, the copies
 * can be several too; only what is wrong for all of them is called wrong.
 */
#include "offset-mapper/judge.h"

#include <string.h>

const char *
judge_verdict_text(enum judge_verdict v)
{
    static const char *const texts[] = {
#define X(name, text) text,
        JUDGE_VERDICT_MAP(X)
#undef X
    };
    return texts[v];
}

/* The records before q, as match_find() wants them. */
static size_t
count_before(const struct judge_case *c)
{
    size_t n = 0;
    while (n < c->n_here && c->here[n].offset < c->q)
        n++;
    return n;
}

static void
find_copy(const struct judge_case *c, size_t n_before,
          struct content_found *out)
{
    const struct content_window *t = c->there;
    const struct match_window w = {.v = t->v,
                                   .n = t->n,
                                   .low = t->low,
                                   .high = t->end,
                                   .end = t->end,
                                   .at_end = t->at_end};
    match_find(&w, c->here, n_before, out);
}

/* Of a record, behind `offset`; -1: none. */
static int64_t
last_copy(const struct content_window *t, const struct po_print *print,
          int64_t offset)
{
    for (size_t i = t->n; i > 0 && t->v[i - 1].offset > offset; i--)
        if (po_print_same(&t->v[i - 1], print))
            return t->v[i - 1].offset;
    return -1;
}

/* The greatest position from which all records from q on are met that stand
 * behind `offset`; else the end of what was seen. */
static int64_t
last_right(const struct judge_case *c, size_t n_before, int64_t offset)
{
    int64_t right = c->there->end;
    for (size_t i = n_before; i < c->n_here; i++) {
        const int64_t copy = last_copy(c->there, &c->here[i], offset);
        if (copy >= 0 && copy < right)
            right = copy;
    }
    return right;
}

/* The log ends with a record before it: its last offset. */
static int64_t
last_seen(const struct content_window *t)
{
    return t->n > 0 ? t->v[t->n - 1].offset : t->low - 1;
}

static int64_t
count_from_to(const struct content_window *t, int64_t from, int64_t to)
{
    int64_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->v[i].offset >= from && t->v[i].offset < to;
    return n;
}

static bool
any_in_common(const struct judge_case *c)
{
    for (size_t i = 0; i < c->n_here; i++)
        for (size_t j = 0; j < c->there->n; j++)
            if (po_print_same(&c->there->v[j], &c->here[i]))
                return true;
    return false;
}

/* The record itself is nowhere.  Alone that may be compaction; if nothing of
 * its surroundings is there either, the answer led to another place. */
static enum judge_verdict
not_found(const struct judge_case *c)
{
    const bool should_be_there = c->quality == PO_EXACT && !c->there->cut &&
                                 c->there->n > 0 && c->n_here > 1;
    return should_be_there && !any_in_common(c) ? JUDGE_MISSING
                                                : JUDGE_UNDECIDED;
}

static enum judge_verdict
compare(const struct judge_case *c, const struct judge_result *r)
{
    if (c->position > r->right_high)
        return JUDGE_PAST;
    if (c->quality == PO_EXACT && c->position < r->right_low)
        return JUDGE_LOW;
    if (c->quality == PO_BOUNDED && c->high >= 0 && c->high < r->right_low)
        return JUDGE_OUTSIDE;
    return JUDGE_RIGHT;
}

void
judge(const struct judge_case *c, struct judge_result *out)
{
    *out = (struct judge_result){JUDGE_UNDECIDED, -1, -1, 0};
    const size_t n_before = count_before(c);
    if (n_before == 0)
        return;
    struct content_found found;
    find_copy(c, n_before, &found);
    if (found.kind == CONTENT_NONE || found.first == -1) {
        if (found.kind != CONTENT_AHEAD) {
            out->verdict = not_found(c);
            return;
        }
        found.first = found.last = last_seen(c->there);
    }
    out->right_low = found.first + 1;
    out->right_high = last_right(c, n_before, found.last);
    out->reread = count_from_to(c->there, c->position, out->right_low);
    out->verdict = compare(c, out);
}
