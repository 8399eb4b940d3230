#include "common/base/err.h"

#include <stdio.h>
#include <string.h>

const char *
err_name(int code)
{
    switch (code) {
#define X(num, name, text)                                                     \
    case num:                                                                  \
        return #name;
        ERR_MAP(X)
#undef X
    default:
        return "UNKNOWN";
    }
}

const char *
err_text(int code)
{
    switch (code) {
#define X(num, name, text)                                                     \
    case num:                                                                  \
        return text;
        ERR_MAP(X)
#undef X
    default:
        return "unknown error";
    }
}

int
err_vset(struct err *err, int code, const char *fmt, va_list ap)
{
    if (!err)
        return code;
    err->code = code;
    err->field[0] = '\0';
    err->value[0] = '\0';
    (void)vsnprintf(err->text, sizeof(err->text), fmt, ap); /* cut is fine */
    return code;
}

int
err_set(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(err, code, fmt, ap);
    va_end(ap);
    return code;
}

int
err_field(struct err *err, int code, const char *field, const char *value,
          const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(err, code, fmt, ap);
    va_end(ap);
    if (err) {
        (void)snprintf(err->field, sizeof(err->field), "%s", field);
        (void)snprintf(err->value, sizeof(err->value), "%s",
                       value ? value : "");
    }
    return code;
}

int
err_errno(struct err *err, int code, int errno_value, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(err, code, fmt, ap);
    va_end(ap);
    if (err) {
        const size_t used = strlen(err->text);
        (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s",
                       strerror(errno_value));
    }
    return code;
}

int
err_nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}
