/*
 * A group of servers, as ZooKeeper keeps it: one order of change sets, a
 * snapshot of the table, and who is there.  Texts in, texts out.  Below
 * zookeeper.root:
 *
 *   id                   table id
 *   head                 newest revision; its version counts the change sets
 *   changes/REVISION     one change set; REVISION has 20 digits
 *   big/REVISION-ID/N    chunks of a change set that is too big for one znode
 *   snapshot             which of snapshots/ is the newest whole one
 *   snapshots/REVISION-ID/N   its chunks
 *   servers/ID           ephemeral: URL of a server
 *   compacting           ephemeral: who is replacing old change sets
 *
 * A change set is in force from the moment at which changes/REVISION is made
 * and head moves, both in one operation.  Errors are those of zk.h.
 */
#ifndef SHUNT_ROUTE_ENSEMBLE_H
#define SHUNT_ROUTE_ENSEMBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "route-service/uid.h"

struct ensemble;

struct ensemble_conf {
    const char *connect; /* "host:port,host:port" */
    const char *root;    /* "/shunt" */
    const char *auth;    /* "user:password"; NULL: none */
    bool creator_only;
    int64_t session_ms;
    int64_t snapshot_changes; /* change sets between two snapshots */
    const char *server_id;    /* NULL: host and port of `url` */
    const char *url;          /* of this server; NULL: nobody is told */
};

/* ERR_INVALID names the option. */
MUST_CHECK int ensemble_check(const struct ensemble_conf *conf,
                              struct err *err);
/* Does not wait.  wake(): on any thread, when ensemble_tend() has work. */
struct ensemble *ensemble_open(const struct ensemble_conf *conf,
                               void (*wake)(void *arg), void *arg);
void ensemble_close(struct ensemble *e); /* NULL allowed */

/* ---- any thread, never waits ---- */
MUST_CHECK int ensemble_up(const struct ensemble *e, struct err *err);
/* The newest revision seen in ZooKeeper; -1: none yet. */
int64_t ensemble_head(const struct ensemble *e);
/* False for a moment after a change set of this server: ensemble_tend() is due
 * soon. */
bool ensemble_watching(const struct ensemble *e);
/* The servers of the group: id -> URL. */
void ensemble_servers(struct ensemble *e, struct props *out);

/* ---- writer thread; waits within bounds ---- */
MUST_CHECK int ensemble_wait(struct ensemble *e, int64_t ms, struct err *err);
/* Begins new sessions.  True: ensemble_join() is due, also again. */
bool ensemble_tend(struct ensemble *e);
/* Says who this server is, looks who else is there. */
void ensemble_mingle(struct ensemble *e);
/* Reads id and head, and watches from now on.  ERR_NOTFOUND: no group yet. */
MUST_CHECK int ensemble_join(struct ensemble *e, char id[UID_SIZE],
                             struct err *err);
/* Reads head as it is now, whatever was seen before. */
MUST_CHECK int ensemble_look(struct ensemble *e, struct err *err);
/* Makes a group with this table. ERR_CONFLICT: another server did meanwhile. */
MUST_CHECK int ensemble_found(struct ensemble *e, const char *id,
                              int64_t revision, const char *snapshot,
                              size_t len, struct err *err);
/* Makes `text` the change set with this revision.  ERR_CONFLICT: it exists
 * already.  ERR_TIMEOUT: unknown; all else: it was not made. */
MUST_CHECK int ensemble_propose(struct ensemble *e, int64_t revision,
                                const char *id, const char *text, size_t len,
                                struct err *err);
struct ensemble_change {
    int64_t revision;
    char id[UID_SIZE];
    char *text; /* owned */
    size_t len;
};
/* Those from `from` on, at most `max`, until head.  Free with
 * ensemble_changes_fini().  ERR_NOTFOUND: not all of them are kept any more. */
MUST_CHECK int ensemble_read(struct ensemble *e, int64_t from, size_t max,
                             struct ensemble_change *out, size_t *n,
                             struct err *err);
void ensemble_changes_fini(struct ensemble_change *v, size_t n);
/* The newest snapshot; *text is owned by the caller.  ERR_NOTFOUND: none. */
MUST_CHECK int ensemble_snapshot(struct ensemble *e, int64_t *revision,
                                 char **text, size_t *len, struct err *err);

/* ---- one other thread; waits within bounds ---- */
/* Revision of the newest snapshot; 0: none. */
MUST_CHECK int ensemble_snapshot_revision(struct ensemble *e, int64_t *out,
                                          struct err *err);
/* Writes a snapshot and deletes the change sets older than `keep_from`.
 * ERR_BUSY: another server is at it, or has been. */
MUST_CHECK int ensemble_compact(struct ensemble *e, int64_t revision,
                                const char *snapshot, size_t len,
                                int64_t keep_from, struct err *err);

#endif
