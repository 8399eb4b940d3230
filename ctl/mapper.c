/* See mapper.h. */
#include "ctl/mapper.h"

#include <stdio.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/out.h"

static bool
joins(const struct json_t *flow, const char *one, const char *other)
{
    const char *source = out_str(flow, "source");
    const char *target = out_str(flow, "target");
    return (strcmp(source, one) == 0 && strcmp(target, other) == 0) ||
           (strcmp(source, other) == 0 && strcmp(target, one) == 0);
}

static char *
mapper_in(const struct json_t *table, const char *one, const char *other)
{
    const struct json_t *flows = js_any(table, "flows");
    for (size_t i = 0; i < js_len(flows); i++) {
        const struct json_t *f = js_at(flows, i);
        const char *mapper = js_str(js_at(js_any(f, "mappers"), 0));
        if (mapper && joins(f, one, other))
            return xstrdup(mapper);
    }
    return NULL;
}

int
mapper_url(const struct ctl *ctl, const char *one, const char *other,
           char **url)
{
    if (ctl->conf.mapper) {
        *url = xstrdup(ctl->conf.mapper);
        return CTL_OK;
    }
    struct json_t *table = NULL;
    *url = NULL;
    const int rc = ctl_get(ctl, "/v1/table", &table);
    if (rc)
        return rc;
    *url = mapper_in(table, one, other);
    js_free(table);
    if (*url)
        return CTL_OK;
    (void)fprintf(stderr,
                  "shuntctl: no flow between %s and %s names a mapper; give "
                  "one with --mapper URL\n",
                  one, other);
    return CTL_FAILED;
}
