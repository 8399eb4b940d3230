/*
 * Warnings about rules: what is allowed, but may not be meant.  Pure; any
 * thread.
 *
 * Two questions about pairs of rules: may both match the same identity
 * (`overlap`), and does one match everything that the other does (`covers`).
 * Both answers are about patterns, not about the clients that exist.  `covers`
 * errs to "no": a warning is never wrong, though one may be missing.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/glob.h"
#include "common/base/xmem.h"
#include "route-service/change.h"
#include "route-service/limits.h"
#include "route-service/match.h"
#include "route-service/must.h"

/* ---- patterns ------------------------------------------------------------ */

/* Does a text exist that both patterns match?  meet[i][j]: the rest of a from
 * i and the rest of b from j have one; filled from the ends, row by row. */
static void
meet_row(const char *a, size_t i, const char *b, size_t b_len,
         const bool *below, bool *row)
{
    for (size_t j = b_len + 1; j-- > 0;) {
        const bool star_a = a[i] == '*';
        const bool star_b = b[j] == '*';
        bool meets = false;
        if (a[i] == '\0' && b[j] == '\0')
            meets = true;
        if (star_a)
            meets |= below[j] || (b[j] && row[j + 1]);
        if (star_b)
            meets |= row[j + 1] || (a[i] && below[j]);
        if (!star_a && !star_b && a[i] && b[j])
            meets |=
                (a[i] == b[j] || a[i] == '?' || b[j] == '?') && below[j + 1];
        row[j] = meets;
    }
}

static bool
patterns_meet(const char *a, const char *b)
{
    if (glob_is_literal(a))
        return glob_match(b, a);
    if (glob_is_literal(b))
        return glob_match(a, b);
    const size_t a_len = strlen(a);
    const size_t b_len = strlen(b);
    bool *row = xcalloc(b_len + 2, sizeof(bool));
    bool *below = xcalloc(b_len + 2, sizeof(bool));
    for (size_t i = a_len + 1; i-- > 0;) {
        meet_row(a, i, b, b_len, below, row);
        bool *swap = row;
        row = below;
        below = swap;
    }
    const bool meets = below[0];
    free(row);
    free(below);
    return meets;
}

/* Does `wide` match whatever `narrow` does?  Read as text, narrow's wildcards
 * can only be taken by a * of `wide`, unless that has a ? of its own. */
static bool
pattern_covers(const char *wide, const char *narrow)
{
    if (strcmp(wide, narrow) == 0)
        return true;
    if (strchr(wide, '?') && strchr(narrow, '*'))
        return false;
    return glob_match(wide, narrow);
}

/* ---- dimensions ---------------------------------------------------------- */

static bool
lists_meet(const struct strlist *a, const struct strlist *b)
{
    if (a->n == 0 || b->n == 0)
        return true;
    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; j < b->n; j++)
            if (patterns_meet(a->v[i], b->v[j]))
                return true;
    return false;
}

static bool
one_covers(const struct strlist *wide, const char *narrow)
{
    for (size_t i = 0; i < wide->n; i++)
        if (pattern_covers(wide->v[i], narrow))
            return true;
    return false;
}

static bool
list_covers(const struct strlist *wide, const struct strlist *narrow)
{
    if (wide->n == 0)
        return true;
    if (narrow->n == 0)
        return strlist_has(wide, "*");
    for (size_t i = 0; i < narrow->n; i++)
        if (!one_covers(wide, narrow->v[i]))
            return false;
    return true;
}

static const struct strlist *
attr_patterns(const struct pt_match *m, const char *key)
{
    for (size_t i = 0; i < m->n_attrs; i++)
        if (strcmp(m->attrs[i].key, key) == 0)
            return &m->attrs[i].patterns;
    return NULL;
}

static bool
attrs_meet(const struct pt_match *a, const struct pt_match *b)
{
    for (size_t i = 0; i < a->n_attrs; i++) {
        const struct strlist *other = attr_patterns(b, a->attrs[i].key);
        if (other && !lists_meet(&a->attrs[i].patterns, other))
            return false;
    }
    return true;
}

static bool
attrs_cover(const struct pt_match *wide, const struct pt_match *narrow)
{
    for (size_t i = 0; i < wide->n_attrs; i++) {
        const struct strlist *other = attr_patterns(narrow, wide->attrs[i].key);
        if (!other || !list_covers(&wide->attrs[i].patterns, other))
            return false;
    }
    return true;
}

static bool
overlap(const struct pt_match *a, const struct pt_match *b)
{
    return lists_meet(&a->cluster_code, &b->cluster_code) &&
           lists_meet(&a->role, &b->role) && lists_meet(&a->topic, &b->topic) &&
           lists_meet(&a->group, &b->group) &&
           lists_meet(&a->client_id, &b->client_id) && attrs_meet(a, b);
}

static bool
covers(const struct pt_match *wide, const struct pt_match *narrow)
{
    return list_covers(&wide->cluster_code, &narrow->cluster_code) &&
           list_covers(&wide->role, &narrow->role) &&
           list_covers(&wide->topic, &narrow->topic) &&
           list_covers(&wide->group, &narrow->group) &&
           list_covers(&wide->client_id, &narrow->client_id) &&
           attrs_cover(wide, narrow);
}

/* ---- rules --------------------------------------------------------------- */

static void
warn(struct strlist *out, char *text_taken)
{
    if (out->n < LIMIT_WARNINGS && !strlist_has(out, text_taken))
        must(strlist_add(out, text_taken));
    free(text_taken);
}

static void
compare(const struct item *first, const struct item *second,
        struct strlist *out)
{
    const struct pt_match *a = &first->u.rule.match;
    const struct pt_match *b = &second->u.rule.match;
    if (covers(a, b))
        warn(out, xasprintf("rule %s is never reached: %s comes first and "
                            "matches everything that it does",
                            second->key, first->key));
    else if (match_ranks_equal(&first->rank, &second->rank) && overlap(a, b))
        warn(out, xasprintf("rules %s and %s can match the same client and "
                            "tie on everything but the id: %s wins",
                            first->key, second->key, first->key));
}

struct comparing {
    const struct item *rule;
    struct strlist *out;
    size_t pairs; /* looked at */
};

static bool
compare_with(struct item *other, void *arg)
{
    struct comparing *with = arg;
    with->pairs++;
    if (other == with->rule || !other->u.rule.enabled)
        return true;
    if (match_compare(other, with->rule) < 0)
        compare(other, with->rule, with->out);
    else
        compare(with->rule, other, with->out);
    return with->out->n < LIMIT_WARNINGS && with->pairs < LIMIT_COMPARISONS;
}

void
change_warnings(const struct change *c, const struct table *after,
                struct strlist *out)
{
    struct comparing with = {.out = out};
    for (size_t i = 0; i < c->n; i++) {
        const struct item *rule = c->operations[i].item;
        if (!rule || rule->kind != KIND_RULE || !rule->u.rule.enabled)
            continue;
        if (with.pairs >= LIMIT_COMPARISONS) {
            warn(out, xasprintf("rules from %s on were not compared with the "
                                "others: too many at once",
                                rule->key));
            return;
        }
        with.rule = rule;
        table_rivals(after, rule, compare_with, &with);
    }
}
