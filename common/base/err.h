/*
 * Errors of everything below the public API: one list of codes, and a struct
 * that a caller supplies when it wants the words.
 *
 * A fallible function returns 0 or one of these (negative) codes and, when
 * `err` is not NULL, says in `err->text` what was tried, on what, what came
 * back and what to do.  Bad input names the field and the value too.
 */
#ifndef SHUNT_BASE_ERR_H
#define SHUNT_BASE_ERR_H

#include <stdarg.h>

#define MUST_CHECK         __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, va) __attribute__((format(printf, f, va)))

#define ERR_MAP(X)                                                             \
    X(-1, NOMEM, "out of memory")                                              \
    X(-2, INVALID, "invalid value")                                            \
    X(-3, PARSE, "cannot be parsed")                                           \
    X(-4, NOTFOUND, "not found")                                               \
    X(-5, CONFLICT, "conflict")                                                \
    X(-6, UNSUPPORTED, "not supported")                                        \
    X(-7, LIMIT, "limit exceeded")                                             \
    X(-8, IO, "input/output error")                                            \
    X(-9, CORRUPT, "damaged or foreign data")                                  \
    X(-10, BUSY, "in use")                                                     \
    X(-11, TIMEOUT, "timed out")                                               \
    X(-12, UNAVAILABLE, "not available")                                       \
    X(-13, DENIED, "permission denied")                                        \
    X(-14, KAFKA, "Kafka error")                                               \
    X(-15, CLOSED, "closed")

enum err_code {
#define X(num, name, text) ERR_##name = (num),
    ERR_MAP(X)
#undef X
};

struct err {
    int code;
    char field[128]; /* path of the offending field, or "" */
    char value[128]; /* its value as given, possibly cut, or "" */
    char text[512];
};

/* "INVALID" for ERR_INVALID; "UNKNOWN" for anything else. Static storage. */
const char *err_name(int code);
/* "invalid value" for ERR_INVALID. Static storage. */
const char *err_text(int code);

/* All of these fill `err` unless it is NULL, and return `code`. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_vset(struct err *err, int code, const char *fmt, va_list ap)
    PRINTF_LIKE(3, 0);
/* For bad input: `field` is its path ("operations[0].rule.cluster"). */
int err_field(struct err *err, int code, const char *field, const char *value,
              const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Appends ": strerror(errno_value)". */
int err_errno(struct err *err, int code, int errno_value, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
int err_nomem(struct err *err);

#endif
