/*
 * The vocabulary of dimensions by which things are filed: rules in the table's
 * index, watchers in the loops'.  A rule *demands* literals: an identity that it
 * matches offers one of those of each dimension.  Pure.
 */
#ifndef SHUNT_ROUTE_LITERAL_H
#define SHUNT_ROUTE_LITERAL_H

#include "common/proto/route.h"

enum dim {
    DIM_CODE,
    DIM_CLIENT_ID,
    DIM_GROUP,
    DIM_TOPIC,
    DIM_ATTRIBUTE,
    DIM_ROLE,
    DIM_COUNT
};

/* Borrowed. */
struct literal {
    enum dim dim;
    const char *attribute; /* its key; NULL in other dimensions */
    const char *value;
};

typedef void (*literal_fn)(const struct literal *l, void *arg);

/* What a rule demands: every value of every dimension that it names without a
 * wildcard. */
void literals_demanded(const struct pt_match *m, literal_fn fn, void *arg);
/* What an identity offers.  One without topics, group or client id offers the
 * empty text there, as matching takes it. */
void literals_offered(const struct pt_identity *id, literal_fn fn, void *arg);

/* The patterns of one dimension; NULL: no such attribute is named.
 * `attribute` only for DIM_ATTRIBUTE. */
const struct strlist *literal_patterns(const struct pt_match *m, enum dim dim,
                                       const char *attribute);

#endif
