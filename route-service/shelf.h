/*
 * What the index is made of: groups of rules by cluster code, in them buckets
 * by value.  Only for index.c and reach.c.
 */
#ifndef SHUNT_ROUTE_SHELF_H
#define SHUNT_ROUTE_SHELF_H

#include "route-service/index.h"
#include "route-service/literal.h"

#define FIXED_DIMS 3 /* client.id, group, topic: each has a map of its own */

struct group {
    atomic_int refs;
    char *code; /* NULL: any */
    struct bucket *plain;
    struct map by[FIXED_DIMS]; /* buckets by value */
    struct map attributes;
    struct map idle; /* items that are not in force, by id */
};

/* The rules of a group that demand values of one attribute. */
struct attribute {
    atomic_int refs;
    char *name;
    struct map values; /* buckets */
};

extern const struct map_type shelf_buckets, shelf_attributes, shelf_groups;

void live_fini(struct live *l);

struct bucket *bucket_new(const char *key, unsigned room);
void bucket_ref(void *bucket);
void bucket_unref(void *bucket); /* NULL allowed */
struct group *group_new(const char *code);
void group_ref(void *group);
void group_unref(void *group); /* NULL allowed */
struct attribute *attribute_new(const char *name);

/* Each takes a reference and gives one that nobody else has. */
struct bucket *bucket_own(struct bucket *b);
struct group *group_own(struct group *g);
struct attribute *attribute_own(struct attribute *a);

/* The codes that a rule is filed under; NULL: it stands in the open group. */
const struct strlist *shelf_codes(const struct pt_match *m);
/* NULL as code: the open group.  NULL: there is none. */
const struct group *group_find(const struct index *x, const char *code);
/* Of a dimension other than plain.  NULL: there is none. */
const struct map *group_values(const struct group *g, enum dim dim,
                               const char *attribute);

#endif
