/* Files that a command is given. */
#ifndef SHUNT_CTL_INPUT_H
#define SHUNT_CTL_INPUT_H

#include <stddef.h>

#include "common/base/err.h"

struct json_t;

/* Reads `path` ("-": standard input), at most `max` bytes, and parses it; what
 * parse() says is told with the path before it. */
MUST_CHECK int input_read(const char *path, size_t max,
                          int (*parse)(const char *text, size_t len,
                                       struct json_t **out, struct err *err),
                          struct json_t **out, struct err *err);

#endif
