/*
 * common/mm2/codec.c against a reader that is written the plain way.  Input: a
 * byte that chooses offset sync, checkpoint or heartbeat; two bytes with the
 * length of the key; the key; the value.  A null is a length of 0xFFFF (key),
 * a second lowest bit of the first byte (value).
 *
 * Both take the same records and refuse the same; what was taken is encoded to
 * the bytes that it was read from, and those that follow are of no matter.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mm2/codec.h"
#include "tests/fuzz/fuzz.h"

#define NULL_LEN 0xFFFF

struct record {
    const uint8_t *key, *value; /* NULL: null */
    size_t key_len, value_len;
};

/* ---- the plain way --------------------------------------------------------- */

/* What is left of a key or value; `ok` says that all before it was good. */
struct plain {
    const uint8_t *at;
    size_t left;
    bool ok;
};

static uint64_t
number(struct plain *p, size_t n)
{
    uint64_t x = 0;
    if (p->left < n)
        p->ok = false;
    for (size_t i = 0; i < n && p->ok; i++)
        x = x << 8 | p->at[i];
    if (p->ok) {
        p->at += n;
        p->left -= n;
    }
    return x;
}

/* Neither negative in length, nor cut short, nor with a NUL in it. */
static void
string(struct plain *p)
{
    const size_t n = (size_t)number(p, 2);
    if (!p->ok || n > 0x7FFF || n > p->left ||
        (n > 0 && memchr(p->at, '\0', n))) {
        p->ok = false;
        return;
    }
    p->at += n;
    p->left -= n;
}

static void
not_negative(struct plain *p, size_t n)
{
    if (number(p, n) >> (8 * n - 1))
        p->ok = false;
}

static void
version(struct plain *p)
{
    if (number(p, 2) != 0)
        p->ok = false;
}

/* How many bytes of key and value the record takes; false: none. */
static bool
plain_read(int kind, const struct record *r, size_t *key_len, size_t *value_len)
{
    struct plain k = {r->key, r->key_len, r->key != NULL};
    struct plain v = {r->value, r->value_len, r->value != NULL};
    string(&k);
    if (kind != 0)
        string(&k);
    if (kind != 2)
        not_negative(&k, 4);
    if (kind != 0)
        version(&v);
    if (kind == 2) {
        (void)number(&v, 8);
    } else {
        not_negative(&v, 8);
        not_negative(&v, 8);
    }
    if (kind == 1)
        string(&v);
    *key_len = r->key_len - k.left;
    *value_len = r->value_len - v.left;
    return k.ok && v.ok;
}

/* ---- the codec -------------------------------------------------------------- */

/* Encodes what was decoded; false: it was refused. */
static bool
offset_sync(const struct record *r, struct mm2_bytes *out, struct err *err)
{
    struct mm2_offset_sync s;
    if (mm2_offset_sync_decode(r->key, r->key_len, r->value, r->value_len, &s,
                               err))
        return false;
    const int rc = mm2_offset_sync_encode(&s, out);
    FUZZ_CHECK(rc == 0, "%s [%d]", s.topic, s.partition);
    mm2_offset_sync_fini(&s);
    return true;
}

static bool
checkpoint(const struct record *r, struct mm2_bytes *out, struct err *err)
{
    struct mm2_checkpoint c;
    if (mm2_checkpoint_decode(r->key, r->key_len, r->value, r->value_len, &c,
                              err))
        return false;
    const int rc = mm2_checkpoint_encode(&c, out);
    FUZZ_CHECK(rc == 0, "%s of %s [%d]", c.group, c.topic, c.partition);
    mm2_checkpoint_fini(&c);
    return true;
}

static bool
heartbeat(const struct record *r, struct mm2_bytes *out, struct err *err)
{
    struct mm2_heartbeat h;
    if (mm2_heartbeat_decode(r->key, r->key_len, r->value, r->value_len, &h,
                             err))
        return false;
    const int rc = mm2_heartbeat_encode(&h, out);
    FUZZ_CHECK(rc == 0, "%s->%s", h.source, h.target);
    mm2_heartbeat_fini(&h);
    return true;
}

/* ---- both -------------------------------------------------------------------- */

/* A copy of its own, so that a read beyond its end is seen. */
static const uint8_t *
take(struct fuzz_input *in, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    FUZZ_CHECK(copy != NULL, "%zu bytes", n);
    memcpy(copy, in->at, n);
    in->at += n;
    in->left -= n;
    return copy;
}

static void
read_record(struct fuzz_input *in, bool value_is_null, struct record *r)
{
    *r = (struct record){0};
    const size_t high = fuzz_byte(in), n = high << 8 | fuzz_byte(in);
    if (n != NULL_LEN) {
        r->key_len = n < in->left ? n : in->left;
        r->key = take(in, r->key_len);
    }
    if (value_is_null)
        return;
    r->value_len = in->left;
    r->value = take(in, r->value_len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const codecs[])(const struct record *, struct mm2_bytes *,
                                  struct err *) = {offset_sync, checkpoint,
                                                   heartbeat};
    struct fuzz_input in = {data, size};
    const uint8_t choice = fuzz_byte(&in);
    const int kind = (choice >> 2) % 3;
    struct record r;
    read_record(&in, choice & 2, &r);
    struct err err = {0};
    struct mm2_bytes bytes = {0};
    size_t key_len, value_len;
    const bool expected = plain_read(kind, &r, &key_len, &value_len);
    const bool taken = codecs[kind](&r, &bytes, &err);
    FUZZ_CHECK(taken == expected, "kind %d: %s", kind,
               taken ? "taken" : err.text);
    if (taken) {
        FUZZ_CHECK(bytes.key_len == key_len && bytes.value_len == value_len,
                   "%zu + %zu bytes instead of %zu + %zu", bytes.key_len,
                   bytes.value_len, key_len, value_len);
        FUZZ_CHECK(memcmp(bytes.key, r.key, key_len) == 0 &&
                       memcmp(bytes.value, r.value, value_len) == 0,
                   "kind %d: other bytes", kind);
        mm2_bytes_fini(&bytes);
    } else {
        FUZZ_CHECK(err.code == ERR_PARSE && err.text[0], "kind %d: code %d",
                   kind, err.code);
    }
    free((void *)(uintptr_t)r.key);
    free((void *)(uintptr_t)r.value);
    return 0;
}
