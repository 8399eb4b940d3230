/*
 * What every fuzz target shares: the bytes of an input, taken piece by piece,
 * and the check that stops at what must never be.  Each target is one file
 * with LLVMFuzzerTestOneInput (libFuzzer); `make fuzz` builds and runs them.
 */
#ifndef SHUNT_TESTS_FUZZ_H
#define SHUNT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what is wrong and aborts: libFuzzer keeps the input. */
#define FUZZ_CHECK(condition, ...)                                             \
    ((condition) ? (void)0                                                     \
                 : fuzz_fail(__FILE__, __LINE__, #condition, __VA_ARGS__))

_Noreturn void fuzz_fail(const char *file, int line, const char *condition,
                         const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* 0 when nothing is left. */
uint8_t fuzz_byte(struct fuzz_input *in);
/* 0..n-1 */
size_t fuzz_below(struct fuzz_input *in, size_t n);
/* The bytes up to the next newline (not in it) or the end, as a text that ends
 * at its first NUL; owned by the caller.  NULL: nothing is left. */
char *fuzz_line(struct fuzz_input *in);

#endif
