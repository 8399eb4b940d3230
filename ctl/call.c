/* How shuntctl asks: requests that are waited for, one or several at once. */
#include "ctl/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "common/net/http_client.h"
#include "ctl/out.h"

#define ANSWER_MAX_BYTES ((size_t)1 << 30)
/* A terminal is told what is waited for after so long. */
#define PATIENCE_MS 1000

/* ---- one and all --------------------------------------------------------- */

struct flight {
    struct reply *reply;
    char *url;
    bool done;
};

void
reply_fini(struct reply *r)
{
    js_free(r->json);
    free(r->base);
    *r = (struct reply){0};
}

/* What a refusal says of itself; the status where it says nothing. */
static void
note_refusal(struct reply *r)
{
    const struct json_t *error = js_any(r->json, "error");
    const char *message = js_str(js_any(error, "message"));
    const char *field = js_str(js_any(error, "field"));
    if (!message)
        (void)err_set(&r->err, ERR_UNAVAILABLE, "%s answered status %d",
                      r->base, r->status);
    else if (field && *field && !strstr(message, field))
        (void)err_set(&r->err, ERR_INVALID, "%s: %s", field, message);
    else
        (void)err_set(&r->err, ERR_INVALID, "%s", message);
}

static void
on_done(const struct http_answer *a, void *arg)
{
    struct flight *f = arg;
    struct reply *r = f->reply;
    struct err why = {0};
    f->done = true;
    if (a->error) {
        r->unsent = a->unsent;
        (void)err_set(&r->err, a->error, "%s", a->text);
        return;
    }
    r->status = a->status;
    const int rc = js_parse(a->body, a->len, &r->json, &why);
    if (rc && a->status >= 400)
        (void)err_set(&r->err, rc, "%s answered status %d", f->url, a->status);
    else if (rc)
        (void)err_set(&r->err, rc, "%s: the answer is %s", f->url, why.text);
    else if (a->status >= 400)
        note_refusal(r);
}

/* A table of 100,000 rules (20 MB) takes its time to be judged: 1 ms more for
 * each KiB that is sent. */
static int64_t
patience_ms(const struct ctl *ctl, const struct call *call)
{
    const size_t kib = call->body ? strlen(call->body) / 1024 : 0;
    return ctl->conf.timeout_ms + (int64_t)kib;
}

static void
take_off(const struct ctl *ctl, struct http_client *client,
         const struct call *call, struct flight *f)
{
    const struct http_call_conf conf = {
        .method = call->method,
        .url = f->url,
        .body = call->body,
        .timeout_ms = patience_ms(ctl, call),
        .answer_max_bytes = ANSWER_MAX_BYTES,
        .on_done = on_done,
        .arg = f,
    };
    if (http_call_start(client, &conf, NULL, &f->reply->err) == 0)
        return;
    f->done = f->reply->unsent = true;
}

static size_t
still_out(const struct flight *f, size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++)
        out += !f[i].done;
    return out;
}

/* Tells a person what takes so long. */
static void
say_waiting(const struct flight *f, size_t n, bool *said)
{
    if (!isatty(STDERR_FILENO))
        return;
    for (size_t i = 0; i < n && !*said; i++)
        if (!f[i].done) {
            (void)fprintf(stderr, "waiting for %s ...\r", f[i].reply->base);
            *said = true;
        }
}

static void
land_all(struct http_client *client, struct flight *f, size_t n)
{
    const int64_t start_ms = clock_mono_ms();
    bool said = false;
    while (still_out(f, n) > 0) {
        http_client_poll(client, 200);
        if (clock_mono_ms() - start_ms >= PATIENCE_MS)
            say_waiting(f, n, &said);
    }
    if (said)
        (void)fputs("\033[K", stderr);
}

void
call_all(const struct ctl *ctl, const struct strlist *bases,
         const struct call *call, struct reply *out)
{
    struct http_client *client = NULL;
    struct err err = {0};
    struct flight *flights = xcalloc(bases->n + 1, sizeof(*flights));
    const int rc = http_client_new(&client, &err);
    for (size_t i = 0; i < bases->n; i++) {
        struct flight *f = &flights[i];
        out[i] =
            (struct reply){.base = xstrdup(bases->v[i]), .unsent = rc != 0};
        out[i].err = err;
        f->reply = &out[i];
        f->url = xasprintf("%s%s", bases->v[i], call->path);
        if (!rc)
            take_off(ctl, client, call, f);
    }
    if (!rc)
        land_all(client, flights, bases->n);
    http_client_free(client);
    for (size_t i = 0; i < bases->n; i++)
        free(flights[i].url);
    free(flights);
}

void
call_one(const struct ctl *ctl, const char *base, const struct call *call,
         struct reply *out)
{
    char *one[] = {(char *)(uintptr_t)base}; /* only lent */
    const struct strlist bases = {one, 1};
    call_all(ctl, &bases, call, out);
}

/* ---- the first that answers ---------------------------------------------- */

int
call_say_refused(const struct ctl *ctl, const struct reply *r)
{
    if (ctl->conf.json && r->json)
        out_json(r->json);
    (void)fprintf(stderr, "shuntctl: %s\n", r->err.text);
    return r->status == 409 ? CTL_CONFLICT : CTL_FAILED;
}

/* The answer may have been lost on its way back, or ZooKeeper's to the
 * server (504). */
static int
say_unknown(const struct ctl *ctl, const struct reply *r)
{
    (void)fprintf(
        stderr,
        "shuntctl: %s\nIt is not known whether the change was made.  "
        "`shuntctl history --limit 5` shows whether there is one by %s; only "
        "if not, try again.\n",
        r->err.text, ctl->conf.author);
    return CTL_UNKNOWN;
}

/* Another server may do better, and asking it can do no harm. */
static bool
may_go_on(const struct call *call, const struct reply *r)
{
    if (r->status)
        return r->status == 503;
    return call->kind == CALL_READ || r->unsent;
}

static int
say_failed(const struct ctl *ctl, const char *bases, const struct reply *r)
{
    if (r->status)
        return call_say_refused(ctl, r);
    (void)fprintf(stderr,
                  "shuntctl: nothing answered at %s: %s\nIs the service "
                  "running there? --route.service, SHUNT_ROUTE_SERVICE and "
                  "--mapper name other ones.\n",
                  bases, r->err.text);
    return CTL_UNREACHABLE;
}

/* One server's reply, judged. */
static int
judge(const struct ctl *ctl, const struct call *call, const char *bases,
      const struct reply *r)
{
    if (r->status && r->status < 400 && r->json)
        return CTL_OK;
    if (r->status == 404 && call->may_lack)
        return CTL_OK;
    const bool lost = r->status ? r->status == 504 : !r->unsent;
    if (call->kind == CALL_CHANGE && lost)
        return say_unknown(ctl, r);
    return say_failed(ctl, bases, r);
}

/* Of two replies that are none, the one to tell: one that came beats one that
 * did not. */
static void
keep_better(struct reply *kept, struct reply *fresh)
{
    const bool worse = kept->status && !fresh->status;
    reply_fini(worse ? fresh : kept);
    if (!worse)
        *kept = *fresh;
}

int
call_any(const struct ctl *ctl, const char *bases, const struct call *call,
         struct reply *out)
{
    struct strlist urls = {0};
    *out = (struct reply){.err = {.text = "no URL given"}, .unsent = true};
    if (strlist_split(&urls, bases, ",") != 0)
        abort(); /* out of memory */
    for (size_t i = 0; i < urls.n; i++) {
        struct reply fresh;
        call_one(ctl, urls.v[i], call, &fresh);
        if (may_go_on(call, &fresh)) {
            keep_better(out, &fresh);
            continue;
        }
        reply_fini(out);
        *out = fresh;
        break;
    }
    strlist_fini(&urls);
    return judge(ctl, call, bases, out);
}

static int
answer_of(const struct ctl *ctl, const struct call *call,
          struct json_t **answer)
{
    struct reply r;
    const int rc = call_any(ctl, ctl->conf.route_service, call, &r);
    *answer = rc ? NULL : js_ref(r.json);
    reply_fini(&r);
    return rc;
}

int
ctl_get(const struct ctl *ctl, const char *path, struct json_t **answer)
{
    const struct call call = {CALL_READ, "GET", path, NULL, false};
    return answer_of(ctl, &call, answer);
}

int
ctl_ask_take(const struct ctl *ctl, const char *path, struct json_t *body,
             struct json_t **answer)
{
    char *text = js_dump(body);
    const struct call call = {CALL_READ, "POST", path, text, false};
    const int rc = answer_of(ctl, &call, answer);
    free(text);
    js_free(body);
    return rc;
}
