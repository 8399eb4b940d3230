/* See input.h. */
#include "ctl/input.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"

int
input_read(const char *path, size_t max,
           int (*parse)(const char *text, size_t len, struct json_t **out,
                        struct err *err),
           struct json_t **out, struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    struct err why = {0};
    int rc = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, max, &text,
                       &len, err);
    if (rc)
        return rc;
    rc = parse(text, len, out, &why);
    if (rc)
        rc = err_field(err, rc, why.field, why.value, "%s: %s", path, why.text);
    free(text);
    return rc;
}
