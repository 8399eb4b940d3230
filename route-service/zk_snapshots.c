/*
 * The pointer (znode "snapshot") names the folder of the newest whole snapshot;
 * it moves only after all chunks are there, and only from the version that was
 * read, so of two servers that got past the lock one fails.  The snapshot before
 * it stays, for servers that are reading it.  What is older is deleted, and
 * nothing else: a server that was slow can't delete what a faster one wrote.
 */
#include "route-service/zk_snapshots.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "route-service/chunks.h"

#define DELETE_AT_ONCE 100

int
snapshots_write(struct zk *zk, const char *root, int64_t revision,
                const char *text, size_t len, char **pointer, struct err *err)
{
    char name[ZNODE_NAME_SIZE];
    chunks_name(name, revision);
    char *folder = xasprintf("%s/snapshots/%s", root, name);
    struct znode_text t = znode_describe(name, text, len);
    t.revision = revision;
    const int rc = chunks_write(zk, folder, text, len, err);
    if (rc == 0)
        *pointer = znode_snapshot_encode(&t);
    else
        (void)chunks_remove(zk, folder, NULL); /* the next compaction does */
    free(folder);
    return rc;
}

static int
read_pointer(struct zk *zk, const char *root, struct znode_text *out,
             int32_t *version, struct err *err)
{
    char *path = xasprintf("%s/snapshot", root);
    struct zk_data d;
    int rc = zk_get(zk, path, &d, err);
    if (rc == 0)
        rc = znode_snapshot_decode(d.bytes, out, err);
    *version = d.version;
    zk_data_fini(&d);
    free(path);
    return rc;
}

int
snapshots_read(struct zk *zk, const char *root, int64_t *revision, char **text,
               size_t *len, struct err *err)
{
    struct znode_text t;
    int32_t version;
    int rc = read_pointer(zk, root, &t, &version, err);
    if (rc)
        return rc;
    char *folder = xasprintf("%s/snapshots/%s", root, t.folder);
    rc = chunks_read(zk, folder, &t, text, err);
    free(folder);
    *revision = t.revision;
    *len = t.bytes;
    return rc;
}

int
snapshots_revision(struct zk *zk, const char *root, int64_t *out,
                   struct err *err)
{
    struct znode_text t;
    int32_t version;
    const int rc = read_pointer(zk, root, &t, &version, err);
    if (rc == 0)
        *out = t.revision;
    return rc;
}

/* ---- deleting ------------------------------------------------------------ */

/* Names begin with the revision, in 20 digits. */
static bool
is_older(const char *name, int64_t revision)
{
    char digits[21] = {0};
    int64_t r;
    strncpy(digits, name, sizeof(digits) - 1);
    const size_t zeros = strspn(digits, "0");
    return zeros == 20 ||
           (str_to_i64(digits + zeros, 0, INT64_MAX, &r) && r < revision);
}

static int
delete_batch(struct zk *zk, char **paths, size_t n, struct err *err)
{
    struct zk_op ops[DELETE_AT_ONCE];
    for (size_t i = 0; i < n; i++)
        ops[i] = (struct zk_op){ZK_DELETE, paths[i], NULL, 0, -1};
    const int rc = n > 0 ? zk_write(zk, ops, n, err) : 0;
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    return rc;
}

static int
delete_changes(struct zk *zk, const char *root, int64_t below, struct err *err)
{
    char *folder = xasprintf("%s/changes", root);
    struct strlist names = {0};
    char *paths[DELETE_AT_ONCE];
    size_t n = 0;
    int rc = zk_children(zk, folder, &names, err);
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        if (!is_older(names.v[i], below))
            continue;
        paths[n++] = xasprintf("%s/%s", folder, names.v[i]);
        if (n < DELETE_AT_ONCE)
            continue;
        rc = delete_batch(zk, paths, n, err);
        n = 0;
    }
    const int last = delete_batch(zk, paths, n, err);
    strlist_fini(&names);
    free(folder);
    return rc ? rc : last;
}

/* The folders of chunks below root/NAME that belong to older revisions. */
static int
delete_folders(struct zk *zk, const char *root, const char *name, int64_t below,
               struct err *err)
{
    char *folder = xasprintf("%s/%s", root, name);
    struct strlist names = {0};
    int rc = zk_children(zk, folder, &names, err);
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        if (!is_older(names.v[i], below))
            continue;
        char *path = xasprintf("%s/%s", folder, names.v[i]);
        rc = chunks_remove(zk, path, err);
        free(path);
    }
    strlist_fini(&names);
    free(folder);
    return rc;
}

/* ---- compaction ---------------------------------------------------------- */

static int
move_pointer(struct zk *zk, const char *root, const char *pointer,
             int32_t version, struct err *err)
{
    char *path = xasprintf("%s/snapshot", root);
    const struct zk_op op = {ZK_SET, path, pointer, strlen(pointer), version};
    const int rc = zk_write(zk, &op, 1, err);
    free(path);
    return rc;
}

static int
replace(struct zk *zk, const char *root, int64_t revision, const char *text,
        size_t len, int64_t keep_from, struct err *err)
{
    struct znode_text old;
    int32_t version;
    char *pointer = NULL;
    int rc = read_pointer(zk, root, &old, &version, err);
    if (rc == 0 && old.revision >= revision)
        return err_set(err, ERR_BUSY, "another server has made a snapshot");
    if (rc == 0)
        rc = snapshots_write(zk, root, revision, text, len, &pointer, err);
    if (rc == 0)
        rc = move_pointer(zk, root, pointer, version, err);
    free(pointer);
    if (rc || (rc = delete_changes(zk, root, keep_from, err)) ||
        (rc = delete_folders(zk, root, "big", keep_from, err)) ||
        (rc = delete_folders(zk, root, "snapshots", old.revision, err)))
        return rc;
    log_info("snapshot of revision %" PRId64 " written to ZooKeeper: %zu bytes",
             revision, len);
    return 0;
}

/* The znode that says who is at it; also ours of a call without answer. */
static int
lock(struct zk *zk, const char *path, struct err *err)
{
    const struct zk_op begin = {ZK_EPHEMERAL, path, "", 0, 0};
    struct zk_data d = {0};
    int rc = zk_write(zk, &begin, 1, err);
    if (rc != ERR_CONFLICT)
        return rc;
    rc = zk_get(zk, path, &d, err);
    const bool own = rc == 0 && d.session == zk_session_id(zk);
    zk_data_fini(&d);
    return own ? 0 : err_set(err, ERR_BUSY, "another server makes a snapshot");
}

int
snapshots_compact(struct zk *zk, const char *root, int64_t revision,
                  const char *text, size_t len, int64_t keep_from,
                  struct err *err)
{
    char *path = xasprintf("%s/compacting", root);
    const struct zk_op end = {ZK_DELETE, path, NULL, 0, -1};
    int rc = lock(zk, path, err);
    if (rc == 0) {
        rc = replace(zk, root, revision, text, len, keep_from, err);
        if (zk_write(zk, &end, 1, NULL))
            log_debug("%s stays until the session ends", path);
    }
    free(path);
    return rc;
}
