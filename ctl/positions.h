/* Positions as people and files name them, as the JSON of a question.  Pure but
 * for positions_file(). */
#ifndef SHUNT_CTL_POSITIONS_H
#define SHUNT_CTL_POSITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct json_t;

/* "2026-12-01T03:00:00Z", or milliseconds since 1970. */
MUST_CHECK int positions_time(const char *text, int64_t *ms, struct err *err);

/* One word, appended to the list `to`: TOPIC:PARTITION:OFFSET, or
 * TOPIC:PARTITION when `timestamp_ms` is not -1.  A topic may hold ":". */
MUST_CHECK int positions_word(const char *word, int64_t timestamp_ms,
                              struct json_t *to, struct err *err);
/* CSV, appended to the list `to`: topic,partition,offset a line (further
 * columns are not looked at), or topic,partition with a timestamp; a first line
 * that begins with "topic," is a heading, "#" begins a comment.  The error
 * names the line. */
MUST_CHECK int positions_csv(const char *text, int64_t timestamp_ms,
                             struct json_t *to, struct err *err);
/* The same from a file; "-": standard input. */
MUST_CHECK int positions_file(const char *path, int64_t timestamp_ms,
                              struct json_t *to, struct err *err);

#endif
