/*
 * Warnings about rules: what is allowed, but may not be meant.  Pure; any
 * thread.  They speak of the rules, not of the clients that exist, and of all
 * time from the table's on.  A warning is never wrong (overlap.h), though one
 * may be missing.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/base/utc.h"
#include "common/base/xmem.h"
#include "route-service/change.h"
#include "route-service/limits.h"
#include "route-service/match.h"
#include "route-service/overlap.h"

static void
warn(struct strlist *out, char *text_taken)
{
    if (out->n < LIMIT_WARNINGS && !strlist_has(out, text_taken))
        must(strlist_add(out, text_taken));
    free(text_taken);
}

/* ---- windows ------------------------------------------------------------- */

static int64_t
later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* It is in force, or will be. */
static bool
is_alive(const struct pt_rule *r, int64_t now_ms)
{
    return r->enabled && now_ms < r->valid_until;
}

static bool
window_covers(const struct pt_rule *wide, const struct pt_rule *narrow,
              int64_t now_ms)
{
    return later(wide->valid_from, now_ms) <=
               later(narrow->valid_from, now_ms) &&
           wide->valid_until >= narrow->valid_until;
}

static bool
windows_meet(const struct pt_rule *a, const struct pt_rule *b)
{
    return a->valid_from < b->valid_until && b->valid_from < a->valid_until;
}

/* ---- a rule and others --------------------------------------------------- */

struct comparing {
    const struct item *rule;
    int64_t now_ms;
    struct strlist *out;
    size_t pairs;                 /* looked at, in all */
    size_t rivals;                /* of this rule */
    size_t enough;                /* warnings; then it is time to stop */
    const struct item *first_cut; /* not compared with all; NULL: none */
    size_t n_cut;
};

static void
compare(const struct item *first, const struct item *second,
        const struct comparing *with)
{
    const struct pt_rule *a = &first->u.rule;
    const struct pt_rule *b = &second->u.rule;
    const bool tie = match_ranks_equal(&first->rank, &second->rank);
    if (window_covers(a, b, with->now_ms) && rule_covers(a, b))
        warn(with->out, xasprintf("rule %s is never reached: %s comes first "
                                  "and matches everything that it does",
                                  second->key, first->key));
    else if (tie && windows_meet(a, b) && rules_overlap(a, b))
        warn(with->out,
             xasprintf("rules %s and %s can match the same client and tie on "
                       "everything but the id: %s wins",
                       first->key, second->key, first->key));
}

static bool
compare_with(struct item *other, void *arg)
{
    struct comparing *with = arg;
    with->pairs++;
    if (with->rivals++ == LIMIT_RIVALS)
        return false;
    if (other == with->rule || !is_alive(&other->u.rule, with->now_ms))
        return true;
    if (match_compare(other, with->rule) < 0)
        compare(other, with->rule, with);
    else
        compare(with->rule, other, with);
    return with->out->n < with->enough;
}

/* False: there is no need to compare it with others. */
static bool
can_win(const struct item *rule, const struct comparing *with)
{
    const struct pt_rule *r = &rule->u.rule;
    if (!r->enabled)
        return false; /* as it is meant */
    if (!is_alive(r, with->now_ms)) {
        warn(with->out,
             xasprintf("rule %s is never in force: valid_until, %s, is over",
                       rule->key, utc_format(r->valid_until).s));
        return false;
    }
    if (!rule_matches_nothing(r))
        return true;
    if (r->share_by && r->share == 0)
        warn(with->out,
             xasprintf("rule %s matches nobody: its share is 0", rule->key));
    else
        warn(with->out, xasprintf("rule %s matches nobody: what it names is "
                                  "excluded by \"not\"",
                                  rule->key));
    return false;
}

static void
compare_with_rivals(const struct item *rule, const struct table *t,
                    struct comparing *with)
{
    with->rule = rule;
    with->rivals = 0;
    with->enough = with->out->n + LIMIT_RULE_WARNINGS;
    size_t budget = LIMIT_RIVALS;
    const bool all = table_rivals(t, rule, &budget, compare_with, with);
    with->pairs += LIMIT_RIVALS - budget;
    if (with->out->n >= with->enough) {
        warn(with->out, xasprintf("there may be more like these about rule %s",
                                  rule->key));
    } else if (!all) {
        with->first_cut = with->first_cut ? with->first_cut : rule;
        with->n_cut++;
    }
}

static void
warn_of_rules(const struct change *c, const struct table *after,
              struct strlist *out)
{
    struct comparing with = {.out = out, .now_ms = after->time_ms};
    for (size_t i = 0; i < c->n && out->n < LIMIT_WARNINGS; i++) {
        const struct item *rule = c->operations[i].item;
        if (!rule || rule->kind != KIND_RULE || !can_win(rule, &with))
            continue;
        if (with.pairs >= LIMIT_COMPARISONS) {
            warn(out, xasprintf("rules from %s on were not compared with the "
                                "others: too many at once",
                                rule->key));
            break;
        }
        compare_with_rivals(rule, after, &with);
    }
    if (with.n_cut > 0)
        warn(out,
             xasprintf("%zu rules, %s first, were compared with some of the "
                       "others only: more may match the same clients",
                       with.n_cut, with.first_cut->key));
}

/* ---- default rules ------------------------------------------------------- */

/* Every client of the code, at all times. */
static bool
is_default(const struct pt_rule *r, const struct pt_rule *everybody,
           int64_t now_ms)
{
    return window_covers(r, everybody, now_ms) && rule_covers(r, everybody);
}

struct defaulting {
    const struct pt_rule *everybody;
    int64_t now_ms;
    bool found;
};

static bool
seek_default(struct item *rule, void *arg)
{
    struct defaulting *d = arg;
    d->found = is_default(&rule->u.rule, d->everybody, d->now_ms);
    return !d->found;
}

/* A default rule matches any client: so it is among those that one reaches who
 * has nothing that other rules could be filed under. */
static bool
has_default(const struct table *t, const char *code)
{
    char *named[] = {xstrdup(code)};
    const struct pt_rule everybody = {
        .match.cluster_code = {.v = named, .n = 1},
        .valid_until = PT_NO_END,
    };
    char role[] = "consumer";
    const struct pt_identity anybody = {.cluster_code = named[0], .role = role};
    struct defaulting d = {.everybody = &everybody, .now_ms = t->time_ms};
    (void)index_each_reached(&t->index, &anybody, "", seek_default, &d);
    free(named[0]);
    return d.found;
}

struct seeking {
    int64_t now_ms;
    bool found;
};

static bool
seek_named(struct item *rule, void *arg)
{
    struct seeking *s = arg;
    const struct pt_rule *r = &rule->u.rule;
    s->found =
        is_alive(r, s->now_ms) && match_all_literal(&r->match.cluster_code);
    return !s->found;
}

static void
warn_of_code(const char *code, const struct table *after, struct strlist *out)
{
    struct seeking s = {.now_ms = after->time_ms};
    if (has_default(after, code))
        return;
    (void)index_each_for(&after->index, code, seek_named, &s); /* s says it */
    if (s.found)
        warn(out, xasprintf("cluster code %s has no default rule: none matches "
                            "every client of it at all times, and who matches "
                            "none has no route",
                            code));
}

static void
add_codes(struct strlist *codes, const struct item *rule)
{
    if (!rule)
        return;
    const struct strlist *named = &rule->u.rule.match.cluster_code;
    for (size_t i = 0; match_all_literal(named) && i < named->n; i++)
        must(strlist_add(codes, named->v[i]));
}

/* Of the codes that a put or deleted rule names or named. */
static void
warn_of_codes(const struct change *c, const struct table *before,
              const struct table *after, struct strlist *out)
{
    struct strlist codes = {0};
    for (size_t i = 0; i < c->n; i++) {
        const struct operation *op = &c->operations[i];
        if (op->kind != KIND_RULE)
            continue;
        add_codes(&codes, op->item);
        add_codes(&codes, table_find(before, KIND_RULE, op->key));
    }
    strlist_sort(&codes);
    for (size_t i = 0; i < codes.n && out->n < LIMIT_WARNINGS; i++)
        if (i == 0 || strcmp(codes.v[i], codes.v[i - 1]) != 0)
            warn_of_code(codes.v[i], after, out);
    strlist_fini(&codes);
}

void
change_warnings(const struct change *c, const struct table *before,
                const struct table *after, struct strlist *out)
{
    warn_of_rules(c, after, out);
    warn_of_codes(c, before, after, out);
}
