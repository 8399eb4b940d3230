/*
 * Requests to the services: one answer as JSON, errors as words on stderr.
 *
 * A question may be asked of one server after another.  A change may not: it
 * goes on to the next server only when the one before certainly did not take
 * it, because nothing of it has left (no connection), or because it answered
 * that it takes no changes now (503).
 */
#ifndef SHUNT_CTL_CALL_H
#define SHUNT_CTL_CALL_H

#include "common/base/strs.h"
#include "ctl/ctl.h"

enum call_kind { CALL_READ, CALL_CHANGE };

struct call {
    enum call_kind kind;
    const char *method; /* "GET" */
    const char *path;   /* "/v1/table" */
    const char *body;   /* JSON, or NULL */
    bool may_lack;      /* 404 is an answer too: an older service */
};

/* One server's answer. */
struct reply {
    char *base;          /* its URL; owned */
    int status;          /* 0: no answer, `err` says why */
    struct json_t *json; /* owned; NULL without an answer */
    struct err err;      /* also why it refused (status >= 400) */
    bool unsent;         /* no answer, and nothing of the request has left */
};
void reply_fini(struct reply *r);

/* Asks one server; says nothing. */
void call_one(const struct ctl *ctl, const char *base, const struct call *call,
              struct reply *out);
/* Asks all of them at once; `out` has an entry for each. */
void call_all(const struct ctl *ctl, const struct strlist *bases,
              const struct call *call, struct reply *out);
/* The first server that answers, from `bases` ("URL,URL") in turn.  Returns 0,
 * or an exit code, said on stderr already.  Either way the reply that decided
 * is in `out`. */
MUST_CHECK int call_any(const struct ctl *ctl, const char *bases,
                        const struct call *call, struct reply *out);

/* The same at the route services of --route.service, for the answer alone
 * (js_free). */
MUST_CHECK int ctl_get(const struct ctl *ctl, const char *path,
                       struct json_t **answer);
/* A POST that changes nothing; `body` is taken. */
MUST_CHECK int ctl_ask_take(const struct ctl *ctl, const char *path,
                            struct json_t *body, struct json_t **answer);

/* Says on stderr why the server refused; returns the exit code. */
int call_say_refused(const struct ctl *ctl, const struct reply *r);

#endif
