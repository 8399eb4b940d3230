/* Owns nothing; the caller's lock. */
#include "sdk/src/consumer/prints.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FAR_RECORDS 20000 /* from the log's end: many times a flow's lag */
#define LOOK_EVERY  1024  /* records noted until the end is looked at again */

/* By what librdkafka heard of the log's end with its last fetch. */
static bool
is_far(struct prints *ps, rd_kafka_t *rk, const rd_kafka_message_t *m)
{
    int64_t low = 0, high = 0;
    if (rd_kafka_get_watermark_offsets(rk, rd_kafka_topic_name(m->rkt),
                                       m->partition, &low, &high) != 0)
        return false;
    const int64_t near = high - FAR_RECORDS;
    if (m->offset >= near)
        return false;
    /* The log may be another one by then: not too long without a look. */
    const int64_t soon = m->offset + FAR_RECORDS;
    ps->from = near < soon ? near : soon;
    return true;
}

static void
push(struct prints *ps, const struct po_print *p)
{
    if (ps->n > 0 && ps->v[ps->n - 1].offset >= p->offset)
        ps->n = 0; /* it went back */
    if (ps->n == PRINTS_KEPT)
        memmove(ps->v, ps->v + 1, --ps->n * sizeof(*ps->v));
    ps->v[ps->n++] = *p;
}

static void
describe(const rd_kafka_message_t *m, struct po_print *out)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const int64_t at_ms = rd_kafka_message_timestamp(m, &type);
    po_print_make(out, m->offset,
                  type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : at_ms, m->key,
                  m->key_len, m->payload, m->len);
    out->append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
}

bool
prints_last_is(const struct prints *ps, const rd_kafka_message_t *m)
{
    struct po_print p;
    describe(m, &p);
    return ps->n > 0 && po_print_same(&p, &ps->v[ps->n - 1]);
}

void
prints_note(struct prints *ps, rd_kafka_t *rk, const rd_kafka_message_t *m)
{
    struct po_print p;
    if (ps->noted++ % LOOK_EVERY == 0 && is_far(ps, rk, m)) {
        ps->n = ps->noted = 0;
        return;
    }
    describe(m, &p);
    push(ps, &p);
}

int
prints_before(const struct prints *ps, int64_t position, struct po_print **out,
              size_t *n)
{
    size_t below = ps->n;
    *out = NULL;
    *n = 0;
    while (below > 0 && ps->v[below - 1].offset >= position)
        below--;
    if (below == 0 || ps->v[below - 1].offset != position - 1)
        return 0; /* a later one would be found too early in the log */
    *out = malloc(below * sizeof(**out));
    if (!*out)
        return ERR_NOMEM;
    memcpy(*out, ps->v, below * sizeof(**out));
    *n = below;
    return 0;
}

bool
prints_reach(const struct prints *ps, int64_t position)
{
    for (size_t i = ps->n; i-- > 0;)
        if (ps->v[i].offset == position - 1)
            return true;
    return false;
}

void
prints_carry(struct prints *to, const struct prints *from, int64_t was,
             int64_t is)
{
    to->n = to->noted = 0;
    to->from = 0;
    if (!prints_reach(from, was))
        return;
    for (size_t i = 0; i < from->n && from->v[i].offset < was; i++)
        to->v[to->n++] = from->v[i];
    for (unsigned i = 0; i < to->n; i++)
        to->v[i].offset = is - (int64_t)(to->n - i);
    while (to->n > 0 && to->v[0].offset < 0)
        memmove(to->v, to->v + 1, --to->n * sizeof(*to->v));
}
