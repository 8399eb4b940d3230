/*
 * Who is in a group: each server keeps an ephemeral znode servers/ID with its
 * URL, and knows those of the others.
 */
#ifndef SHUNT_ROUTE_MEMBERS_H
#define SHUNT_ROUTE_MEMBERS_H

#include "common/base/strs.h"
#include "route-service/zk.h"

struct members;

/* `url` NULL: nobody is told of this server.  `id` NULL: host and port of the
 * URL.  `zk` is borrowed. */
struct members *members_new(struct zk *zk, const char *root, const char *id,
                            const char *url);
/* After zk_close(); NULL allowed. */
void members_free(struct members *m);
/* Writer thread, of a group that is there: says who this server is, once in
 * each session, and looks who is there, after each change. */
void members_tend(struct members *m);
/* Any thread: id -> URL. */
void members_list(struct members *m, struct props *out);

#endif
