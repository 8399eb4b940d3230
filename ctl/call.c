/* How shuntctl asks: one request at a time, waited for. */
#include "ctl/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "common/net/http_client.h"
#include "ctl/out.h"

static int
say_refused(const struct ctl *ctl, const struct json_t *answer, int status,
            const char *url)
{
    const struct json_t *error = js_any(answer, "error");
    const char *message = js_str(js_any(error, "message"));
    const char *field = js_str(js_any(error, "field"));
    if (ctl->conf.json)
        out_json(answer);
    if (!message)
        (void)fprintf(stderr, "shuntctl: %s answered status %d\n", url, status);
    else if (field && *field && !strstr(message, field))
        (void)fprintf(stderr, "shuntctl: %s: %s\n", field, message);
    else
        (void)fprintf(stderr, "shuntctl: %s\n", message);
    return status == 409 ? CTL_CONFLICT : CTL_FAILED;
}

/* CTL_UNREACHABLE says nothing yet: another server may answer. */
static int
ask(const struct ctl *ctl, const char *base_url, const char *method,
    const char *path, const char *body, struct json_t **answer, struct err *err)
{
    char *url = xasprintf("%s%s", base_url, path);
    char *text = NULL;
    int status = 0;
    int rc = CTL_UNREACHABLE;
    if (http_fetch(method, url, body, ctl->conf.timeout_ms, &status, &text,
                   err) != 0)
        goto out;
    if (js_parse(text, strlen(text), answer, err) != 0) {
        (void)fprintf(stderr, "shuntctl: %s: the answer is %s\n", url,
                      err->text);
        rc = CTL_FAILED;
        goto out;
    }
    rc = CTL_OK;
    if (status >= 400) {
        rc = say_refused(ctl, *answer, status, url);
        js_free(*answer);
        *answer = NULL;
    }
out:
    free(text);
    free(url);
    return rc;
}

static int
ask_servers(const struct ctl *ctl, const char *servers, const char *method,
            const char *path, const char *body, struct json_t **answer)
{
    struct strlist urls = {0};
    if (strlist_split(&urls, servers, ",") != 0)
        abort(); /* out of memory */
    struct err err = {.text = "no URL given"};
    int rc = CTL_UNREACHABLE;
    for (size_t i = 0; i < urls.n && rc == CTL_UNREACHABLE; i++)
        rc = ask(ctl, urls.v[i], method, path, body, answer, &err);
    if (rc == CTL_UNREACHABLE)
        (void)fprintf(stderr,
                      "shuntctl: nothing answered at %s: %s\nIs the service "
                      "running there? --route.service, SHUNT_ROUTE_SERVICE "
                      "and --mapper name other ones.\n",
                      servers, err.text);
    strlist_fini(&urls);
    return rc;
}

int
ctl_call_url_take(const struct ctl *ctl, const char *base_url,
                  const char *method, const char *path, struct json_t *body,
                  struct json_t **answer)
{
    char *text = body ? js_dump(body) : NULL;
    js_free(body);
    const int rc = ask_servers(ctl, base_url, method, path, text, answer);
    free(text);
    return rc;
}

int
ctl_call_take(const struct ctl *ctl, const char *method, const char *path,
              struct json_t *body, struct json_t **answer)
{
    return ctl_call_url_take(ctl, ctl->conf.route_service, method, path, body,
                             answer);
}

static void
print_moves(const struct json_t *moves)
{
    struct out_table t;
    out_table_init(&t, "CLIENT", "TOPIC", "FROM", "TO", NULL);
    for (size_t i = 0; i < js_len(moves); i++) {
        const struct json_t *m = js_at(moves, i);
        const struct json_t *client = js_any(m, "client");
        out_table_row(&t, out_str(client, "instance"), out_str(m, "topic"),
                      out_str(m, "from"), out_str(m, "to"), NULL);
    }
    out_table_print_fini(&t);
}

static void
print_change(const struct ctl *ctl, const struct json_t *answer,
             const char *what)
{
    const struct json_t *moves = js_any(answer, "moves");
    const struct json_t *warnings = js_any(answer, "warnings");
    int64_t revision = 0;
    struct err err;
    if (js_get_int(answer, "", "revision", JS_OPTIONAL, 0, INT64_MAX, &revision,
                   &err) != 0)
        (void)fprintf(stderr, "shuntctl: %s\n", err.text);
    (void)printf("%s%s: revision %lld, %zu live client%s move%s\n",
                 ctl->conf.dry_run ? "(dry run) " : "", what,
                 (long long)revision, js_len(moves),
                 js_len(moves) == 1 ? "" : "s", js_len(moves) == 1 ? "s" : "");
    for (size_t i = 0; i < js_len(warnings); i++)
        (void)printf("%swarning:%s %s\n", out_color(OUT_YELLOW),
                     out_color(OUT_PLAIN), js_str(js_at(warnings, i)));
    if (ctl->conf.dry_run && js_len(moves) > 0)
        print_moves(moves);
}

int
ctl_change_take(const struct ctl *ctl, struct json_t *operations,
                int64_t expect_revision, const char *what)
{
    struct json_t *body = js_object();
    int rc = js_put_str(body, "author", ctl->conf.author);
    rc |= js_put_str(body, "comment",
                     ctl->conf.comment ? ctl->conf.comment : what);
    rc |= js_put_bool(body, "dry_run", ctl->conf.dry_run);
    if (expect_revision >= 0)
        rc |= js_put_int(body, "expect_revision", expect_revision);
    rc |= js_put_take(body, "operations", operations);
    if (rc)
        abort(); /* out of memory */
    struct json_t *answer = NULL;
    rc = ctl_call_take(ctl, "POST", "/v1/changes", body, &answer);
    if (rc)
        return rc;
    if (ctl->conf.json)
        out_json(answer);
    else
        print_change(ctl, answer, what);
    js_free(answer);
    return CTL_OK;
}
