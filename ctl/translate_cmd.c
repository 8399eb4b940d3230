/* translate: which offset there is this offset here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/out.h"
#include "ctl/words.h"

static void
print_translation(const struct json_t *answer)
{
    const struct json_t *positions = js_any(answer, "positions");
    struct out_table t;
    out_table_init(&t, "TOPIC", "PARTITION", "OFFSET", "QUALITY", "TO TOPIC",
                   "POSITION", "LOW", "HIGH", "REASON", NULL);
    for (size_t i = 0; i < js_len(positions); i++) {
        const struct json_t *p = js_at(positions, i);
        out_table_row(&t, out_str(p, "topic"), out_str(p, "partition"),
                      out_str(p, "offset"), out_str(p, "quality"),
                      out_str(p, "to_topic"), out_str(p, "position"),
                      out_str(p, "low"), out_str(p, "high"),
                      out_str(p, "reason"), NULL);
    }
    out_table_print_fini(&t);
}

/* The mapper of a flow that joins the two clusters, as the table names it. */
static int
find_mapper(const struct ctl *ctl, char **url)
{
    struct json_t *table = NULL;
    const int rc = ctl_get(ctl, "/v1/table", &table);
    if (rc)
        return rc;
    const struct json_t *flows = js_any(table, "flows");
    *url = NULL;
    for (size_t i = 0; i < js_len(flows) && !*url; i++) {
        const struct json_t *f = js_at(flows, i);
        const char *source = out_str(f, "source");
        const char *target = out_str(f, "target");
        const bool joins = (strcmp(source, ctl->conf.from) == 0 &&
                            strcmp(target, ctl->conf.to) == 0) ||
                           (strcmp(source, ctl->conf.to) == 0 &&
                            strcmp(target, ctl->conf.from) == 0);
        const char *mapper = js_str(js_at(js_any(f, "mappers"), 0));
        if (joins && mapper)
            *url = xstrdup(mapper);
    }
    js_free(table);
    if (*url)
        return CTL_OK;
    (void)fprintf(stderr,
                  "shuntctl: no flow between %s and %s names a mapper; give "
                  "one with --mapper URL\n",
                  ctl->conf.from, ctl->conf.to);
    return CTL_FAILED;
}

static int
translate(const struct ctl *ctl, struct json_t *positions)
{
    char *url = NULL;
    int rc = CTL_OK;
    if (ctl->conf.mapper)
        url = xstrdup(ctl->conf.mapper);
    else
        rc = find_mapper(ctl, &url);
    if (rc) {
        js_free(positions);
        return rc;
    }
    struct json_t *body = js_object();
    rc = js_put_str(body, "from", ctl->conf.from);
    rc |= js_put_str(body, "to", ctl->conf.to);
    rc |= js_put_take(body, "positions", positions);
    if (rc)
        abort(); /* out of memory */
    char *text = js_dump(body);
    const struct call call = {CALL_READ, "POST", "/v1/translate", text, false};
    struct reply r;
    rc = call_any(ctl, url, &call, &r);
    if (!rc && ctl->conf.json)
        out_json(r.json);
    else if (!rc)
        print_translation(r.json);
    reply_fini(&r);
    js_free(body);
    free(text);
    free(url);
    return rc;
}

int
ctl_translate(struct ctl *ctl)
{
    if (ctl->argc < 1 || !ctl->conf.from || !ctl->conf.to)
        return ctl_usage("translate TOPIC:PARTITION:OFFSET... --from CLUSTER "
                         "--to CLUSTER");
    struct json_t *positions = js_array();
    for (int i = 0; i < ctl->argc; i++) {
        struct json_t *p = NULL;
        struct err err;
        if (words_position(ctl->argv[i], &p, &err) != 0) {
            js_free(positions);
            return ctl_usage("translate: %s", err.text);
        }
        if (js_add_take(positions, p) != 0)
            abort(); /* out of memory */
    }
    return translate(ctl, positions);
}
