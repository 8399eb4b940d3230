#include "tests/fuzz/fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_fail(const char *file, int line, const char *condition, const char *fmt,
          ...)
{
    va_list ap;
    (void)fprintf(stderr, "%s:%d: %s does not hold: ", file, line, condition);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    abort();
}

uint8_t
fuzz_byte(struct fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

size_t
fuzz_below(struct fuzz_input *in, size_t n)
{
    return fuzz_byte(in) % n;
}

char *
fuzz_line(struct fuzz_input *in)
{
    if (in->left == 0)
        return NULL;
    const uint8_t *end = memchr(in->at, '\n', in->left);
    const size_t len = end ? (size_t)(end - in->at) : in->left;
    char *line = malloc(len + 1);
    FUZZ_CHECK(line != NULL, "%zu bytes", len + 1);
    memcpy(line, in->at, len);
    line[len] = '\0';
    in->at += len + (end != NULL);
    in->left -= len + (end != NULL);
    return line;
}
