/* The texts are for people with zkCli.sh too: one head line, then JSON. */
#include "route-service/znode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/xmem.h"
#include "route-service/digest.h"
#include "route-service/limits.h"

#define HEAD_MAX 256

static int
unreadable(const char *what, struct err *err)
{
    return err_set(err, ERR_CORRUPT,
                   "%s in ZooKeeper can't be read: it is damaged, or of a "
                   "newer shunt-route: use the newest one on all servers",
                   what);
}

char *
znode_head_encode(int64_t revision)
{
    return xasprintf("shunt1 %" PRId64 "\n", revision);
}

int
znode_head_decode(const char *bytes, int64_t *revision, struct err *err)
{
    char end = 0;
    if (sscanf(bytes, "shunt1 %" SCNd64 "%c", revision, &end) != 2 ||
        end != '\n' || *revision < 0)
        return unreadable("the head", err);
    return 0;
}

size_t
znode_chunks_of(size_t bytes)
{
    return (bytes + ZNODE_CHUNK - 1) / ZNODE_CHUNK;
}

size_t
znode_chunk_len(size_t bytes, size_t i)
{
    const size_t from = i * ZNODE_CHUNK;
    if (from >= bytes)
        return 0;
    return bytes - from < ZNODE_CHUNK ? bytes - from : ZNODE_CHUNK;
}

struct znode_text
znode_describe(const char *folder, const char *text, size_t len)
{
    struct znode_text t = {.bytes = len,
                           .chunks = folder ? znode_chunks_of(len) : 0,
                           .digest = digest_of(text, len)};
    (void)snprintf(t.folder, sizeof(t.folder), "%s", folder ? folder : "-");
    return t;
}

char *
znode_change_encode(const struct znode_text *t, const char *text, size_t *len)
{
    const size_t inside = t->chunks ? 0 : t->bytes;
    char *out = xmalloc(HEAD_MAX + inside + 1);
    const int n = snprintf(
        out, HEAD_MAX, "shunt1 %s %s %zu %zu %016" PRIx64 "%016" PRIx64 "\n",
        t->id, t->folder, t->bytes, t->chunks, t->digest.high, t->digest.low);
    *len = (size_t)n + inside;
    memcpy(out + n, text, inside);
    out[*len] = '\0';
    return out;
}

int
znode_change_decode(const char *bytes, size_t len, struct znode_text *out,
                    const char **text, struct err *err)
{
    *out = (struct znode_text){0};
    int n = 0;
    if (sscanf(bytes, "shunt1 %63s %63s %zu %zu %16" SCNx64 "%16" SCNx64 "%n",
               out->id, out->folder, &out->bytes, &out->chunks,
               &out->digest.high, &out->digest.low, &n) != 6 ||
        n <= 0 || bytes[n] != '\n' || out->bytes > LIMIT_CHANGE_BYTES)
        return unreadable("a change set", err);
    *text = bytes + n + 1;
    const size_t inside = len - (size_t)n - 1;
    if (out->chunks !=
        (out->bytes > ZNODE_CHUNK ? znode_chunks_of(out->bytes) : 0))
        return unreadable("a change set", err);
    return out->chunks ? 0 : znode_verify(out, *text, inside, err);
}

char *
znode_snapshot_encode(const struct znode_text *t)
{
    return xasprintf("shunt1 %" PRId64 " %s %zu %zu %016" PRIx64 "%016" PRIx64
                     "\n",
                     t->revision, t->folder, t->bytes, t->chunks,
                     t->digest.high, t->digest.low);
}

int
znode_snapshot_decode(const char *bytes, struct znode_text *out,
                      struct err *err)
{
    *out = (struct znode_text){0};
    char end = 0;
    if (sscanf(bytes,
               "shunt1 %" SCNd64 " %63s %zu %zu %16" SCNx64 "%16" SCNx64 "%c",
               &out->revision, out->folder, &out->bytes, &out->chunks,
               &out->digest.high, &out->digest.low, &end) != 7 ||
        end != '\n' || out->revision < 0 || out->bytes > LIMIT_SNAPSHOT_BYTES ||
        out->chunks != znode_chunks_of(out->bytes))
        return unreadable("the pointer to the snapshot", err);
    return 0;
}

int
znode_verify(const struct znode_text *t, const char *text, size_t len,
             struct err *err)
{
    if (len == t->bytes && digest_equal(digest_of(text, len), t->digest))
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "%s in ZooKeeper is damaged: %zu bytes where %zu were "
                   "written, or others",
                   t->id[0] ? t->id : t->folder, len, t->bytes);
}
