/*
 * Who could be concerned by a rule: members (identities) filed under each of
 * their values, so that a rule that names one literally finds those that have
 * it.  Pure; loop thread.
 */
#ifndef SHUNT_ROUTE_CONCERN_H
#define SHUNT_ROUTE_CONCERN_H

#include <stddef.h>

#include "common/proto/route.h"

struct concern;
struct concern_bucket;

/* One value of one member. */
struct concern_place {
    struct concern_bucket *bucket;
    size_t at; /* in the bucket */
};

struct concern *concern_new(void);
void concern_free(struct concern *r); /* all members are gone; NULL allowed */

/* Files `member` under everything in `id`.  *places is to be kept for
 * concern_remove(), which frees it. */
void concern_add(struct concern *r, void *member, const struct pt_identity *id,
                 struct concern_place **places, size_t *n);
void concern_remove(struct concern *r, struct concern_place *places, size_t n);

/* Calls fn for every member that has one of the rule's values in the
 * dimension that the fewest have; a member may come twice.  Only dimensions
 * in which the rule has literals and nothing else are looked at.  -1: it has
 * none, nobody was called; else how many. */
long concern_each(const struct concern *r, const struct pt_rule *rule,
                  void (*fn)(void *member, void *arg), void *arg);

#endif
