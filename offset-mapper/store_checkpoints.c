/*
 * Key: 'c' flow group topic partition.  Value: version, upstream, downstream,
 * time.
 */
#include "offset-mapper/store_checkpoints.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/cursor.h"
#include "offset-mapper/store_impl.h"

#define VERSION 1

static int
key_group(struct key *k, const char *flow, const char *group)
{
    if (key_flow(k, 'c', flow))
        return ERR_INVALID;
    struct writer w = writer_of(k->bytes + k->len, sizeof(k->bytes) - k->len);
    write_str(&w, group, strlen(group));
    k->len += w.len;
    return w.failed ? ERR_INVALID : 0;
}

static int
key_checkpoint(struct key *k, const char *flow, const char *group,
               const char *topic, int32_t partition)
{
    if (key_group(k, flow, group))
        return ERR_INVALID;
    struct writer w = writer_of(k->bytes + k->len, sizeof(k->bytes) - k->len);
    write_str(&w, topic, strlen(topic));
    write_i32(&w, partition);
    k->len += w.len;
    return w.failed ? ERR_INVALID : 0;
}

int
store_batch_checkpoint(struct store_batch *b, const char *flow,
                       const struct mm2_checkpoint *c, int64_t time_ms,
                       struct err *err)
{
    struct key k;
    if (key_checkpoint(&k, flow, c->group, c->topic, c->partition))
        return err_set(err, ERR_INVALID,
                       "the names of group and topic are too long together");
    uint8_t bytes[32];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_u8(&w, VERSION);
    write_i64(&w, c->upstream);
    write_i64(&w, c->downstream);
    write_i64(&w, time_ms);
    return store_put(b, &k, bytes, w.len, err);
}

static bool
value_read(const MDB_val *v, struct store_checkpoint *out)
{
    struct reader r = reader_of(v->mv_data, v->mv_size);
    const uint8_t version = read_u8(&r);
    out->upstream = read_i64(&r);
    out->downstream = read_i64(&r);
    out->time_ms = read_i64(&r);
    return !r.failed && version == VERSION;
}

struct each {
    const struct store_view *view;
    size_t prefix_len;
    void (*fn)(const struct store_checkpoint *c, void *arg);
    void *arg;
    struct err *err;
};

static int
hand_out(const MDB_val *key, const MDB_val *value, void *arg)
{
    const struct each *e = arg;
    const uint8_t *rest = (const uint8_t *)key->mv_data + e->prefix_len;
    struct reader r = reader_of(rest, key->mv_size - e->prefix_len);
    struct store_checkpoint c;
    char *topic = read_str_dup(&r);
    c.topic = topic;
    c.partition = read_i32(&r);
    const bool whole = topic && !r.failed && value_read(value, &c);
    if (whole)
        e->fn(&c, e->arg);
    free(topic);
    return whole ? 0 : store_damaged(e->view->store, "a checkpoint", e->err);
}

int
store_checkpoint_each(struct store_view *v, const char *flow, const char *group,
                      void (*fn)(const struct store_checkpoint *c, void *arg),
                      void *arg, struct err *err)
{
    struct key k;
    if (key_group(&k, flow, group))
        return 0; /* a name too long to be kept has none */
    struct each e = {v, k.len, fn, arg, err};
    return store_each(v->store, v->txn, &k, hand_out, &e, err);
}

int
store_checkpoint_get(struct store_view *v, const char *flow, const char *group,
                     const char *topic, int32_t partition, bool *found,
                     struct store_checkpoint *out, struct err *err)
{
    struct key k;
    MDB_val value;
    *found = false;
    *out = (struct store_checkpoint){.topic = topic, .partition = partition};
    if (key_checkpoint(&k, flow, group, topic, partition))
        return 0;
    const int rc = store_get(v->store, v->txn, &k, found, &value, err);
    if (rc || !*found)
        return rc;
    return value_read(&value, out)
               ? 0
               : store_damaged(v->store, "a checkpoint", err);
}

bool
store_checkpoint_sound(const void *key, size_t key_len, const void *value,
                       size_t value_len)
{
    struct reader r = reader_of(key, key_len);
    size_t n;
    (void)read_u8(&r);
    for (int i = 0; i < 3; i++)
        (void)read_str(&r, &n);
    const int32_t partition = read_i32(&r);
    const MDB_val v = {value_len, (void *)(uintptr_t)value}; /* only read */
    struct store_checkpoint c;
    return !r.failed && r.left == 0 && partition >= 0 && value_read(&v, &c) &&
           c.upstream >= 0 && c.downstream >= 0;
}
