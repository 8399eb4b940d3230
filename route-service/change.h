/*
 * Change sets: several operations on the table, all or nothing.  Pure.
 */
#ifndef SHUNT_ROUTE_CHANGE_H
#define SHUNT_ROUTE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "route-service/table.h"

struct operation {
    enum kind kind;
    char *key;         /* of what is put or deleted */
    struct item *item; /* NULL: delete */
};

struct change {
    char *author, *comment;
    int64_t expect_revision; /* -1: any */
    bool dry_run;
    struct operation *operations;
    size_t n;
    /* Of a change set that stands in the store. */
    int64_t revision;
    int64_t time_ms;
};

/* As it stands in a request. */
MUST_CHECK int change_decode(const struct json_t *j, struct change *out,
                             struct err *err);
/* As change_encode() wrote it: with revision and time. */
MUST_CHECK int change_decode_stored(const struct json_t *j, struct change *out,
                                    struct err *err);
struct json_t *change_encode(const struct change *c);
void change_fini(struct change *c);

/* *out: the table as it would be, with head's revision + 1, sealed; or a new
 * reference of `head` when nothing would change.  ERR_CONFLICT (another
 * revision was expected), ERR_NOTFOUND (deleting what is not there),
 * ERR_INVALID (a cluster that is not there, or one still in use). */
MUST_CHECK int change_apply(const struct change *c, struct table *head,
                            struct table **out, struct err *err);

/* What is allowed, but may not be meant: rules of the change set that tie with
 * another on everything but the id, that are never reached, or that keep
 * others from ever being reached.  `after` is the table with the change. */
void change_warnings(const struct change *c, const struct table *after,
                     struct strlist *out);

#endif
