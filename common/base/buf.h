/*
 * A byte buffer that grows up to a cap.  Failures (memory, cap) are latched:
 * append as often as you like and look at buf_failed() once.
 */
#ifndef SHUNT_BASE_BUF_H
#define SHUNT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* owned; always NUL-terminated when not NULL */
    size_t len;
    size_t cap;
    size_t max; /* content bytes allowed */
    bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
void buf_reset(struct buf *b); /* empties, keeps the memory */
void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
bool buf_failed(const struct buf *b);
/* The content as a string that the caller owns; NULL after a failure. The
 * buffer is empty afterwards and may be used again. */
char *buf_take(struct buf *b);

#endif
