/* See chunks.h.  Nothing is kept here; any thread. */
#include "route-service/chunks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "route-service/uid.h"

void
chunks_name(char out[ZNODE_NAME_SIZE], int64_t revision)
{
    char id[UID_SIZE];
    uid_make(id);
    (void)snprintf(out, ZNODE_NAME_SIZE, "%020" PRId64 "-%s", revision, id);
}

static int
make(struct zk *zk, const char *path, const void *data, size_t len,
     struct err *err)
{
    const struct zk_op op = {ZK_CREATE, path, data, len, 0};
    return zk_write(zk, &op, 1, err);
}

int
chunks_write(struct zk *zk, const char *folder, const char *text, size_t len,
             struct err *err)
{
    int rc = make(zk, folder, "", 0, err);
    for (size_t i = 0; rc == 0 && i < znode_chunks_of(len); i++) {
        char *path = xasprintf("%s/%06zu", folder, i);
        rc = make(zk, path, text + i * ZNODE_CHUNK, znode_chunk_len(len, i),
                  err);
        free(path);
    }
    return rc;
}

static int
join(const struct znode_text *t, const struct zk_data *v, char **text,
     struct err *err)
{
    char *out = xmalloc(t->bytes + 1);
    size_t len = 0;
    for (size_t i = 0; i < t->chunks && v[i].len <= t->bytes - len; i++) {
        memcpy(out + len, v[i].bytes, v[i].len);
        len += v[i].len;
    }
    out[len] = '\0';
    const int rc = znode_verify(t, out, len, err);
    if (rc == 0)
        *text = out;
    else
        free(out);
    return rc;
}

int
chunks_read(struct zk *zk, const char *folder, const struct znode_text *t,
            char **text, struct err *err)
{
    char **paths = xcalloc(t->chunks + 1, sizeof(char *));
    struct zk_data *v = xcalloc(t->chunks + 1, sizeof(*v));
    for (size_t i = 0; i < t->chunks; i++)
        paths[i] = xasprintf("%s/%06zu", folder, i);
    int rc = zk_get_many(zk, paths, t->chunks, v, err);
    if (rc == 0)
        rc = join(t, v, text, err);
    for (size_t i = 0; i < t->chunks; i++) {
        zk_data_fini(&v[i]);
        free(paths[i]);
    }
    free(v);
    free(paths);
    return rc;
}

int
chunks_remove(struct zk *zk, const char *folder, struct err *err)
{
    struct strlist names = {0};
    int rc = zk_children(zk, folder, &names, err);
    struct zk_op *ops = xcalloc(names.n + 1, sizeof(*ops));
    char **paths = xcalloc(names.n + 1, sizeof(char *));
    for (size_t i = 0; i < names.n; i++) {
        paths[i] = xasprintf("%s/%s", folder, names.v[i]);
        ops[i] = (struct zk_op){ZK_DELETE, paths[i], NULL, 0, -1};
    }
    ops[names.n] = (struct zk_op){ZK_DELETE, folder, NULL, 0, -1};
    if (rc == 0)
        rc = zk_write(zk, ops, names.n + 1, err);
    for (size_t i = 0; i < names.n; i++)
        free(paths[i]);
    free(paths);
    free(ops);
    strlist_fini(&names);
    return rc == ERR_NOTFOUND ? 0 : rc;
}
