/*
 * A change set on its way through the committer: from the bytes of a request to
 * its outcome.  Belongs to one thread at a time.
 */
#ifndef SHUNT_ROUTE_JOB_H
#define SHUNT_ROUTE_JOB_H

#include "route-service/committer.h"
#include "route-service/newest.h"
#include "route-service/uid.h"

struct job {
    struct committer *k;
    char *body;
    size_t len;
    struct loop *reply_to; /* NULL: nobody waits for it */
    outcome_fn done;
    void *arg;
    char id[UID_SIZE]; /* by which it is known again in a group */
    bool read, looked_back;
    struct table *past; /* CHANGE_RESTORE: the table that is wanted again */
    struct change change;
    struct err err;
    struct outcome outcome;
    struct touched touched;
    struct strlist warnings;
    char *changed;      /* owned; outcome.changed */
    int64_t sent;       /* as this revision, perhaps; 0: not */
    int64_t give_up_ms; /* then: monotonic */
    struct job *next, *prev;
};

struct job *job_new(struct committer *k);
void job_free(struct job *job);
/* Decodes the body. */
MUST_CHECK int job_read(struct job *job);
/* What it would make of `head` at `now_ms`; may be called again for another
 * head. */
MUST_CHECK int job_judge(struct job *job, struct table *head, int64_t now_ms);
/* As it is stored, to be freed by the caller; after job_judge(). */
char *job_text(struct job *job);
/* Of a change set that only lets time pass: says which rules begin and end;
 * after job_judge(). */
void job_tell_time(struct job *job);
/* It turned out that the group has it: `t` is the table with it. */
void job_found(struct job *job, struct table *t);
/* After the last judgement: no half of an outcome. */
void job_conclude(struct job *job, int rc);

#endif
