/* Pure; out of memory ends the program. */
#include "tests/tools/ledger/stall.h"

#include "common/base/xmem.h"

static int64_t
min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct busy
stall_busy(const struct book *b)
{
    struct busy busy = {0};
    for (size_t i = 0; i < b->n_entries; i++) {
        const int64_t at = b->entries[i].written_us;
        busy.from_us = i == 0 ? at : min64(busy.from_us, at);
        busy.to_us = i == 0 ? at : max64(busy.to_us, at);
    }
    return busy;
}

static struct switch_stall *
add_switch(struct client_stalls *s, int from, int to, int64_t first_us,
           int64_t last_us)
{
    s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
    struct switch_stall *sw = &s->v[s->n++];
    *sw = (struct switch_stall){.from = from,
                                .to = to,
                                .first_us = first_us,
                                .last_us = last_us,
                                .said_stall_ms = -1,
                                .said_bound = -1};
    return sw;
}

/* Did the SDK begin a switch after `from_us`, up to `to_us`? */
static bool
said_new(const struct client *c, int64_t from_us, int64_t to_us)
{
    for (size_t i = 0; i < c->n_said; i++)
        if (c->said[i].begins && c->said[i].mono_us > from_us &&
            c->said[i].mono_us <= to_us)
            return true;
    return false;
}

static void
find_changes(struct client_stalls *s, const struct client *c)
{
    for (size_t i = 1; i < c->n_deliveries; i++) {
        const struct delivery *before = &c->deliveries[i - 1];
        const struct delivery *after = &c->deliveries[i];
        if (before->cluster == after->cluster)
            continue;
        struct switch_stall *last = s->n ? &s->v[s->n - 1] : NULL;
        if (last && before->mono_us - last->last_us < STALL_JOIN_US &&
            !said_new(c, last->last_us, after->mono_us)) {
            last->to = after->cluster;
            last->last_us = after->mono_us;
        } else {
            (void)add_switch(s, before->cluster, after->cluster,
                             before->mono_us, after->mono_us);
        }
    }
}

/* The last switch that the SDK began, when nothing came after it. */
static void
find_missing(struct client_stalls *s, const struct client *c, struct busy busy)
{
    if (c->n_said == 0 || c->n_deliveries == 0)
        return;
    const struct said *said = &c->said[c->n_said - 1];
    const struct delivery *last = &c->deliveries[c->n_deliveries - 1];
    const bool came =
        s->n && s->v[s->n - 1].last_us >= said->mono_us - STALL_JOIN_US;
    if (!said->begins || came)
        return;
    struct switch_stall *sw =
        add_switch(s, last->cluster, NO_NAME, last->mono_us, c->end_us);
    sw->stall_us = max64(0, min64(c->end_us, busy.to_us) - last->mono_us);
}

/* The gap that ends with delivery i, as far as it touches the switch. */
static void
weigh_gap(const struct book *b, const struct client *c, size_t i,
          struct busy busy, struct switch_stall *sw)
{
    const int64_t from = c->deliveries[i - 1].mono_us;
    const int64_t to = c->deliveries[i].mono_us;
    if (to < sw->first_us - STALL_MARGIN_US ||
        from > sw->last_us + STALL_MARGIN_US)
        return;
    const int64_t gap = min64(to, busy.to_us) - max64(from, busy.from_us);
    sw->stall_us = max64(sw->stall_us, gap);
    const struct entry *e = &b->entries[c->deliveries[i].entry];
    if (c->group && e->acks > 0)
        sw->wait_us = max64(sw->wait_us, to - e->acked_us);
}

static void
weigh_gaps(const struct book *b, const struct client *c, struct busy busy,
           struct client_stalls *s)
{
    size_t first = 0; /* switches before it are over */
    for (size_t i = 1; i < c->n_deliveries; i++) {
        while (first < s->n && c->deliveries[i - 1].mono_us >
                                   s->v[first].last_us + STALL_MARGIN_US)
            first++;
        for (size_t k = first; k < s->n && s->v[k].to != NO_NAME; k++)
            weigh_gap(b, c, i, busy, &s->v[k]);
    }
}

/* A SWITCHED belongs to the last switch whose first change is not later; the
 * event may come before the first delivery on the other cluster. */
static void
add_said(struct client_stalls *s, const struct client *c)
{
    for (size_t i = 0; i < c->n_said; i++) {
        struct switch_stall *to = NULL;
        for (size_t k = 0; k < s->n && !c->said[i].begins; k++)
            if (s->v[k].first_us <= c->said[i].mono_us + STALL_MARGIN_US)
                to = &s->v[k];
        if (!to)
            continue;
        to->said_stall_ms = max64(to->said_stall_ms, c->said[i].stall_ms);
        to->said_bound = max64(to->said_bound, c->said[i].bound);
    }
}

struct client_stalls
stall_of(const struct book *b, const struct client *c, struct busy busy)
{
    struct client_stalls s = {0};
    find_changes(&s, c);
    find_missing(&s, c, busy);
    weigh_gaps(b, c, busy, &s);
    add_said(&s, c);
    return s;
}
