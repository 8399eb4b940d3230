/* Whole files: read with a cap, replaced atomically. */
#ifndef SHUNT_BASE_FILE_H
#define SHUNT_BASE_FILE_H

#include <stddef.h>

#include "common/base/err.h"

/* The content, NUL-terminated, owned by the caller. ERR_NOTFOUND, ERR_IO,
 * ERR_LIMIT (more than `max` bytes), ERR_NOMEM. */
MUST_CHECK int file_read(const char *path, size_t max, char **out, size_t *len,
                         struct err *err);
/* Writes a temporary file beside `path`, fsyncs it, renames it over `path`
 * and fsyncs the folder: after a crash the old or the new content is there. */
MUST_CHECK int file_replace(const char *path, const void *data, size_t len,
                            struct err *err);
/* Fsyncs the folder that `path` stands in: a file made there is still there
 * after a crash. */
MUST_CHECK int file_sync_name(const char *path, struct err *err);
/* Makes the folder and its parents (mode 0755) and checks that it can be
 * written. ERR_IO with one sentence that says what to do. */
MUST_CHECK int file_make_dir(const char *path, struct err *err);

#endif
