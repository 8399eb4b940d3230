/*
 * The identities that somebody on this loop has, each once, with what the
 * clients of that identity were told last.  Loop thread.
 *
 * Clients that say the same of themselves get the same answer: they are one
 * audience.  A change of the table is worked out per audience, and only for
 * those that the touched rules could reach.
 */
#ifndef SHUNT_ROUTE_AUDIENCE_H
#define SHUNT_ROUTE_AUDIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "route-service/answers.h"
#include "route-service/change.h"
#include "route-service/concern.h"
#include "route-service/digest.h"

struct client;
struct audiences;

/* What a change looks at comes first. */
struct audience {
    struct pt_identity id;  /* its strings stand in `key` */
    uint64_t mark;          /* of the last round that has looked at it */
    struct client *clients; /* clients.c; also those that are away */
    struct digest told;     /* of the answer, without its revision */
    int64_t since;          /* revision that made it that, as far as is known */
    bool was_told;
    char *key;
    size_t key_len;
    struct concern_place *places;
    size_t n_places;
    size_t refs;
    UT_hash_handle hh; /* by key */
};

struct audiences *audiences_new(void);
void audiences_free(struct audiences *all); /* NULL allowed */
size_t audiences_count(const struct audiences *all);

/* One reference to that identity's audience, which is made if missing. */
struct audience *audience_of(struct audiences *all,
                             const struct pt_identity *id);
void audience_release(struct audiences *all, struct audience *a);
/* Bytes that it holds for itself, roughly. */
size_t audience_bytes(const struct audience *a);

/* Calls fn for those whose answer the touched rules may have changed, each
 * once; fn adds and releases none.  Returns how many. */
size_t audiences_concerned(struct audiences *all, const struct touched *touched,
                           void (*fn)(struct audience *a, void *arg),
                           void *arg);

/* Notes that `answer` is what is told now; false: it has been told before. */
bool audience_note(struct audience *a, const struct answer *answer);

#endif
