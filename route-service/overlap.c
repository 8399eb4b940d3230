/*
 * The dimensions of an identity are independent of each other: two rules
 * overlap if they do in each dimension, and one covers another likewise.  In one
 * dimension a rule takes the values that a pattern of `in` matches (any value
 * when there is none) and no pattern of `out` does, and of these, where it is
 * the dimension of the share, those in it.
 *
 * Roles are only two, so there the answers are exact.  A text that two rules
 * have in common, where exclusions or shares are in play, is looked for among
 * texts made of the patterns.
 */
#include "route-service/overlap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/glob.h"
#include "route-service/literal.h"
#include "route-service/match.h"
#include "route-service/pattern.h"

/* A dimension of a rule. */
struct side {
    const struct strlist *in, *out; /* never NULL */
    const struct pt_rule *share;    /* it goes by this dimension; or NULL */
    bool never_empty;
};

static bool
shared_by(const char *by, enum dim dim, const char *attribute)
{
    static const char *const names[DIM_COUNT] = {
        [DIM_CODE] = "cluster.code",     [DIM_CLIENT_ID] = "client.id",
        [DIM_GROUP] = "group",           [DIM_TOPIC] = "topic",
        [DIM_ATTRIBUTE] = "attributes.", [DIM_ROLE] = "", /* can't be */
    };
    const size_t len = strlen(names[dim]);
    return strncmp(by, names[dim], len) == 0 &&
           strcmp(by + len, attribute ? attribute : "") == 0;
}

static struct side
side_of(const struct pt_rule *r, enum dim dim, const char *attribute)
{
    static const struct strlist none;
    struct side s = {
        .in = literal_patterns(&r->match, dim, attribute),
        .out = literal_patterns(&r->not_match, dim, attribute),
        .never_empty = dim == DIM_CODE,
    };
    if (!s.in)
        s.in = &none;
    if (!s.out)
        s.out = &none;
    if (r->share_by && shared_by(r->share_by, dim, attribute))
        s.share = r;
    return s;
}

static bool
takes(const struct side *s, const char *value)
{
    if (!*value && (s->never_empty || s->share))
        return false;
    if (s->share && match_bucket(s->share->id, value) >= s->share->share * 10)
        return false;
    return (s->in->n == 0 || patterns_match(s->in, value)) &&
           !patterns_match(s->out, value);
}

/* Bit 0: producers, bit 1: consumers. */
static int
roles_of(const struct side *s)
{
    return (takes(s, "producer") ? 1 : 0) | (takes(s, "consumer") ? 2 : 0);
}

/* ---- do they meet? ------------------------------------------------------- */

static bool
lists_meet(const struct strlist *a, const struct strlist *b)
{
    if (a->n == 0 || b->n == 0)
        return true;
    for (size_t i = 0; i < b->n; i++)
        if (patterns_meet(a, b->v[i]))
            return true;
    return false;
}

static bool
both_take(const struct side *a, const struct side *b, const char *pattern,
          const char *star, char mark)
{
    char *text = pattern_filled(pattern, star, mark);
    const bool both = takes(a, text) && takes(b, text);
    free(text);
    return both;
}

/* Texts made of a pattern, more of them where chance has to help. */
static bool
meet_by(const struct side *a, const struct side *b, const char *pattern)
{
    if (glob_is_literal(pattern))
        return takes(a, pattern) && takes(b, pattern);
    const int tries = a->share || b->share ? 200 : 1;
    for (int i = 0; i < tries; i++) {
        char star[16];
        (void)snprintf(star, sizeof(star), "q%d", i);
        if (both_take(a, b, pattern, star, (char)('a' + i % 26)))
            return true;
    }
    return both_take(a, b, pattern, "", '-');
}

static bool
list_meet_by(const struct side *a, const struct side *b,
             const struct strlist *patterns)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (meet_by(a, b, patterns->v[i]))
            return true;
    return false;
}

static bool
sides_meet(const struct side *a, const struct side *b, enum dim dim)
{
    if (dim == DIM_ROLE)
        return (roles_of(a) & roles_of(b)) != 0;
    if (!a->share && !b->share) {
        if (a->out->n == 0 && b->out->n == 0)
            return lists_meet(a->in, b->in);
        if (dim == DIM_ATTRIBUTE && a->in->n == 0 && b->in->n == 0)
            return true; /* who doesn't have it */
    }
    return list_meet_by(a, b, a->in) || list_meet_by(a, b, b->in) ||
           (a->in->n == 0 && b->in->n == 0 && meet_by(a, b, "*"));
}

/* ---- does one cover the other? ------------------------------------------- */

static bool
in_covers(const struct side *wide, const struct side *narrow)
{
    if (wide->in->n == 0)
        return true;
    if (narrow->in->n == 0)
        return strlist_has(wide->in, "*");
    for (size_t i = 0; i < narrow->in->n; i++)
        if (!patterns_cover(wide->in, narrow->in->v[i]))
            return false;
    return true;
}

/* Nothing that `narrow` takes matches this pattern. */
static bool
never_takes(const struct side *narrow, const char *pattern)
{
    if (patterns_cover(narrow->out, pattern))
        return true;
    for (size_t i = 0; i < narrow->in->n; i++)
        if (pattern_meets(narrow->in->v[i], pattern) &&
            !patterns_cover(narrow->out, narrow->in->v[i]))
            return false;
    return narrow->in->n > 0;
}

static bool
side_covers(const struct side *wide, const struct side *narrow, enum dim dim)
{
    if (dim == DIM_ROLE)
        return (roles_of(narrow) & ~roles_of(wide)) == 0;
    /* Every identity has a code; other values may be left out. */
    if (wide->share && (wide->share->share < 100 || dim != DIM_CODE))
        return false;
    if (dim == DIM_ATTRIBUTE && wide->in->n > 0 && narrow->in->n == 0)
        return false; /* who doesn't have it */
    if (!in_covers(wide, narrow))
        return false;
    for (size_t i = 0; i < wide->out->n; i++)
        if (!never_takes(narrow, wide->out->v[i]))
            return false;
    return true;
}

/* ---- rules --------------------------------------------------------------- */

typedef bool (*side_fn)(const struct side *a, const struct side *b,
                        enum dim dim);

static bool
is_free(const struct side *s)
{
    return s->in->n == 0 && s->out->n == 0 && !s->share;
}

/* What neither of them cares about holds. */
static bool
holds_in(side_fn fn, const struct pt_rule *a, const struct pt_rule *b,
         enum dim dim, const char *attribute)
{
    const struct side x = side_of(a, dim, attribute);
    const struct side y = side_of(b, dim, attribute);
    return (is_free(&x) && is_free(&y)) || fn(&x, &y, dim);
}

static bool
holds_in_attributes(side_fn fn, const struct pt_rule *a,
                    const struct pt_rule *b, const struct pt_match *named)
{
    for (size_t i = 0; i < named->n_attrs; i++)
        if (!holds_in(fn, a, b, DIM_ATTRIBUTE, named->attrs[i].key))
            return false;
    return true;
}

static bool
holds_in_shared_attribute(side_fn fn, const struct pt_rule *a,
                          const struct pt_rule *b, const char *by)
{
    static const char prefix[] = "attributes.";
    return !by || !str_starts_with(by, prefix) ||
           holds_in(fn, a, b, DIM_ATTRIBUTE, by + sizeof(prefix) - 1);
}

/* Dimensions in which rules differ most come first.  Attributes that only one
 * of them names are asked about too. */
static bool
holds(side_fn fn, const struct pt_rule *a, const struct pt_rule *b)
{
    static const enum dim dims[] = {DIM_CLIENT_ID, DIM_GROUP, DIM_TOPIC,
                                    DIM_ROLE, DIM_CODE};
    for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
        if (!holds_in(fn, a, b, dims[i], NULL))
            return false;
    return holds_in_attributes(fn, a, b, &a->match) &&
           holds_in_attributes(fn, a, b, &b->match) &&
           holds_in_attributes(fn, a, b, &a->not_match) &&
           holds_in_attributes(fn, a, b, &b->not_match) &&
           holds_in_shared_attribute(fn, a, b, a->share_by) &&
           holds_in_shared_attribute(fn, a, b, b->share_by);
}

/* Something that `wide` asks for and `narrow` does not say: seen without looking
 * at any pattern, which is what keeps many rules cheap to compare. */
static bool
asks_for_more(const struct strlist *wide, const struct strlist *narrow)
{
    return wide->n > 0 && narrow->n == 0 && !strlist_has(wide, "*");
}

static bool
is_out_of_question(const struct pt_match *wide, const struct pt_match *narrow)
{
    return wide->n_attrs > narrow->n_attrs ||
           asks_for_more(&wide->client_id, &narrow->client_id) ||
           asks_for_more(&wide->group, &narrow->group) ||
           asks_for_more(&wide->topic, &narrow->topic) ||
           asks_for_more(&wide->cluster_code, &narrow->cluster_code);
}

bool
rules_overlap(const struct pt_rule *a, const struct pt_rule *b)
{
    return holds(sides_meet, a, b);
}

bool
rule_covers(const struct pt_rule *wide, const struct pt_rule *narrow)
{
    return !is_out_of_question(&wide->match, &narrow->match) &&
           holds(side_covers, wide, narrow);
}

/* `b` is not looked at: true where nothing is ruled out for sure. */
static bool
side_takes_some(const struct side *a, const struct side *b, enum dim dim)
{
    (void)b;
    if (a->share && a->share->share == 0)
        return false;
    if (dim == DIM_ROLE)
        return roles_of(a) != 0;
    if (a->in->n == 0)
        return dim == DIM_ATTRIBUTE || !strlist_has(a->out, "*");
    for (size_t i = 0; i < a->in->n; i++)
        if (!patterns_cover(a->out, a->in->v[i]))
            return true;
    return false;
}

bool
rule_matches_nothing(const struct pt_rule *r)
{
    return !holds(side_takes_some, r, r);
}
