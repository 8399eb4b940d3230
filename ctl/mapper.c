/* See mapper.h. */
#include "ctl/mapper.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/out.h"

static bool
touches(const struct json_t *flow, const char *cluster)
{
    return strcmp(out_str(flow, "source"), cluster) == 0 ||
           strcmp(out_str(flow, "target"), cluster) == 0;
}

static void
add_urls(const struct json_t *list, char **urls)
{
    for (size_t i = 0; i < js_len(list); i++) {
        const char *url = js_str(js_at(list, i));
        char *more = *urls ? xasprintf("%s,%s", *urls, url) : xstrdup(url);
        free(*urls);
        *urls = more;
    }
}

/* Of flows that touch `least` of the two clusters. */
static void
add_mappers(const struct json_t *flows, const char *one, const char *other,
            int least, char **urls)
{
    for (size_t i = 0; i < js_len(flows); i++) {
        const struct json_t *f = js_at(flows, i);
        if (touches(f, one) + touches(f, other) >= least)
            add_urls(js_any(f, "mappers"), urls);
    }
}

int
mapper_url(const struct ctl *ctl, const char *one, const char *other,
           char **urls)
{
    if (ctl->conf.mapper) {
        *urls = xstrdup(ctl->conf.mapper);
        return CTL_OK;
    }
    struct json_t *table = NULL;
    *urls = NULL;
    const int rc = ctl_get(ctl, "/v1/table", &table);
    if (rc)
        return rc;
    for (int least = 2; least > 0 && !*urls; least--)
        add_mappers(js_any(table, "flows"), one, other, least, urls);
    js_free(table);
    if (*urls)
        return CTL_OK;
    (void)fprintf(stderr,
                  "shuntctl: no flow of %s or %s names a mapper; give one with "
                  "--mapper URL\n",
                  one, other);
    return CTL_FAILED;
}
