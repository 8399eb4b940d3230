/*
 * Keys and values of the mapper's store (layout.h, block.h): whatever bytes are
 * read are refused, or are exactly what is written again; a block that is right
 * is the same when it is built run by run, and halving finds what looking at
 * each run finds.  Input: what it is, length of the key, key, value.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "offset-mapper/block.h"
#include "offset-mapper/layout.h"
#include "tests/fuzz/fuzz.h"

struct bytes {
    const uint8_t *p;
    size_t n;
};

static void
same_key(struct bytes in, const struct key *k)
{
    FUZZ_CHECK(in.n == k->len && memcmp(in.p, k->bytes, in.n) == 0,
               "a key of %zu bytes becomes one of %zu", in.n, k->len);
}

static void
same_value(struct bytes in, const struct value *v)
{
    FUZZ_CHECK(in.n == v->len && memcmp(in.p, v->bytes, in.n) == 0,
               "a value of %zu bytes becomes one of %zu", in.n, v->len);
}

/* ---- keys ------------------------------------------------------------- */

static void
check_name(struct bytes in)
{
    char *flow, *topic;
    struct store_part part;
    struct key k, prefix;
    if (in.n == 0 || in.p[0] != 'n' ||
        !key_name_read(in.p, in.n, &flow, &topic, &part.partition))
        return;
    part.flow = flow;
    part.topic = topic;
    if (in.n <= LAYOUT_KEY_MAX) {
        FUZZ_CHECK(key_name(&k, &part) == 0, "%s %s", flow, topic);
        same_key(in, &k);
        FUZZ_CHECK(key_flow(&prefix, 'n', flow) == 0 && prefix.len < k.len &&
                       memcmp(k.bytes, prefix.bytes, prefix.len) == 0,
                   "flow %s", flow);
    } else {
        FUZZ_CHECK(key_name(&k, &part) == ERR_INVALID, "%zu bytes", in.n);
    }
    free(flow);
    free(topic);
}

static void
check_numbers(struct bytes in)
{
    struct key k;
    struct life life;
    uint32_t pid;
    int64_t offset;
    const char kind = in.n > 0 ? (char)in.p[0] : 0;
    if (in.n == 0)
        return;
    if (key_pid_read(in.p, in.n, &pid)) {
        key_pid(&k, kind, pid);
        same_key(in, &k);
    }
    if (key_life_read(in.p, in.n, &life)) {
        key_life(&k, kind, life);
        same_key(in, &k);
    }
    if (key_block_read(in.p, in.n, &life, &offset)) {
        key_block(&k, kind, life, offset);
        same_key(in, &k);
    }
    (void)key_progress_read(in.p, in.n); /* is only ever compared */
}

/* ---- values ----------------------------------------------------------- */

static void
check_values(struct bytes in)
{
    struct store_progress p = {0};
    struct part_state s = {0};
    struct value v;
    uint32_t pid;
    int64_t up;
    if (value_progress_read(in.p, in.n, &p)) {
        v = value_progress(&p);
        same_value(in, &v);
    }
    if (value_state_read(in.p, in.n, &s)) {
        v = value_state(&s);
        same_value(in, &v);
    }
    if (value_pid_read(in.p, in.n, &pid)) {
        v = value_pid(pid);
        same_value(in, &v);
    }
    if (value_up_read(in.p, in.n, &up)) {
        v = value_up(up);
        same_value(in, &v);
    }
    if (value_nothing_read(in.p, in.n)) {
        v = value_nothing();
        same_value(in, &v);
    }
    if (value_format_read(in.p, in.n) == LAYOUT_FORMAT) {
        v = value_format();
        same_value(in, &v);
    }
}

/* ---- blocks ----------------------------------------------------------- */

static size_t
look_at_each(const struct block *b, int64_t q, bool by_down)
{
    size_t n = 0;
    for (; n < b->n; n++) {
        const struct run r = block_run(b, n);
        if ((by_down ? r.down : r.up) > q)
            break;
    }
    return n;
}

static void
check_found(const struct block *b, int64_t q)
{
    FUZZ_CHECK(block_upto_up(b, q) == look_at_each(b, q, false), "up %lld",
               (long long)q);
    FUZZ_CHECK(block_upto_down(b, q) == look_at_each(b, q, true), "down %lld",
               (long long)q);
}

/* Run by run it becomes the same bytes. */
static void
check_built(const struct block *b, struct bytes sealed)
{
    struct block_buf built = {0};
    for (size_t i = 0; i < b->n; i++) {
        const struct run r = block_run(b, i);
        FUZZ_CHECK(block_add(&built, &r), "run %zu", i);
        check_found(b, r.up);
        check_found(b, r.up - 1);
        check_found(b, r.down);
        check_found(b, r.down + r.length);
    }
    const size_t len = block_seal(&built);
    FUZZ_CHECK(len == sealed.n && memcmp(built.bytes, sealed.p, len) == 0,
               "%zu runs", b->n);
}

static void
check_block(int64_t up, struct bytes in)
{
    struct block b;
    static struct block_buf buf;
    if (!block_read(up, in.p, in.n, &b))
        return;
    (void)block_wrong(&b); /* whatever it says: */
    check_found(&b, INT64_MIN);
    FUZZ_CHECK(block_upto_up(&b, INT64_MAX) <= b.n, "%zu runs", b.n);
    block_load(&buf, &b); /* with the right check */
    const struct bytes sealed = {buf.bytes, block_seal(&buf)};
    FUZZ_CHECK(sealed.n == in.n &&
                   memcmp(sealed.p + 5, in.p + 5, in.n - 5) == 0,
               "%zu bytes become %zu", in.n, sealed.n);
    FUZZ_CHECK(block_read(up, sealed.p, sealed.n, &b), "its own");
    if (!block_wrong(&b))
        check_built(&b, sealed);
    buf.bytes[in.n - 1] ^= 1;
    FUZZ_CHECK(block_wrong(&b), "a bit was turned");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const size_t key_len = data[1] < size - 2 ? data[1] : size - 2;
    const struct bytes key = {data + 2, key_len};
    const struct bytes value = {key.p + key_len, size - 2 - key_len};
    const struct bytes all = {data + 2, size - 2};
    struct life life;
    int64_t up = data[0];
    check_name(all);
    check_numbers(key);
    check_values(value);
    if (key_len == 0 || !key_block_read(key.p, key.n, &life, &up))
        up = data[0];
    check_block(up, value);
    return 0;
}
