/*
 * Layouts of MirrorMaker 2's three records: plain big-endian structs without
 * lengths, tags or padding.  The decoders take what other programs wrote into
 * shared topics, so every field is checked.
 */
#include "common/mm2/codec.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/cursor.h"

#define VERSION     0
#define STR_MAX_LEN 32767
#define FIXED_LEN   20 /* more than the fixed fields of any key or value */

static bool
str_fits(const char *s)
{
    return s && strlen(s) <= STR_MAX_LEN;
}

static int
alloc_bytes(struct mm2_bytes *out, size_t key_cap, size_t value_cap)
{
    memset(out, 0, sizeof(*out));
    out->key = malloc(key_cap);
    out->value = malloc(value_cap);
    if (out->key && out->value)
        return 0;
    mm2_bytes_fini(out);
    return ERR_NOMEM;
}

static int
finish(struct mm2_bytes *out, const struct writer *key,
       const struct writer *value)
{
    if (key->failed || value->failed) {
        mm2_bytes_fini(out);
        return ERR_INVALID;
    }
    out->key_len = key->len;
    out->value_len = value->len;
    return 0;
}

static void
put_str(struct writer *w, const char *s)
{
    write_str(w, s, strlen(s));
}

int
mm2_offset_sync_encode(const struct mm2_offset_sync *s, struct mm2_bytes *out)
{
    memset(out, 0, sizeof(*out));
    if (!str_fits(s->topic) || s->partition < 0 || s->upstream < 0 ||
        s->downstream < 0)
        return ERR_INVALID;
    const size_t key_cap = strlen(s->topic) + FIXED_LEN;
    if (alloc_bytes(out, key_cap, FIXED_LEN))
        return ERR_NOMEM;
    struct writer key = writer_of(out->key, key_cap);
    put_str(&key, s->topic);
    write_i32(&key, s->partition);
    struct writer value = writer_of(out->value, FIXED_LEN);
    write_i64(&value, s->upstream);
    write_i64(&value, s->downstream);
    return finish(out, &key, &value);
}

int
mm2_checkpoint_encode(const struct mm2_checkpoint *c, struct mm2_bytes *out)
{
    memset(out, 0, sizeof(*out));
    /* Java writes "" for a commit without metadata, never null. */
    const char *metadata = c->metadata ? c->metadata : "";
    if (!str_fits(c->group) || !str_fits(c->topic) || !str_fits(metadata) ||
        c->partition < 0 || c->upstream < 0 || c->downstream < 0)
        return ERR_INVALID;
    const size_t key_cap = strlen(c->group) + strlen(c->topic) + FIXED_LEN;
    const size_t value_cap = strlen(metadata) + FIXED_LEN;
    if (alloc_bytes(out, key_cap, value_cap))
        return ERR_NOMEM;
    struct writer key = writer_of(out->key, key_cap);
    put_str(&key, c->group);
    put_str(&key, c->topic);
    write_i32(&key, c->partition);
    struct writer value = writer_of(out->value, value_cap);
    write_i16(&value, VERSION);
    write_i64(&value, c->upstream);
    write_i64(&value, c->downstream);
    put_str(&value, metadata);
    return finish(out, &key, &value);
}

int
mm2_heartbeat_encode(const struct mm2_heartbeat *h, struct mm2_bytes *out)
{
    memset(out, 0, sizeof(*out));
    if (!str_fits(h->source) || !str_fits(h->target))
        return ERR_INVALID;
    const size_t key_cap = strlen(h->source) + strlen(h->target) + FIXED_LEN;
    if (alloc_bytes(out, key_cap, FIXED_LEN))
        return ERR_NOMEM;
    struct writer key = writer_of(out->key, key_cap);
    put_str(&key, h->source);
    put_str(&key, h->target);
    struct writer value = writer_of(out->value, FIXED_LEN);
    write_i16(&value, VERSION);
    write_i64(&value, h->timestamp_ms);
    return finish(out, &key, &value);
}

void
mm2_bytes_fini(struct mm2_bytes *b)
{
    free(b->key);
    free(b->value);
    memset(b, 0, sizeof(*b));
}

static int
both_there(const void *key, const void *value, struct err *err)
{
    if (!key)
        return err_set(err, ERR_PARSE, "the key is null");
    if (!value)
        return err_set(err, ERR_PARSE, "the value is null");
    return 0;
}

static int
whole(const struct reader *key, const struct reader *value, struct err *err)
{
    if (key->failed)
        return err_set(err, ERR_PARSE,
                       "the key is cut short or has a bad length");
    if (value->failed)
        return err_set(err, ERR_PARSE,
                       "the value is cut short or has a bad length");
    return 0;
}

static int
place_valid(int32_t partition, int64_t upstream, int64_t downstream,
            struct err *err)
{
    if (partition < 0)
        return err_set(err, ERR_PARSE, "negative partition %d", partition);
    if (upstream < 0 || downstream < 0)
        return err_set(err, ERR_PARSE, "negative offset (%lld -> %lld)",
                       (long long)upstream, (long long)downstream);
    return 0;
}

static int
version_known(const struct reader *value, int16_t version, struct err *err)
{
    if (value->failed || version == VERSION)
        return 0; /* cut short: whole() says so */
    return err_set(err, ERR_PARSE, "unknown version %d", version);
}

int
mm2_offset_sync_view(const void *key, size_t key_len, const void *value,
                     size_t value_len, struct mm2_sync_view *out,
                     struct err *err)
{
    *out = (struct mm2_sync_view){0};
    int rc = both_there(key, value, err);
    if (rc)
        return rc;
    struct reader k = reader_of(key, key_len);
    struct reader v = reader_of(value, value_len);
    out->topic = read_str(&k, &out->topic_len);
    if (out->topic && memchr(out->topic, '\0', out->topic_len))
        k.failed = true;
    out->partition = read_i32(&k);
    out->upstream = read_i64(&v);
    out->downstream = read_i64(&v);
    rc = whole(&k, &v, err);
    return rc ? rc
              : place_valid(out->partition, out->upstream, out->downstream,
                            err);
}

int
mm2_offset_sync_decode(const void *key, size_t key_len, const void *value,
                       size_t value_len, struct mm2_offset_sync *out,
                       struct err *err)
{
    struct mm2_sync_view v;
    *out = (struct mm2_offset_sync){0};
    const int rc =
        mm2_offset_sync_view(key, key_len, value, value_len, &v, err);
    if (rc)
        return rc;
    *out = (struct mm2_offset_sync){.topic = strndup(v.topic, v.topic_len),
                                    .partition = v.partition,
                                    .upstream = v.upstream,
                                    .downstream = v.downstream};
    return out->topic ? 0 : err_nomem(err);
}

int
mm2_checkpoint_decode(const void *key, size_t key_len, const void *value,
                      size_t value_len, struct mm2_checkpoint *out,
                      struct err *err)
{
    memset(out, 0, sizeof(*out));
    int rc = both_there(key, value, err);
    if (rc)
        return rc;
    struct reader k = reader_of(key, key_len);
    struct reader v = reader_of(value, value_len);
    out->group = read_str_dup(&k);
    out->topic = read_str_dup(&k);
    out->partition = read_i32(&k);
    rc = version_known(&v, read_i16(&v), err);
    out->upstream = read_i64(&v);
    out->downstream = read_i64(&v);
    out->metadata = read_str_dup(&v);
    if (rc == 0)
        rc = whole(&k, &v, err);
    if (rc == 0)
        rc = place_valid(out->partition, out->upstream, out->downstream, err);
    if (rc)
        mm2_checkpoint_fini(out);
    return rc;
}

int
mm2_heartbeat_decode(const void *key, size_t key_len, const void *value,
                     size_t value_len, struct mm2_heartbeat *out,
                     struct err *err)
{
    memset(out, 0, sizeof(*out));
    int rc = both_there(key, value, err);
    if (rc)
        return rc;
    struct reader k = reader_of(key, key_len);
    struct reader v = reader_of(value, value_len);
    out->source = read_str_dup(&k);
    out->target = read_str_dup(&k);
    rc = version_known(&v, read_i16(&v), err);
    out->timestamp_ms = read_i64(&v);
    if (rc == 0)
        rc = whole(&k, &v, err);
    if (rc)
        mm2_heartbeat_fini(out);
    return rc;
}

void
mm2_offset_sync_fini(struct mm2_offset_sync *s)
{
    free(s->topic);
    memset(s, 0, sizeof(*s));
}

void
mm2_checkpoint_fini(struct mm2_checkpoint *c)
{
    free(c->group);
    free(c->topic);
    free(c->metadata);
    memset(c, 0, sizeof(*c));
}

void
mm2_heartbeat_fini(struct mm2_heartbeat *h)
{
    free(h->source);
    free(h->target);
    memset(h, 0, sizeof(*h));
}
