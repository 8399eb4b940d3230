/*
 * See block.h.  A question halves its way through one of these, so numbers are
 * read in place here; all else of the store goes through cursor.h.
 */
#include "offset-mapper/block.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/cursor.h"

#define VERSION      1
#define CHECK_AT     1 /* where the check stands, and ... */
#define CHECKED_FROM 5 /* ... where that begins which it is of */
#define UP_AT        0 /* in a run */
#define DOWN_AT      4
#define LENGTH_AT    8

static uint32_t
get32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

static uint64_t
get64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return be64toh(v);
}

/* `runs` follow the head in memory. */
static uint32_t
check_of(int64_t up, const uint8_t *runs, size_t n)
{
    const size_t from = BLOCK_HEAD_BYTES - CHECKED_FROM;
    return (uint32_t)XXH3_64bits_withSeed(
        runs - from, from + n * BLOCK_RUN_BYTES, (uint64_t)up);
}

/* ---- reading ---------------------------------------------------------- */

bool
block_read(int64_t up, const void *data, size_t len, struct block *out)
{
    struct reader r = reader_of(data, len);
    const uint8_t version = read_u8(&r);
    (void)read_u32(&r); /* see block_wrong() */
    const int64_t down = read_i64(&r);
    *out = (struct block){up, down, r.left / BLOCK_RUN_BYTES, r.p};
    return !r.failed && version == VERSION && r.left % BLOCK_RUN_BYTES == 0 &&
           out->n > 0 && out->n <= BLOCK_RUNS && up >= 0 && down >= 0 &&
           up <= RUNS_OFFSET_MAX && down <= RUNS_OFFSET_MAX;
}

struct run
block_run(const struct block *b, size_t i)
{
    const uint8_t *p = b->runs + i * BLOCK_RUN_BYTES;
    return (struct run){b->up + get32(p + UP_AT), b->down + get32(p + DOWN_AT),
                        (int64_t)get64(p + LENGTH_AT)};
}

bool
block_can_hold(const struct run *r)
{
    return r->length > 0 && r->up >= 0 && r->down >= 0 &&
           r->up <= RUNS_OFFSET_MAX - (r->length - 1) &&
           r->down <= RUNS_OFFSET_MAX - (r->length - 1);
}

static bool
follows(const struct run *last, const struct run *r)
{
    return block_can_hold(r) && r->up - last->up >= last->length &&
           r->down - last->down >= last->length;
}

const char *
block_wrong(const struct block *b)
{
    const uint8_t *check = b->runs - BLOCK_HEAD_BYTES + CHECK_AT;
    if (get32(check) != check_of(b->up, b->runs, b->n))
        return "its check is wrong";
    struct run last = block_run(b, 0);
    if (last.up != b->up || last.down != b->down || !block_can_hold(&last))
        return "its first run is wrong";
    for (size_t i = 1; i < b->n; i++) {
        const struct run r = block_run(b, i);
        if (!follows(&last, &r))
            return "its runs overlap";
        last = r;
    }
    return NULL;
}

/* How many of the runs have at most `q` in the field `at`. */
static size_t
upto(const struct block *b, int64_t first, int64_t q, size_t at)
{
    if (q < first)
        return 0;
    if (q - first > UINT32_MAX)
        return b->n;
    const uint32_t delta = (uint32_t)(q - first);
    size_t low = 0, high = b->n;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (get32(b->runs + mid * BLOCK_RUN_BYTES + at) <= delta)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

size_t
block_upto_up(const struct block *b, int64_t q)
{
    return upto(b, b->up, q, UP_AT);
}

size_t
block_upto_down(const struct block *b, int64_t q)
{
    return upto(b, b->down, q, DOWN_AT);
}

/* ---- writing ---------------------------------------------------------- */

void
block_load(struct block_buf *b, const struct block *from)
{
    b->up = from->up;
    b->down = from->down;
    b->n = from->n;
    memcpy(b->bytes + BLOCK_HEAD_BYTES, from->runs, from->n * BLOCK_RUN_BYTES);
}

struct block
block_of(const struct block_buf *b)
{
    return (struct block){b->up, b->down, b->n, b->bytes + BLOCK_HEAD_BYTES};
}

static void
put_run(struct block_buf *b, size_t i, const struct run *r)
{
    uint8_t *p = b->bytes + BLOCK_HEAD_BYTES + i * BLOCK_RUN_BYTES;
    struct writer w = writer_of(p, BLOCK_RUN_BYTES);
    write_u32(&w, (uint32_t)(r->up - b->up));
    write_u32(&w, (uint32_t)(r->down - b->down));
    write_i64(&w, r->length);
}

bool
block_add(struct block_buf *b, const struct run *r)
{
    if (b->n == 0) {
        b->up = r->up;
        b->down = r->down;
    }
    if (b->n == BLOCK_RUNS || r->up - b->up > UINT32_MAX ||
        r->down - b->down > UINT32_MAX)
        return false;
    put_run(b, b->n++, r);
    return true;
}

void
block_set_last(struct block_buf *b, const struct run *r)
{
    assert(b->n > 0);
    put_run(b, b->n - 1, r);
}

void
block_cut(struct block_buf *b, size_t n)
{
    assert(n <= b->n);
    b->n = n;
}

size_t
block_seal(struct block_buf *b)
{
    struct writer w = writer_of(b->bytes, BLOCK_HEAD_BYTES);
    const uint8_t *runs = b->bytes + BLOCK_HEAD_BYTES;
    write_u8(&w, VERSION);
    write_u32(&w, 0);
    write_i64(&w, b->down);
    w = writer_of(b->bytes + CHECK_AT, sizeof(uint32_t));
    write_u32(&w, check_of(b->up, runs, b->n));
    return BLOCK_HEAD_BYTES + b->n * BLOCK_RUN_BYTES;
}
