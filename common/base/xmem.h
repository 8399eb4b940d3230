/*
 * Allocation for programs (not for common/ and sdk/, which return errors):
 * out of memory ends the process with one line on stderr.
 */
#ifndef SHUNT_BASE_XMEM_H
#define SHUNT_BASE_XMEM_H

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* Grows `p` to n elements of `size` bytes; overflow ends the process too. */
void *xreallocarray(void *p, size_t n, size_t size)
    __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
/* printf into a new string, owned by the caller. */
char *xasprintf(const char *fmt, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

#endif
