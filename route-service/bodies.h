/*
 * Bodies of resolve requests that were answered lately, and the answers: a
 * client that asks the same again is not parsed again.  Loop thread.
 */
#ifndef SHUNT_ROUTE_BODIES_H
#define SHUNT_ROUTE_BODIES_H

#include <stddef.h>
#include <stdint.h>

struct bodies;

struct body_answer {
    const char *text;
    size_t len;
};

struct bodies *bodies_new(void);
void bodies_free(struct bodies *b); /* NULL allowed */

/* What was answered to exactly these bytes at this revision; its text is NULL
 * when that is not known.  Borrowed until the next call. */
struct body_answer bodies_find(const struct bodies *b, const char *body,
                               size_t len, int64_t revision);
void bodies_keep(struct bodies *b, const char *body, size_t len,
                 int64_t revision, const char *text, size_t text_len);

#endif
