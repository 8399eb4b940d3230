/* A group's positions as a file: CSV for people and spreadsheets, or JSON. */
#ifndef SHUNT_CTL_GROUP_FILE_H
#define SHUNT_CTL_GROUP_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct json_t;

/* Whether a file of this name (NULL: standard output) is JSON. */
bool group_file_is_json(const char *path);
/* What GET /v1/groups/{group} answers, as such a file; owned by the caller.
 * Streams without a position are left out; *n counts the others. */
char *group_file_csv(const struct json_t *answer, size_t *n);
char *group_file_json(const struct json_t *answer, size_t *n);
/* The list "positions" of a landing (js_free).  The text tells which of the two
 * it is.  ERR_PARSE, ERR_INVALID, with the line or the field. */
MUST_CHECK int group_file_parse(const char *text, size_t len,
                                struct json_t **out, struct err *err);
MUST_CHECK int group_file_read(const char *path, struct json_t **out,
                               struct err *err);

#endif
