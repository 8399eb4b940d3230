/* group show | export | import: where a group is, and where it would go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/group.h"
#include "ctl/group_file.h"
#include "ctl/mapper.h"
#include "ctl/out.h"
#include "ctl/words.h"

/* What a mapper may take to read records. */
#define PATIENCE_MS 20000

static int
ask(const struct ctl *ctl, const char *group, struct json_t **answer)
{
    struct ctl patient = *ctl;
    struct reply r;
    char *url;
    int rc = mapper_url(ctl, ctl->conf.from, ctl->conf.to, &url);
    if (rc)
        return rc;
    patient.conf.timeout_ms += PATIENCE_MS;
    char *path = words_path("/v1/groups/", group, "");
    path = words_query_take(path, "from", ctl->conf.from);
    path = words_query_take(path, "to", ctl->conf.to);
    path = words_query_take(path, "verify",
                            ctl->conf.unverified ? "false" : "true");
    const struct call call = {CALL_READ, "GET", path, NULL, false};
    rc = call_any(&patient, url, &call, &r);
    *answer = rc ? NULL : js_ref(r.json);
    reply_fini(&r);
    free(path);
    free(url);
    return rc;
}

/* ---- show ---------------------------------------------------------------- */

/* "1234 (3 s)". */
static char *
with_age(const struct json_t *v)
{
    const int64_t age_ms = out_int(v, "age_ms", -1);
    return age_ms < 0 ? xstrdup(out_str(v, "offset"))
                      : xasprintf("%s (%lld s)", out_str(v, "offset"),
                                  (long long)(age_ms + 500) / 1000);
}

static void
add_stream(struct out_table *t, const struct json_t *s)
{
    const struct json_t *m = js_any(s, "mapped");
    char *live = with_age(js_any(s, "live"));
    char *checkpoint = with_age(js_any(s, "checkpoint"));
    out_table_row(t, out_str(s, "topic"), out_str(s, "partition"), live,
                  out_str(js_any(s, "commit"), "offset"), checkpoint,
                  out_str(s, "used"), out_str(js_any(s, "target"), "offset"),
                  out_str(m, "to_topic"), out_str(m, "position"),
                  out_str(m, "high"), out_str(m, "quality"),
                  out_str(m, "reason"), NULL);
    free(live);
    free(checkpoint);
}

static void
print_missing(const struct json_t *answer)
{
    static const char *const names[] = {"live", "commit", "checkpoint",
                                        "target"};
    const struct json_t *sources = js_any(answer, "sources");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *error = js_str(js_any(js_any(sources, names[i]), "error"));
        if (error)
            (void)printf("%s%s is not known:%s %s\n", out_color(OUT_YELLOW),
                         names[i], out_color(OUT_PLAIN), error);
    }
}

static int
show(const struct ctl *ctl, const char *group)
{
    struct json_t *answer;
    const int rc = ask(ctl, group, &answer);
    if (rc)
        return rc;
    if (ctl->conf.json) {
        out_json(answer);
    } else {
        const struct json_t *streams = js_any(answer, "streams");
        struct out_table t;
        out_table_init(&t, "TOPIC", "PARTITION", "LIVE", "COMMIT", "CHECKPOINT",
                       "USED", "TARGET", "TO TOPIC", "POSITION", "HIGH",
                       "QUALITY", "REASON", NULL);
        for (size_t i = 0; i < js_len(streams); i++)
            add_stream(&t, js_at(streams, i));
        out_table_print_fini(&t);
        print_missing(answer);
    }
    js_free(answer);
    return CTL_OK;
}

/* ---- export and import ----------------------------------------------------- */

static int
write_out(const struct ctl *ctl, const char *text)
{
    struct err err;
    const char *to = ctl->conf.output;
    if (to && strcmp(to, "-") != 0)
        return file_replace(to, text, strlen(text), &err) == 0 ? CTL_OK
                                                               : ctl_fail(&err);
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return CTL_OK;
    (void)fprintf(stderr, "shuntctl: cannot write the positions to standard "
                          "output\n");
    return CTL_FAILED;
}

static int export(const struct ctl *ctl, const char *group)
{
    struct json_t *answer;
    size_t n;
    int rc = ask(ctl, group, &answer);
    if (rc)
        return rc;
    const bool json = ctl->conf.json || group_file_is_json(ctl->conf.output);
    char *text =
        json ? group_file_json(answer, &n) : group_file_csv(answer, &n);
    rc = write_out(ctl, text);
    if (rc == CTL_OK && ctl->conf.output)
        (void)fprintf(stderr, "group %s: %zu of %zu positions on %s\n", group,
                      n, js_len(js_any(answer, "streams")), ctl->conf.from);
    free(text);
    js_free(answer);
    return rc;
}

static int
import(const struct ctl *ctl, const char *group)
{
    struct json_t *positions = NULL;
    struct err err;
    if (!ctl->conf.file)
        return ctl_usage("group import GROUP -f FILE --from CLUSTER --to "
                         "CLUSTER");
    if (group_file_read(ctl->conf.file, &positions, &err))
        return ctl_fail(&err);
    return group_land_take(ctl, group, positions, NULL);
}

int
ctl_group(struct ctl *ctl)
{
    static const struct {
        const char *name;
        int (*run)(const struct ctl *ctl, const char *group);
    } verbs[] = {{"show", show}, {"export", export}, {"import", import}};
    if (ctl->argc == 2 && ctl->conf.from && ctl->conf.to)
        for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
            if (strcmp(verbs[i].name, ctl->argv[0]) == 0)
                return verbs[i].run(ctl, ctl->argv[1]);
    return ctl_usage("group show | export | import GROUP --from CLUSTER --to "
                     "CLUSTER");
}
