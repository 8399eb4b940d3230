/*
 * Answer texts, each encoded once: identities with equal topics, routes and
 * residencies share one text, and all streams that are told it share one
 * event.  Loop thread.
 */
#ifndef SHUNT_ROUTE_ANSWERS_H
#define SHUNT_ROUTE_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "common/proto/route.h"
#include "route-service/digest.h"
#include "route-service/table.h"

struct answers;
struct http_event;

struct answer {
    struct digest digest; /* of the text without the revision */
    int64_t since; /* from this revision on it has been the answer; of a topic
                      without a route nobody knows since when */
    bool unrouted; /* there is such a topic */
    int64_t revision; /* of text and event */
    char *text;       /* as it is sent: {"revision":N,"routes":.. */
    size_t len;
    struct http_event *event; /* NULL: not needed yet */
    /* answers.c */
    char *key;
    size_t key_len;
    char *rest; /* text behind the revision */
    size_t rest_len;
    UT_hash_handle hh; /* by key; in the order of making */
};

struct answers *answers_new(void);
void answers_free(struct answers *all); /* NULL allowed */

/* The answer of `t` to `id`.  Borrowed until the next call. */
struct answer *answers_get(struct answers *all, const struct table *t,
                           const struct pt_identity *id);
/* Who has heard everything up to that revision has this answer. */
bool answer_known(const struct answer *answer, int64_t revision);
/* It as a `route` event; borrowed as long as the answer. */
struct http_event *answer_event(struct answer *answer);
/* {"revision":N,"routes":[{"topic":..,"cluster":..,"since":N}]}: what a client
 * must have to go on with it.  Owned by the caller. */
char *answer_outline(const struct table *t, const struct pt_identity *id);

#endif
