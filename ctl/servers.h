/*
 * The servers of a highly available group.  Clients hold their streams at one
 * of them, so what is asked about clients is asked of all and merged.
 */
#ifndef SHUNT_CTL_SERVERS_H
#define SHUNT_CTL_SERVERS_H

#include "ctl/call.h"

struct servers {
    struct strlist urls;
    struct json_t *list; /* as /v1/servers has it; owned */
};

/* As the first that answers knows them; the one that was asked stands with the
 * URL it was reached at.  Returns an exit code, said already. */
MUST_CHECK int servers_find(const struct ctl *ctl, struct servers *out);
void servers_fini(struct servers *s);

/* Pure: `answers` of several servers, each {NAME:[{..}]}, as one list without
 * doubles (js_free).  Of two with the same key `better` says whether the second
 * one replaces the first. */
struct merge {
    const char *name; /* "clients" */
    /* Owned by the caller; the result is in its order. */
    char *(*key)(const struct json_t *item);
    bool (*better)(const struct json_t *kept, const struct json_t *other);
};
struct json_t *servers_merge(const struct merge *m,
                             const struct json_t *const *answers, size_t n);

/* Says on stderr which of them did not answer, and what is missing therefore.
 * Returns how many. */
size_t servers_say_silent(const struct reply *replies, size_t n,
                          const char *missing);

#endif
