/*
 * Reading and writing big-endian fields in a fixed range of bytes.  Failures
 * (range exceeded, bad length) are latched in `failed`; a failed read yields
 * zero.  Strings are Kafka's STRING: int16 length, then that many bytes.
 */
#ifndef SHUNT_BASE_CURSOR_H
#define SHUNT_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
    const uint8_t *p;
    size_t left;
    bool failed;
};

struct reader reader_of(const void *data, size_t len);
uint8_t read_u8(struct reader *r);
int16_t read_i16(struct reader *r);
int32_t read_i32(struct reader *r);
uint32_t read_u32(struct reader *r);
int64_t read_i64(struct reader *r);
uint64_t read_u64(struct reader *r);
/* Borrowed from the bytes being read; *len is 0 and the result NULL when
 * failed. */
const char *read_str(struct reader *r, size_t *len);
/* The same as a new string, owned by the caller; fails on an embedded NUL. */
char *read_str_dup(struct reader *r);

struct writer {
    uint8_t *p;
    size_t left;
    size_t len; /* written so far */
    bool failed;
};

struct writer writer_of(void *data, size_t cap);
void write_u8(struct writer *w, uint8_t v);
void write_i16(struct writer *w, int16_t v);
void write_i32(struct writer *w, int32_t v);
void write_u32(struct writer *w, uint32_t v);
void write_i64(struct writer *w, int64_t v);
void write_u64(struct writer *w, uint64_t v);
/* Fails when longer than 32767 bytes. */
void write_str(struct writer *w, const char *s, size_t len);

#endif
