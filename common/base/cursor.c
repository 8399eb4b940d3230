#include "common/base/cursor.h"

#include <stdlib.h>
#include <string.h>

struct reader
reader_of(const void *data, size_t len)
{
    return (struct reader){.p = data, .left = data ? len : 0};
}

static uint64_t
take_be(struct reader *r, size_t n)
{
    if (r->failed || r->left < n) {
        r->failed = true;
        return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | r->p[i];
    r->p += n;
    r->left -= n;
    return v;
}

uint8_t
read_u8(struct reader *r)
{
    return (uint8_t)take_be(r, 1);
}

int16_t
read_i16(struct reader *r)
{
    return (int16_t)take_be(r, 2);
}

int32_t
read_i32(struct reader *r)
{
    return (int32_t)take_be(r, 4);
}

uint32_t
read_u32(struct reader *r)
{
    return (uint32_t)take_be(r, 4);
}

int64_t
read_i64(struct reader *r)
{
    return (int64_t)take_be(r, 8);
}

uint64_t
read_u64(struct reader *r)
{
    return take_be(r, 8);
}

const char *
read_str(struct reader *r, size_t *len)
{
    *len = 0;
    const int16_t n = read_i16(r);
    if (r->failed || n < 0 || (size_t)n > r->left) {
        r->failed = true;
        return NULL;
    }
    const char *s = (const char *)r->p;
    r->p += n;
    r->left -= (size_t)n;
    *len = (size_t)n;
    return s;
}

char *
read_str_dup(struct reader *r)
{
    size_t len;
    const char *s = read_str(r, &len);
    if (!s)
        return NULL;
    char *copy = memchr(s, '\0', len) ? NULL : strndup(s, len);
    if (!copy)
        r->failed = true;
    return copy;
}

struct writer
writer_of(void *data, size_t cap)
{
    return (struct writer){.p = data, .left = cap};
}

static void
put_be(struct writer *w, uint64_t v, size_t n)
{
    if (w->failed || w->left < n) {
        w->failed = true;
        return;
    }
    for (size_t i = n; i-- > 0; v >>= 8)
        w->p[i] = (uint8_t)v;
    w->p += n;
    w->left -= n;
    w->len += n;
}

void
write_u8(struct writer *w, uint8_t v)
{
    put_be(w, v, 1);
}

void
write_i16(struct writer *w, int16_t v)
{
    put_be(w, (uint64_t)v, 2);
}

void
write_i32(struct writer *w, int32_t v)
{
    put_be(w, (uint64_t)v, 4);
}

void
write_u32(struct writer *w, uint32_t v)
{
    put_be(w, v, 4);
}

void
write_i64(struct writer *w, int64_t v)
{
    put_be(w, (uint64_t)v, 8);
}

void
write_u64(struct writer *w, uint64_t v)
{
    put_be(w, v, 8);
}

void
write_str(struct writer *w, const char *s, size_t len)
{
    if (len > INT16_MAX) {
        w->failed = true;
        return;
    }
    write_i16(w, (int16_t)len);
    if (w->failed || w->left < len) {
        w->failed = true;
        return;
    }
    if (len)
        memcpy(w->p, s, len);
    w->p += len;
    w->left -= len;
    w->len += len;
}
