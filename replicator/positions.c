/*
 * Owns the table that is built while the topic is read.  Keys are compared by
 * their bytes by Connect, so the order of their fields is fixed.
 */
#include "replicator/positions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/js.h"
#include "common/base/xmem.h"

#define CONNECTOR "MirrorSourceConnector"

struct position {
    char *name; /* "topic/partition"; neither holds a slash */
    int64_t offset;
    struct last_record last;
    void *runs; /* NULL: none */
    size_t runs_len;
    UT_hash_handle hh;
};

static int
dump_take(struct json_t *v, int bad, char **out)
{
    *out = bad ? NULL : js_dump(v);
    js_free(v);
    return *out ? 0 : ERR_NOMEM;
}

int
position_key(const char *cluster, const char *topic, int32_t partition,
             char **out)
{
    static const char head[] = "[\"" CONNECTOR "\"]";
    struct json_t *key = NULL, *place = js_object();
    int bad = js_parse(head, sizeof(head) - 1, &key, NULL);
    bad |= js_put_str(place, "cluster", cluster);
    bad |= js_put_int(place, "partition", partition);
    bad |= js_put_str(place, "topic", topic);
    bad |= js_add_take(key, place);
    return dump_take(key, bad, out);
}

int
position_value(int64_t offset, char **out)
{
    struct json_t *v = js_object();
    return dump_take(v, js_put_int(v, "offset", offset), out);
}

/* 0 and *name; ERR_NOTFOUND: not ours. */
static int
read_key(const char *cluster, const void *key, size_t len, char **name,
         struct err *err)
{
    struct json_t *j;
    const char *of, *topic;
    int64_t partition;
    int rc = js_parse(key, len, &j, err);
    if (rc != 0)
        return rc;
    const char *connector = js_str(js_at(j, 0));
    const struct json_t *place = js_at(j, 1);
    if (!connector || strcmp(connector, CONNECTOR) != 0) {
        rc = err_set(err, ERR_NOTFOUND, "not a position of a record");
        goto out;
    }
    rc = js_expect_object(place, "key[1]", err);
    if (rc == 0)
        rc = js_get_str(place, "key[1]", "cluster", JS_REQUIRED, &of, err);
    if (rc == 0)
        rc = js_get_str(place, "key[1]", "topic", JS_REQUIRED, &topic, err);
    if (rc == 0)
        rc = js_get_int(place, "key[1]", "partition", JS_REQUIRED, 0, INT32_MAX,
                        &partition, err);
    if (rc == 0 && strcmp(of, cluster) != 0)
        rc = err_set(err, ERR_NOTFOUND, "of cluster %s", of);
    if (rc == 0)
        *name = xasprintf("%s/%d", topic, (int)partition);
out:
    js_free(j);
    return rc;
}

static int
read_value(const void *value, size_t len, int64_t *offset, struct err *err)
{
    struct json_t *j;
    int rc = js_parse(value, len, &j, err);
    if (rc != 0)
        return rc;
    rc = js_expect_object(j, "value", err);
    if (rc == 0)
        rc = js_get_int(j, "value", "offset", JS_REQUIRED, INT64_MIN, INT64_MAX,
                        offset, err);
    js_free(j);
    return rc;
}

static void
drop(struct positions *p, struct position *at)
{
    HASH_DEL(p->table, at);
    free(at->name);
    free(at->runs);
    free(at);
}

static const struct last_record no_record = {.offset = -1};

static void
set_runs(struct position *at, const void *bytes, size_t len)
{
    free(at->runs);
    at->runs = NULL;
    at->runs_len = len;
    if (len == 0)
        return;
    at->runs = xmalloc(len);
    memcpy(at->runs, bytes, len);
}

static void
put_take(struct positions *p, char *name, int64_t offset)
{
    struct position *at;
    HASH_FIND_STR(p->table, name, at);
    if (at) {
        free(name);
    } else {
        at = xcalloc(1, sizeof(*at));
        at->name = name;
        HASH_ADD_KEYPTR(hh, p->table, at->name, strlen(at->name), at);
    }
    at->offset = offset;
    at->last = no_record;
    set_runs(at, NULL, 0);
}

static void
forget(struct positions *p, const char *name)
{
    struct position *at;
    HASH_FIND_STR(p->table, name, at);
    if (at)
        drop(p, at);
}

int
positions_record(struct positions *p, const char *cluster, const void *key,
                 size_t key_len, const void *value, size_t value_len,
                 struct err *err)
{
    char *name = NULL;
    int64_t offset = -1;
    if (!key)
        return err_set(err, ERR_PARSE, "no key");
    int rc = read_key(cluster, key, key_len, &name, err);
    if (rc != 0)
        return rc;
    if (value)
        rc = read_value(value, value_len, &offset, err);
    if (rc == 0 && offset >= 0) {
        put_take(p, name, offset);
        return 0;
    }
    if (rc == 0)
        forget(p, name);
    free(name);
    return rc;
}

void
positions_keep_runs(struct positions *p, const char *cluster, const void *key,
                    size_t key_len, const void *bytes, size_t len)
{
    struct position *at;
    char *name = NULL;
    if (read_key(cluster, key, key_len, &name, NULL) != 0)
        return;
    HASH_FIND_STR(p->table, name, at);
    free(name);
    if (at)
        set_runs(at, bytes, len);
}

static struct position *
find(const struct positions *p, const char *topic, int32_t partition)
{
    struct position *at;
    char *name = xasprintf("%s/%d", topic, (int)partition);
    HASH_FIND_STR(p->table, name, at);
    free(name);
    return at;
}

char *
last_record_text(struct last_record last)
{
    return xasprintf("%lld %lld", (long long)last.offset,
                     (long long)last.timestamp);
}

void
positions_keep_last(struct positions *p, const char *cluster, const void *key,
                    size_t key_len, const void *text, size_t len)
{
    char copy[64] = "", *name = NULL;
    struct position *at;
    long long offset, timestamp;
    if (len >= sizeof(copy) ||
        read_key(cluster, key, key_len, &name, NULL) != 0)
        return;
    memcpy(copy, text, len);
    HASH_FIND_STR(p->table, name, at);
    free(name);
    if (at && sscanf(copy, "%lld %lld", &offset, &timestamp) == 2 &&
        offset >= 0 && offset <= at->offset && timestamp > 0)
        at->last =
            (struct last_record){.offset = offset, .timestamp = timestamp};
}

struct last_record
positions_last(const struct positions *p, const char *topic, int32_t partition)
{
    const struct position *at = find(p, topic, partition);
    return at ? at->last : no_record;
}

const void *
positions_runs(const struct positions *p, const char *topic, int32_t partition,
               size_t *len)
{
    const struct position *at = find(p, topic, partition);
    *len = at ? at->runs_len : 0;
    return at ? at->runs : NULL;
}

int64_t
positions_get(const struct positions *p, const char *topic, int32_t partition)
{
    const struct position *at = find(p, topic, partition);
    return at ? at->offset : -1;
}

void
positions_fini(struct positions *p)
{
    struct position *at, *next;
    HASH_ITER(hh, p->table, at, next)
    drop(p, at);
}
