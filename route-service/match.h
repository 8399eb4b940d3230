/*
 * Which rule wins for an identity and a topic, and why (DESIGN section 3).
 * Pure.  What an identity does not say is the empty text: `*` matches it,
 * nothing longer does; but a rule that names an attribute never matches an
 * identity without it.
 */
#ifndef SHUNT_ROUTE_MATCH_H
#define SHUNT_ROUTE_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "route-service/table.h"

/* The first thing in which a rule does not match; borrowed. */
struct miss {
    const char *dimension; /* "topic", "attributes" */
    const char *attribute; /* its key, or NULL */
    const char *value;     /* of the identity; NULL: it has none */
    enum miss_kind {
        MISS_PATTERNS, /* none of the rule's patterns matches the value */
        MISS_NOT,      /* a pattern of "not" does */
        MISS_SHARE     /* the value is not in the share */
    } kind;
    int bucket; /* MISS_SHARE: of the value, 0..999 */
};

/* None of them has a wildcard, and there is one at least. */
bool match_all_literal(const struct strlist *patterns);
struct rank match_rank(const struct pt_rule *r);
/* < 0: a is tried before b.  0 only for the same id. */
int match_compare(const struct item *a, const struct item *b);
bool match_ranks_equal(const struct rank *a, const struct rank *b);

/* Whether the rule is enabled or in force does not matter here. `why` may be
 * NULL. */
bool match_rule(const struct pt_rule *r, const struct pt_identity *id,
                const char *topic, struct miss *why);
/* Of a thousand: the hash of the rule's id, a zero byte and the value.  A share
 * of n percent is the buckets below 10 n, so that who is in stays in when it
 * grows. */
int match_bucket(const char *rule_id, const char *value);
/* Is it enabled, and within its window at this time (ms since 1970)? */
bool match_in_force(const struct pt_rule *r, int64_t time_ms);
/* The rule's item, borrowed from the table; NULL: no rule matches. */
const struct item *match_winner(const struct table *t,
                                const struct pt_identity *id,
                                const char *topic);

struct candidate {
    const struct item *rule; /* borrowed from the table */
    bool won;
    char reason[200];
};

/* Up to `max` (one at least) rules that are for the identity's cluster code, in
 * the order in which they are tried; the last of them is the winner when it
 * comes later.  Returns how many there are in `out`. */
size_t match_explain(const struct table *t, const struct pt_identity *id,
                     const char *topic, struct candidate *out, size_t max);

#endif
