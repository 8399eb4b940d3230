/*
 * What can be said of two rules without knowing the clients.  Every answer errs
 * to "no", so that what is said because of a "yes" is never wrong.  Windows and
 * `enabled` are not looked at.  Pure; out of memory aborts.
 */
#ifndef SHUNT_ROUTE_OVERLAP_H
#define SHUNT_ROUTE_OVERLAP_H

#include <stdbool.h>

#include "common/proto/route.h"

/* An identity exists that both match. */
bool rules_overlap(const struct pt_rule *a, const struct pt_rule *b);
/* `wide` matches every identity that `narrow` does. */
bool rule_covers(const struct pt_rule *wide, const struct pt_rule *narrow);
/* No identity matches the rule. */
bool rule_matches_nothing(const struct pt_rule *r);

#endif
