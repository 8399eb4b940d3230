/*
 * What the index is made of: groups of rules by cluster code, in them buckets
 * by value.  Only for index.c, reach.c, residency.c and warn.c.
 */
#ifndef SHUNT_ROUTE_SHELF_H
#define SHUNT_ROUTE_SHELF_H

#include "route-service/index.h"
#include "route-service/literal.h"

#define FIXED_DIMS 3  /* client.id, group, topic: every identity has them */
#define PREFIX_MAX 63 /* what is longer is filed under its first 63 bytes */

/* Where rules are filed in a group: under a value of a dimension, or under what
 * a value begins with. */
struct spot {
    enum dim dim; /* DIM_COUNT: plain, under nothing */
    bool prefix;
    unsigned len;          /* of value */
    const char *value;     /* may go on behind that */
    const char *attribute; /* of DIM_ATTRIBUTE */
};

/* What is filed there. */
struct bucket {
    atomic_int refs;
    unsigned n, room;
    struct past *dead; /* NULL: none */
    struct spot spot;  /* its value stands behind the rules */
    struct live v[];   /* in the order in which they are tried */
};

struct group {
    atomic_int refs;
    bool prefixed;        /* any of `prefixes` is set */
    struct bucket *plain; /* NULL: none */
    struct map buckets;   /* by spot */
    uint64_t
        prefixes[FIXED_DIMS + 1]; /* lengths that were ever filed under; the
                                          last are those of attributes */
    unsigned dims;                /* bit by enum dim: those ever filed under */
    const char *attribute; /* the first one ever filed under; NULL: none */
    bool attributes;       /* there were others */
    struct map idle;       /* items that are not in force, by id */
    char code[];           /* "" in the open group */
};

extern const struct map_type shelf_groups;

void live_fini(struct live *l);

struct bucket *bucket_new(const struct spot *spot, unsigned room);
void bucket_ref(struct bucket *b);
void bucket_unref(struct bucket *b); /* NULL allowed */
struct group *group_new(const char *code);
void group_ref(struct group *g);
void group_unref(struct group *g); /* NULL allowed */

/* Each takes a reference and gives one that nobody else has. */
struct bucket *bucket_own(struct bucket *b);
struct group *group_own(struct group *g);
/* The same with room for one more rule. */
struct bucket *bucket_grown(struct bucket *b);

/* The codes that a rule is filed under; NULL: it stands in the open group. */
const struct strlist *shelf_codes(const struct pt_match *m);
/* NULL as code: the open group.  NULL: there is none. */
const struct group *group_find(const struct index *x, const char *code);
uint64_t spot_hash(const struct spot *s);
/* What the values of an attribute are hashed with. */
uint64_t spot_seed(enum dim dim, bool prefix, const char *attribute);
/* NULL: there is none. */
const struct bucket *bucket_find(const struct group *g, const struct spot *s);

/* Which of group.prefixes. */
static inline int
shelf_prefixes(enum dim dim)
{
    return dim == DIM_ATTRIBUTE ? FIXED_DIMS : (int)dim - DIM_CLIENT_ID;
}

#endif
