/*
 * ZooKeeper's client, wrapped: one session that is made anew when it expires,
 * calls that wait with a deadline, watches that stay set.  What the znodes mean
 * is not known here.
 *
 * Errors of calls: ERR_UNAVAILABLE: not connected, nothing was sent;
 * ERR_TIMEOUT: sent, and no answer came: it may or may not have been done;
 * ERR_NOTFOUND: a znode is not there; ERR_CONFLICT: it has another version, or
 * is there already, or has children; ERR_DENIED; ERR_IO: anything else.
 */
#ifndef SHUNT_ROUTE_ZK_H
#define SHUNT_ROUTE_ZK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"

struct zk;

struct zk_conf {
    const char *connect; /* "host:port,host:port" */
    const char *auth;    /* "user:password" (digest); NULL: none */
    bool creator_only;   /* znodes that are made are for `auth` alone */
    int64_t session_ms;
    /* Any thread, must not wait: something may be to be done. */
    void (*wake)(void *arg);
    void *arg;
};

/* Copies `conf`; does not wait for a connection. */
struct zk *zk_open(const struct zk_conf *conf);
/* May wait some seconds for a server that does not answer.  NULL allowed. */
void zk_close(struct zk *zk);

/* Any thread, never waits: 0, or ERR_UNAVAILABLE with the reason. */
MUST_CHECK int zk_up(const struct zk *zk, struct err *err);
/* Waits until it is up. */
MUST_CHECK int zk_wait(struct zk *zk, int64_t ms, struct err *err);
/* One thread, now and then and after wake(): makes an expired session anew,
 * sets watches that were lost, asks a server that has not answered. */
void zk_tend(struct zk *zk);
/* Grows with every session that was made. */
int64_t zk_session(const struct zk *zk);

struct zk_data {
    char *bytes; /* owned; NUL behind it */
    size_t len;
    int32_t version;
    int64_t changed_ms; /* by ZooKeeper's clock */
    int64_t session;    /* of an ephemeral znode: whose it is; 0 */
};

void zk_data_fini(struct zk_data *d);
MUST_CHECK int zk_get(struct zk *zk, const char *path, struct zk_data *out,
                      struct err *err);
/* The same, with all that was done through any node of ZooKeeper before. */
MUST_CHECK int zk_get_newest(struct zk *zk, const char *path,
                             struct zk_data *out, struct err *err);
/* All at once; the results in the same order.  Fails as the first failing
 * one, with all of `out` empty. */
MUST_CHECK int zk_get_many(struct zk *zk, char *const *paths, size_t n,
                           struct zk_data *out, struct err *err);
MUST_CHECK int zk_children(struct zk *zk, const char *path, struct strlist *out,
                           struct err *err);

enum zk_kind { ZK_CREATE, ZK_EPHEMERAL, ZK_SET, ZK_DELETE };

struct zk_op {
    enum zk_kind kind;
    const char *path;
    const void *data; /* of create and set */
    size_t len;
    int32_t version; /* of set and delete: expected; -1: any */
};

/* All of them or none. */
MUST_CHECK int zk_write(struct zk *zk, const struct zk_op *ops, size_t n,
                        struct err *err);
/* The id of the session, as in zk_data; 0: none yet. */
int64_t zk_session_id(struct zk *zk);

/* Calls `fn` with the znode's content now and whenever it has changed, on a
 * thread of ZooKeeper's client: must not wait, nor call anything of here.
 * NULL: the znode is not there.  Then wake().  Until zk_close(). */
typedef void (*zk_data_fn)(const struct zk_data *d, void *arg);
void zk_watch(struct zk *zk, const char *path, zk_data_fn fn, void *arg);
/* The same for the names below it; `fn` gets NULL. */
void zk_watch_children(struct zk *zk, const char *path, zk_data_fn fn,
                       void *arg);
/* Any thread.  For so long a watch that has told of something is not set again;
 * zk_tend() does it later.  For who changes znodes that he watches: ZooKeeper
 * tells him before it answers him, and he need not read what he has written. */
void zk_hush(struct zk *zk, int64_t ms);
/* Any thread: every watch is set. */
bool zk_watching(struct zk *zk);

#endif
