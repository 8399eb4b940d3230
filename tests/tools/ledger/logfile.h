/*
 * The logs of writers, readers and dumps: one event a line, fields parted by
 * one blank, times first.  README.md lists the lines.
 *
 * A line is one write(2): what was logged survives kill -9 of the process.
 */
#ifndef LEDGER_LOGFILE_H
#define LEDGER_LOGFILE_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"

enum {
    LINE_FIELDS_MAX = 12,
    LINE_BYTES_MAX = 4096,
};

/* ---- writing ---- */

/* Opens for appending; a torn last line of an earlier life is cut off. */
MUST_CHECK int logfile_open(const char *path, FILE **out, struct err *err);
/* "KIND MONO_US WALL_MS fmt...\n". */
void logfile_put(FILE *f, char kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* ERR_IO when anything could not be written.  NULL allowed. */
MUST_CHECK int logfile_close(FILE *f, const char *path, struct err *err);

/* ---- reading ---- */

struct line {
    const char *path; /* borrowed */
    int64_t number;
    char kind;
    int64_t mono_us, wall_ms;
    char *field[LINE_FIELDS_MAX]; /* what follows; valid during the call */
    size_t n_fields;
};

/* Calls fn for each whole line until it returns non-zero.  A last line without
 * its end is left out and *torn set.  ERR_PARSE: "FILE:LINE: reason". */
MUST_CHECK int logfile_read(const char *path,
                            int (*fn)(const struct line *l, void *arg,
                                      struct err *err),
                            void *arg, int *torn, struct err *err);
/* Field i as a number.  ERR_PARSE names file, line and value. */
MUST_CHECK int line_int(const struct line *l, size_t i, int64_t min,
                        int64_t max, int64_t *out, struct err *err);
/* ERR_PARSE unless the line has that many fields. */
MUST_CHECK int line_expect(const struct line *l, size_t n_fields,
                           struct err *err);
/* ERR_PARSE with file and line. */
int line_bad(const struct line *l, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
