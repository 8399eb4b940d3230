/* watch: a client's route as it is pushed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "common/net/http_client.h"
#include "ctl/ask.h"
#include "ctl/out.h"

#define WATCH_SILENCE_MS 60000
#define WATCH_ANSWER_MAX ((size_t)1 << 24)
#define PAUSE_MS         200 /* before the next server */

struct watching {
    const struct ctl *ctl;
    bool done;  /* this stream */
    bool heard; /* something came on it */
    int exit_code;
};

static void
on_watch_event(const struct sse_event *e, void *arg)
{
    struct watching *w = arg;
    struct json_t *data = NULL;
    struct err err;
    w->heard = true;
    if (w->ctl->conf.json) {
        (void)printf("{\"event\":\"%s\",\"data\":%s}\n", e->event, e->data);
    } else if (strcmp(e->event, "route") != 0) {
        (void)printf("%s %s\n", e->event, e->data);
    } else if (js_parse(e->data, strlen(e->data), &data, &err) != 0) {
        (void)fprintf(stderr, "shuntctl: event %s: %s\n", e->id, err.text);
    } else {
        (void)printf("%srevision %s%s\n", out_color(OUT_GREEN), e->id,
                     out_color(OUT_PLAIN));
        ask_print_answer(data);
        js_free(data);
    }
    (void)fflush(stdout);
}

static void
on_watch_done(const struct http_answer *a, void *arg)
{
    struct watching *w = arg;
    w->done = true;
    w->exit_code = a->error ? CTL_UNREACHABLE : CTL_FAILED;
    if (a->error)
        (void)fprintf(stderr, "shuntctl: %s\n", a->text);
    else if (a->status != 200)
        (void)fprintf(stderr, "shuntctl: status %d: %s\n", a->status, a->body);
    else
        (void)fprintf(stderr, "shuntctl: the server ended the stream\n");
}

/* The administrator's terminal is a client as well and says so.  An instance
 * has one stream: each terminal needs a name of its own. */
static int
put_self(struct json_t *body)
{
    char host[256] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || !*host)
        (void)strcpy(host, "-");
    char *instance = xasprintf("%s-%s-%ld", CTL_NAME, host, (long)getpid());
    struct json_t *self = js_object();
    int rc = js_put_str(self, "instance", instance);
    rc |= js_put_str(self, "name", CTL_NAME);
    rc |= js_put_str(self, "version", SHUNT_VERSION);
    rc |= js_put_str(self, "host", host);
    rc |= js_put_int(self, "pid", getpid());
    free(instance);
    return js_put_take(body, "client", self) | rc;
}

/* One stream, until it ends. */
static void
watch_one(struct http_client *client, struct watching *w, const char *base,
          const char *body)
{
    char *url = xasprintf("%s/v1/watch", base);
    struct err err;
    const struct http_call_conf conf = {.method = "POST",
                                        .url = url,
                                        .body = body,
                                        .timeout_ms = w->ctl->conf.timeout_ms,
                                        .silence_ms = WATCH_SILENCE_MS,
                                        .answer_max_bytes = WATCH_ANSWER_MAX,
                                        .on_done = on_watch_done,
                                        .on_event = on_watch_event,
                                        .arg = w};
    w->done = w->heard = false;
    if (http_call_start(client, &conf, NULL, &err) != 0) {
        w->exit_code = ctl_fail(&err);
        w->done = true;
    }
    while (!w->done)
        http_client_poll(client, 1000);
    free(url);
}

/* One server after another, until none of them says anything. */
static int
watch_all(struct http_client *client, const struct ctl *ctl, const char *body)
{
    struct watching w = {.ctl = ctl, .exit_code = CTL_USAGE};
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    struct strlist urls = {0};
    if (strlist_split(&urls, ctl->conf.route_service, ",") != 0)
        abort(); /* out of memory */
    size_t silent = 0;
    for (size_t i = 0; silent < urls.n; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        watch_one(client, &w, urls.v[i % urls.n], body);
        silent = w.heard ? 0 : silent + 1;
    }
    strlist_fini(&urls);
    return w.exit_code;
}

int
ctl_watch(struct ctl *ctl)
{
    struct json_t *body = ask_identity(ctl, "watch");
    if (!body)
        return CTL_USAGE;
    struct http_client *client;
    struct err err;
    if (put_self(body) != 0)
        abort(); /* out of memory */
    if (http_client_new(&client, &err) != 0) {
        js_free(body);
        return ctl_fail(&err);
    }
    char *text = js_dump(body);
    const int rc = watch_all(client, ctl, text);
    http_client_free(client);
    free(text);
    js_free(body);
    return rc;
}
