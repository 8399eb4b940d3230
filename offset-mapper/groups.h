/*
 * Questions about consumer groups: what the clusters, the route services and
 * the store know of a group, asked at once and answered in time, whoever is
 * dead.  One thread for each cluster, one for the route services.
 *
 * Everything on the loop thread.
 */
#ifndef SHUNT_OFFSET_GROUPS_H
#define SHUNT_OFFSET_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "common/net/loop.h"
#include "offset-mapper/config.h"
#include "offset-mapper/group.h"
#include "offset-mapper/group_kafka.h"
#include "offset-mapper/store.h"

/* How long each may take; what is not there soon after is left out. */
#define GROUPS_DEADLINE_MS 2000
#define GROUPS_WAITING_MAX 64 /* questions at one cluster */

struct groups;

/* Borrowed until groups_free(). */
struct groups_parts {
    const struct config *config;
    struct store *store;
    struct loop *loop;
    const struct strlist *services; /* route services; may be empty */
};

/* What became of one source of the answer. */
struct group_column {
    bool asked;
    int code; /* 0, or ERR_* with `text` */
    char text[256];
};

struct group_answer {
    struct group group; /* chosen */
    struct group_column live, source, checkpoints, target;
    size_t n_live;                       /* members connected to a service */
    struct group_commits target_commits; /* of all topics there */
};

struct group_question {
    const char *group;
    const struct pt_cluster *from;
    const struct pt_cluster *to; /* NULL: wherever it goes */
    bool target;                 /* ask for its commits there, too */
};

MUST_CHECK int groups_start(const struct groups_parts *parts,
                            struct groups **out, struct err *err);
/* Ends the threads, after what they have been given; then loop_drain() of the
 * loop, and groups_free().  NULL allowed. */
void groups_stop(struct groups *g);
void groups_free(struct groups *g);

/* `fn` is called once on the loop, never from here; the answer is borrowed
 * until it returns.  Strings of `q` are copied.  ERR_BUSY: too many wait, `fn`
 * is not called. */
MUST_CHECK int groups_ask(struct groups *g, const struct group_question *q,
                          void (*fn)(struct group_answer *a, void *arg),
                          void *arg, struct err *err);

/* work(arg) on the thread for blocking calls on `cluster`, after what it has
 * been given before; then done(arg) on the loop.  ERR_BUSY, ERR_UNAVAILABLE:
 * neither is called. */
MUST_CHECK int groups_submit(struct groups *g, const struct pt_cluster *cluster,
                             void (*work)(void *arg), void (*done)(void *arg),
                             void *arg, struct err *err);

#endif
