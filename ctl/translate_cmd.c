/* translate: which offset there is this offset here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/mapper.h"
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

static int
translate(const struct ctl *ctl, struct json_t *positions)
{
    char *url = NULL;
    int rc = mapper_url(ctl, ctl->conf.from, ctl->conf.to, &url);
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
