#include "offset-mapper/mixed.h"

#include <stdio.h>
#include <string.h>

/* Runs of b->a that may follow each other without a gap on a. */
#define STEPS_MAX 64

/* What the run before `q` tells of where record q came from: its end on the
 * cluster asked about, or more than anything if q is in it. */
static int64_t
claim(const struct hop *h, int64_t q)
{
    if (!h->at.has_at)
        return -1;
    const struct run *r = &h->at.at;
    const int64_t end = (h->reverse ? r->down : r->up) + r->length;
    return q < end ? INT64_MAX : end;
}

static struct store_part
part_of(const struct hop *h, int32_t partition)
{
    return (struct store_part){h->flow->name, h->up_topic, partition};
}

/* Failback as it usually is: a->b has ended, and b->a began after it.  The
 * newest sync of a->b is older than the last records that were copied.  If just
 * as many offsets follow on b as on a before the first sync of b->a, they are
 * the same records; unless b has others between those of a (markers of
 * transactions): then one of them may stand for a record that was not copied.
 * That it has none is believed for as many records as its last run is long. */
static int
over_unsynced(struct store_view *view, int32_t partition,
              const struct hop *back, const struct hop *on, int64_t *low,
              struct err *err)
{
    const struct store_part part = part_of(on, partition);
    const struct run *r = &back->at.at;
    struct store_info info;
    struct runs_answer a;
    if (back->info.extras || !back->at.has_at || back->at.has_after ||
        *low != r->up + r->length)
        return 0;
    const int64_t x = r->down + r->length;
    const int rc = store_view_forward(view, &part, x - 1, RUNS_END_UNKNOWN,
                                      &info, &a, err);
    if (rc == 0 && !a.has_at && a.has_after &&
        a.after.down - *low == a.after.up - x && a.after.up - x <= r->length)
        *low = a.after.down;
    return rc;
}

/* Goes on from *low on a as long as there are copies from b, up to `most`. */
static int
over_copies(struct store_view *view, int32_t partition, const struct hop *on,
            int64_t most, int64_t *low, struct err *err)
{
    const struct store_part part = part_of(on, partition);
    struct store_info info;
    struct runs_answer a;
    for (int i = 0; i < STEPS_MAX && *low < most; i++) {
        const int rc = store_view_reverse(view, &part, *low, RUNS_END_UNKNOWN,
                                          &info, &a, err);
        if (rc)
            return rc;
        const int64_t end = a.has_at ? a.at.down + a.at.length : 0;
        if (end <= *low)
            break;
        *low = end;
    }
    return 0;
}

static void
limit(struct hop *h, const struct hop *back, int64_t low)
{
    struct runs_answer *a = &h->at;
    if (low >= a->low)
        return;
    if (a->quality == RUNS_EXACT)
        a->quality = RUNS_BOUNDED;
    a->position = a->low = low;
    const size_t len = strlen(a->reason);
    (void)snprintf(a->reason + len, sizeof(a->reason) - len,
                   ", but records of %s from %lld on may not be read yet,",
                   back->flow->def.source, (long long)low);
}

int
mixed_answer(struct store_view *view, int32_t partition, const struct hop *back,
             const struct hop *on, int64_t q, struct hop *out, struct err *err)
{
    if (claim(back, q) >= claim(on, q)) {
        *out = *back;
        return 0;
    }
    int64_t low = back->at.low;
    int rc = over_copies(view, partition, on, on->at.low, &low, err);
    if (rc == 0)
        rc = over_unsynced(view, partition, back, on, &low, err);
    if (rc == 0)
        rc = over_copies(view, partition, on, on->at.low, &low, err);
    *out = *on;
    limit(out, back, low);
    return rc;
}
