/*
 * Processes of shunt-replicator.  They share the work of a flow and know
 * nothing of each other: what is asked of one is asked of all that --replicator
 * names.
 */
#ifndef SHUNT_CTL_REPLICATOR_H
#define SHUNT_CTL_REPLICATOR_H

#include "ctl/call.h"

struct replicators {
    struct strlist urls;
    struct reply *replies; /* one for each; owned */
};

/* Asks all of them; says nothing. */
void replicators_ask(const struct ctl *ctl, const struct call *call,
                     struct replicators *out);
void replicators_fini(struct replicators *r);
/* CTL_OK: all have answered well.  Otherwise says on stderr which has not, and
 * what that means, and returns an exit code. */
int replicators_verdict(const struct replicators *r, const char *meaning);
/* At least one has. */
bool replicators_any(const struct replicators *r);
/* {"processes":[{"url":..,KEY:..}],"unanswered":[{"url":..,"error":..}]} with
 * what each answered as its members (js_free). */
struct json_t *replicators_json(const struct replicators *r);

/* "/status" with its filters; NULL: all.  Owned by the caller. */
char *replicators_path(const char *flow, const char *topic, bool problems,
                       const char *limit);

/* replicator_watch.c */
int replicator_watch(const struct ctl *ctl, const char *flow);

#endif
