/* resolve, explain: where a client would go, and why. */
#include "ctl/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/out.h"
#include "ctl/words.h"

/* Asks, and prints the answer with `print`, or as it is with --json. */
static int
show_take(const struct ctl *ctl, const char *path, struct json_t *body,
          void (*print)(const struct json_t *answer))
{
    struct json_t *answer = NULL;
    const int rc = ctl_ask_take(ctl, path, body, &answer);
    if (rc)
        return rc;
    if (ctl->conf.json)
        out_json(answer);
    else
        print(answer);
    js_free(answer);
    return CTL_OK;
}

struct json_t *
ask_identity(const struct ctl *ctl, const char *command)
{
    struct err err;
    struct json_t *identity;
    if (ctl->argc < 1) {
        (void)ctl_usage("%s CODE [topic=T] [role=R] ...", command);
        return NULL;
    }
    if (words_identity(ctl->argv[0], ctl->argc - 1, ctl->argv + 1, &identity,
                       &err) != 0) {
        (void)ctl_usage("%s: %s", command, err.text);
        return NULL;
    }
    struct json_t *body = js_object();
    if (js_put_take(body, "identity", identity) != 0)
        abort(); /* out of memory */
    return body;
}

static void
print_view(const struct json_t *view, char *to, size_t size)
{
    size_t used = 0;
    to[0] = '\0';
    for (size_t i = 0; i < js_len(view) && used < size; i++)
        used += (size_t)snprintf(to + used, size - used, "%s%s", i ? "," : "",
                                 out_str(js_at(view, i), "topic"));
}

void
ask_print_answer(const struct json_t *answer)
{
    const struct json_t *routes = js_any(answer, "routes");
    size_t unrouted = 0;
    struct out_table t;
    out_table_init(&t, "TOPIC", "CLUSTER", "RULE", "SINCE", "PREVIOUS", "VIEW",
                   "PROPERTIES", NULL);
    for (size_t i = 0; i < js_len(routes); i++) {
        const struct json_t *r = js_at(routes, i);
        char view[512];
        print_view(js_any(r, "view"), view, sizeof(view));
        out_table_row(&t, out_str(r, "topic"), out_str(r, "cluster"),
                      out_str(r, "rule"), out_str(r, "since"),
                      out_str(r, "previous"), view, out_str(r, "properties"),
                      NULL);
        unrouted += js_str(js_any(r, "cluster")) == NULL;
    }
    out_table_print_fini(&t);
    if (unrouted)
        (void)printf("no rule matches %zu of %zu topics: such a client waits\n",
                     unrouted, js_len(routes));
}

int
ctl_resolve(struct ctl *ctl)
{
    struct json_t *body = ask_identity(ctl, "resolve");
    return body ? show_take(ctl, "/v1/resolve", body, ask_print_answer)
                : CTL_USAGE;
}

static void
print_candidates(const struct json_t *answer)
{
    const struct json_t *topics = js_any(answer, "topics");
    struct out_table t;
    out_table_init(&t, "TOPIC", "RULE", "PRIORITY", "CLUSTER", "WON", "REASON",
                   NULL);
    for (size_t i = 0; i < js_len(topics); i++) {
        const struct json_t *topic = js_at(topics, i);
        const struct json_t *candidates = js_any(topic, "candidates");
        for (size_t k = 0; k < js_len(candidates); k++) {
            const struct json_t *c = js_at(candidates, k);
            out_table_row(&t, out_str(topic, "topic"), out_str(c, "rule"),
                          out_str(c, "priority"), out_str(c, "cluster"),
                          out_str(c, "won"), out_str(c, "reason"), NULL);
        }
    }
    if (t.n == t.columns)
        (void)puts("no enabled rule names anything of this client");
    out_table_print_fini(&t);
}

int
ctl_explain(struct ctl *ctl)
{
    struct json_t *body = ask_identity(ctl, "explain");
    return body ? show_take(ctl, "/v1/explain", body, print_candidates)
                : CTL_USAGE;
}
