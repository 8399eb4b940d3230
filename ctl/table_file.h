/*
 * The whole route table as a file that lives well in git: objects sorted by
 * name, one a line, their members in one order, so that equal tables are equal
 * bytes and a changed rule is a changed line.
 *
 *     {
 *     "clusters": [
 *     {"name":"a","bootstrap.servers":"h1:9092"}
 *     ],
 *     "flows": [],
 *     "rules": []
 *     }
 */
#ifndef SHUNT_CTL_TABLE_FILE_H
#define SHUNT_CTL_TABLE_FILE_H

#include <stddef.h>

#include "common/base/err.h"

struct json_t;

/* Pure.  From a table as GET /v1/table answers; owned by the caller. */
char *table_file_text(const struct json_t *table);
/* Pure.  {"clusters":[..],"flows":[..],"rules":[..]}: all three must be there,
 * because what is left out would be deleted; a "revision" is dropped. */
MUST_CHECK int table_file_parse(const char *text, size_t len,
                                struct json_t **out, struct err *err);
/* "-": standard input. */
MUST_CHECK int table_file_read(const char *path, struct json_t **out,
                               struct err *err);

#endif
