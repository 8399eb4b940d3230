/*
 * common/mm2/runs.c against the oracle of mm2_vectors, which keeps the syncs
 * themselves.  Input: steps of a few bytes, each a sync near the last one or a
 * question near what was copied.
 *
 * The runs keep their shape (runs_map.c says so); a position is within low and
 * high, never past what the syncs allow, never beyond a log end, and without a
 * doubt no lower than the newest sync below it.
 */
#include <stdbool.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/runs_map.h"
#include "tests/tools/mm2_vectors/oracle.h"

struct story {
    struct runs_map map;
    struct oracle oracle;
    int64_t up, down; /* of the last sync */
};

static int64_t
around(struct fuzz_input *in, int64_t x, int64_t back)
{
    const int64_t y = x + (int64_t)fuzz_byte(in) - back;
    return y < 0 ? 0 : y;
}

/* Steps back are rarer than steps on, and often u and d go alike. */
static void
sync(struct fuzz_input *in, struct story *t, uint8_t how)
{
    const int64_t up = around(in, t->up, how & 8 ? 128 : 0);
    const int64_t alike = t->down + up - t->up;
    const int64_t down = how & 16 && alike >= 0
                             ? alike
                             : around(in, t->down, how & 32 ? 128 : 0);
    (void)runs_map_sync(&t->map, up, down);
    oracle_sync(&t->oracle, up, down);
    t->up = up;
    t->down = down;
}

static void
check(const struct runs_answer *a, int64_t q, int64_t end)
{
    FUZZ_CHECK(a->position == a->low && a->low >= 0 && a->low <= a->high,
               "%lld: %lld of %lld..%lld (%s)", (long long)q,
               (long long)a->position, (long long)a->low, (long long)a->high,
               a->reason);
    FUZZ_CHECK(end < 0 || a->high <= end, "%lld: %lld is beyond %lld (%s)",
               (long long)q, (long long)a->high, (long long)end, a->reason);
    FUZZ_CHECK(a->reason[0], "%lld: no reason", (long long)q);
}

static void
ask(struct fuzz_input *in, struct story *t, uint8_t how)
{
    const int64_t q = around(in, t->up, 128);
    const int64_t end = how & 8 ? around(in, t->down, 64) : RUNS_END_UNKNOWN;
    struct runs_answer a = runs_map_forward(&t->map, q, end);
    if (a.quality == RUNS_NONE)
        return;
    struct sync from;
    const int64_t most = oracle_allows(&t->oracle, q, &from);
    check(&a, q, end);
    FUZZ_CHECK(a.position <= most, "%lld: %lld is past %lld (%s)", (long long)q,
               (long long)a.position, (long long)most, a.reason);
    a = runs_map_forward(&t->map, q, RUNS_END_PASSED);
    FUZZ_CHECK(a.position <= most, "%lld: %lld is past %lld (%s)", (long long)q,
               (long long)a.position, (long long)most, a.reason);
    FUZZ_CHECK(a.quality == RUNS_BEFORE || from.enclosed ||
                   a.position >= from.down,
               "%lld: %lld is below %lld (%s)", (long long)q,
               (long long)a.position, (long long)from.down, a.reason);
    const int64_t p = around(in, t->down, 128);
    const int64_t up_end = how & 16 ? around(in, t->up, 64) : RUNS_END_UNKNOWN;
    a = runs_map_reverse(&t->map, p, up_end);
    check(&a, p, up_end);
    FUZZ_CHECK(a.quality != RUNS_AHEAD, "%lld: ahead in reverse", (long long)p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct story t = {.up = 1000, .down = 1000};
    while (in.left > 0) {
        const uint8_t how = fuzz_byte(&in);
        if (how & 1)
            ask(&in, &t, how);
        else
            sync(&in, &t, how);
    }
    runs_map_fini(&t.map);
    oracle_fini(&t.oracle);
    return 0;
}
