/*
 * Change sets: posted, and what came of it said in words.  A dry run is asked
 * of every server, because each knows the live clients that are connected to
 * it.
 */
#ifndef SHUNT_CTL_CHANGE_H
#define SHUNT_CTL_CHANGE_H

#include "ctl/ctl.h"

struct json_t;

struct change {
    const char *kind;        /* "operations", "restore" or "table" */
    struct json_t *value;    /* its value; taken by change_run_take() */
    int64_t expect_revision; /* made against this one; -1: any */
    const char *what;        /* words: "flip orders to b" */
    bool show_diff;          /* print what changes, not only that it does */
    int64_t revision;        /* out: the one in force afterwards */
    struct json_t **moves;   /* out: of live clients, js_free'd by the caller;
                                NULL: not wanted */
};

/* With --dry-run nothing is changed.  Returns an exit code; says everything. */
MUST_CHECK int change_run_take(const struct ctl *ctl, struct change *c);
/* What would change, moves of all servers included; says only errors.  *answer
 * is js_free'd by the caller. */
MUST_CHECK int change_try(const struct ctl *ctl, const struct change *c,
                          struct json_t **answer);
/* "changed" in + and - lines. */
void change_print_diff(const struct json_t *changed);
/* Deletes name what goes away. */
void change_print_deleted(const struct json_t *changed);

#endif
