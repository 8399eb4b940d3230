/*
 * Owns the form of the logs, not what the lines mean.  Any thread; a file is
 * used by one.
 */
#include "tests/tools/ledger/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/strs.h"

/* Where the last whole line of `fd` ends. */
static off_t
end_of_lines(int fd, off_t size)
{
    for (off_t at = size; at > 0; at--) {
        char c;
        if (pread(fd, &c, 1, at - 1) != 1)
            return -1;
        if (c == '\n')
            return at;
    }
    return 0;
}

static int
cut_torn_line(int fd)
{
    const off_t size = lseek(fd, 0, SEEK_END);
    const off_t end = size < 0 ? -1 : end_of_lines(fd, size);
    if (end < 0)
        return -1;
    return end < size ? ftruncate(fd, end) : 0;
}

int
logfile_open(const char *path, FILE **out, struct err *err)
{
    const int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "cannot open log %s", path);
    FILE *f = cut_torn_line(fd) == 0 ? fdopen(fd, "a") : NULL;
    if (!f) {
        const int e = errno;
        (void)close(fd); /* the error that counts is the one before */
        return err_errno(err, ERR_IO, e, "cannot append to log %s", path);
    }
    (void)setvbuf(f, NULL, _IOLBF, LINE_BYTES_MAX);
    *out = f;
    return 0;
}

void
logfile_put(FILE *f, char kind, const char *fmt, ...)
{
    char line[LINE_BYTES_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line) - 64, fmt, ap);
    va_end(ap);
    /* Failures are latched in the stream and told by logfile_close(). */
    (void)fprintf(f, "%c %lld %lld %s\n", kind, (long long)clock_mono_us(),
                  (long long)clock_wall_ms(), line);
}

int
logfile_close(FILE *f, const char *path, struct err *err)
{
    if (!f)
        return 0;
    const int failed = ferror(f);
    if (fclose(f) != 0 || failed)
        return err_errno(err, ERR_IO, errno, "cannot write log %s", path);
    return 0;
}

int
line_bad(const struct line *l, struct err *err, const char *fmt, ...)
{
    struct err why;
    va_list ap;
    va_start(ap, fmt);
    (void)err_vset(&why, ERR_PARSE, fmt, ap);
    va_end(ap);
    return err_set(err, ERR_PARSE, "%s:%lld: %s", l->path, (long long)l->number,
                   why.text);
}

int
line_int(const struct line *l, size_t i, int64_t min, int64_t max, int64_t *out,
         struct err *err)
{
    if (i < l->n_fields && str_to_i64(l->field[i], min, max, out))
        return 0;
    return line_bad(l, err,
                    "field %zu of %c is no number from %lld to %lld: "
                    "\"%.60s\"",
                    i + 1, l->kind, (long long)min, (long long)max,
                    i < l->n_fields ? l->field[i] : "");
}

int
line_expect(const struct line *l, size_t n_fields, struct err *err)
{
    if (l->n_fields == n_fields)
        return 0;
    return line_bad(l, err, "%c has %zu fields, %zu are expected", l->kind,
                    l->n_fields, n_fields);
}

/* Cuts the text into fields in place. */
static int
split(struct line *l, char *text, struct err *err)
{
    char *word[LINE_FIELDS_MAX + 3];
    size_t n = 0;
    for (char *next = text; next; n++) {
        if (n == sizeof(word) / sizeof(*word))
            return line_bad(l, err, "too many fields");
        word[n] = next;
        next = strchr(next, ' ');
        if (next)
            *next++ = '\0';
    }
    if (n < 3 || strlen(word[0]) != 1 ||
        !str_to_i64(word[1], 0, INT64_MAX, &l->mono_us) ||
        !str_to_i64(word[2], 0, INT64_MAX, &l->wall_ms))
        return line_bad(l, err, "not a line of a ledger: \"%.60s\"", text);
    l->kind = *word[0];
    l->n_fields = n - 3;
    memcpy(l->field, word + 3, l->n_fields * sizeof(*word));
    return 0;
}

int
logfile_read(const char *path,
             int (*fn)(const struct line *l, void *arg, struct err *err),
             void *arg, int *torn, struct err *err)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_errno(err, ERR_IO, errno, "cannot open log %s", path);
    struct line l = {.path = path};
    char *text = NULL;
    size_t cap = 0;
    int rc = 0;
    *torn = 0;
    while (rc == 0) {
        const ssize_t n = getline(&text, &cap, f);
        if (n <= 0)
            break;
        l.number++;
        if (text[n - 1] != '\n') {
            *torn = 1;
            break;
        }
        text[n - 1] = '\0';
        rc = memchr(text, '\0', (size_t)n - 1)
                 ? line_bad(&l, err, "a zero byte")
                 : split(&l, text, err);
        if (rc == 0)
            rc = fn(&l, arg, err);
    }
    if (rc == 0 && ferror(f))
        rc = err_set(err, ERR_IO, "cannot read log %s", path);
    free(text);
    (void)fclose(f); /* only read */
    return rc;
}
