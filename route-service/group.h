/*
 * This server as one of a group: follows what ZooKeeper has, and proposes what
 * shall come next.  Writer thread, except where said otherwise.
 */
#ifndef SHUNT_ROUTE_GROUP_H
#define SHUNT_ROUTE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "route-service/ensemble.h"
#include "route-service/newest.h"

struct group;

/* A change set of the group that is now in force here, and durable. */
typedef void (*group_seen_fn)(const char *id, struct table *t, void *arg);

/* Before the writer thread is started: joins the group, or makes it, and brings
 * `newest` up to date.  Where ZooKeeper can't be reached for a while, a server
 * that has a table begins without it; ERR_UNAVAILABLE for one that has none.
 * ERR_CONFLICT: the store holds another table.  wake(): on any thread, when
 * group_tend() has work. */
MUST_CHECK int group_open(const struct ensemble_conf *conf,
                          struct newest *newest, void (*wake)(void *arg),
                          void *arg, struct group **out, struct err *err);
void group_close(struct group *g); /* NULL allowed */
/* Who wants to know of change sets that came by ZooKeeper. */
void group_on_seen(struct group *g, group_seen_fn fn, void *arg);

/* After wake(), and again and again while group_ready() fails. */
void group_tend(struct group *g);
/* Brings `newest` to all that was seen in ZooKeeper. */
MUST_CHECK int group_follow(struct group *g, struct err *err);
/* The same, to all that is in ZooKeeper now. */
MUST_CHECK int group_refresh(struct group *g, struct err *err);
/* The change set in `step` as the next revision of the group; ERR_CONFLICT: it
 * has another one; ERR_TIMEOUT: unknown; all else: it was not made. */
MUST_CHECK int group_propose(struct group *g, const char *id,
                             const struct newest_step *step, struct err *err);

/* Any thread: 0, or why changes can't be made now. */
MUST_CHECK int group_ready(struct group *g, struct err *err);
/* False: group_tend() is due soon. */
bool group_watching(const struct group *g);
void group_servers(struct group *g, struct props *out);
/* One other thread: see snapshots_compact().  Does nothing unless there are
 * enough new change sets. */
void group_compact(struct group *g, const struct table *t);

#endif
