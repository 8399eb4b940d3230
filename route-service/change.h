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
    size_t listed;     /* of a whole table: its place in the list of its kind */
};

/* What a request asks for.  The other two become operations by
 * change_resolve(). */
enum change_form { CHANGE_OPERATIONS, CHANGE_RESTORE, CHANGE_TABLE };

struct change {
    char *author, *comment;
    int64_t expect_revision; /* -1: any */
    bool dry_run;
    enum change_form form;
    int64_t restore; /* CHANGE_RESTORE: the revision whose table is wanted */
    struct operation *wanted; /* CHANGE_TABLE: a put of all that shall be */
    size_t n_wanted;
    struct operation *operations; /* of the other forms: when resolved */
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
/* Operations, whatever the form of the request was: resolved before. */
struct json_t *change_encode(const struct change *c);
void change_fini(struct change *c);
/* The list with all that it owns; for change.c and wanted.c. */
void change_operations_fini(struct operation *v, size_t n);

/* Turns what is asked into the operations that make it of `head`: those by which
 * it differs from `past`, the table at c->restore, or from the table asked for.
 * May be called again for another head.  Nothing to do for a change set of
 * operations; `past` is for CHANGE_RESTORE, where NULL is ERR_NOTFOUND. */
MUST_CHECK int change_resolve(struct change *c, const struct table *head,
                              const struct table *past, struct err *err);

/* The path of a field in a change set: "operations[3].rule.cluster", or
 * "table.rules[3].cluster" where a whole table was given; `rest` begins with the
 * name of the kind then. */
struct place {
    char s[160];
};
struct place change_place(const struct change *c, size_t operation,
                          const char *rest);

/* What a change may have an effect on: the versions before and after of every
 * rule that was put or deleted, or whose window began or ended. */
struct touched {
    struct item **rules; /* one reference each */
    size_t n;
    bool infra; /* a cluster or a flow is another one */
};

/* NULL: something, nobody knows what. */
struct touched touched_copy(const struct touched *touched);
void touched_fini(struct touched *touched);

/* *out: the table as it would be at c->time_ms, at the next revision; or a new
 * reference of `head` when nothing changes: every operation puts what is there
 * already, and no rule's window begins or ends.  *touched is filled on success
 * (touched_fini).  Of the same head and operations, the result is the same on
 * every server.  ERR_CONFLICT (another revision was expected), ERR_NOTFOUND
 * (deleting what is not there), ERR_INVALID (a cluster that is not there, or one
 * still in use). */
MUST_CHECK int change_apply(const struct change *c, struct table *head,
                            struct table **out, struct touched *touched,
                            struct err *err);

/* What is allowed, but may not be meant: rules of the change set that can never
 * win, tie with another on everything but the id, are never reached, or keep
 * others from ever being reached; cluster codes of theirs without a rule that
 * matches every client.  `after` is the table with the change. */
void change_warnings(const struct change *c, const struct table *before,
                     const struct table *after, struct strlist *out);

#endif
