/*
 * Owns a table of fixed size in which each body has one possible place: what
 * came last stands there.  Bodies and answers over a size are not kept, so
 * that all of it has a bound.
 */
#include "route-service/bodies.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "route-service/digest.h"
#include "route-service/limits.h"

struct place {
    int64_t revision;
    uint64_t hash;
    char *bytes; /* the body, then the answer; NULL: nothing */
    size_t len, text_len;
};

struct bodies {
    struct place places[LIMIT_BODIES];
};

struct bodies *
bodies_new(void)
{
    return xcalloc(1, sizeof(struct bodies));
}

void
bodies_free(struct bodies *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < LIMIT_BODIES; i++)
        free(b->places[i].bytes);
    free(b);
}

struct body_answer
bodies_find(const struct bodies *b, const char *body, size_t len,
            int64_t revision)
{
    const uint64_t hash = digest_of(body, len).low;
    const struct place *p = &b->places[hash % LIMIT_BODIES];
    if (!p->bytes || p->hash != hash || p->revision != revision ||
        p->len != len || memcmp(p->bytes, body, len) != 0)
        return (struct body_answer){0};
    return (struct body_answer){p->bytes + len, p->text_len};
}

void
bodies_keep(struct bodies *b, const char *body, size_t len, int64_t revision,
            const char *text, size_t text_len)
{
    if (len + text_len > LIMIT_BODY_KEPT)
        return;
    const uint64_t hash = digest_of(body, len).low;
    struct place *p = &b->places[hash % LIMIT_BODIES];
    free(p->bytes);
    *p = (struct place){revision, hash, xmalloc(len + text_len), len, text_len};
    memcpy(p->bytes, body, len);
    memcpy(p->bytes + len, text, text_len);
}
