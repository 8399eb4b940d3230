/* translate: which offset there is this offset here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "ctl/call.h"
#include "ctl/mapper.h"
#include "ctl/out.h"
#include "ctl/positions.h"

/* What reading records, or asking a dead cluster, may take. */
#define SLOW_MS 10000

static void
must(int rc)
{
    if (rc)
        abort(); /* out of memory */
}

/* ---- the answer ------------------------------------------------------- */

static enum out_color
quality_color(const char *quality)
{
    if (strcmp(quality, "exact") == 0)
        return OUT_GREEN;
    return strcmp(quality, "none") == 0 || strcmp(quality, "before") == 0
               ? OUT_RED
               : OUT_YELLOW;
}

/* "-", "850 ms", "12 s", "3 min", "40 h", "12 d". */
static const char *
age_text(const struct json_t *obj, char *out, size_t size)
{
    const int64_t ms = out_int(obj, "sync_age_ms", -1);
    const int64_t s = ms / 1000;
    if (ms < 0)
        (void)snprintf(out, size, "-");
    else if (ms < 1000)
        (void)snprintf(out, size, "%lld ms", (long long)ms);
    else if (s < 120)
        (void)snprintf(out, size, "%lld s", (long long)s);
    else if (s < 7200)
        (void)snprintf(out, size, "%lld min", (long long)s / 60);
    else if (s < 48 * 3600)
        (void)snprintf(out, size, "%lld h", (long long)s / 3600);
    else
        (void)snprintf(out, size, "%lld d", (long long)s / 86400);
    return out;
}

static void
print_runs(const struct json_t *runs)
{
    for (size_t i = 0; i < js_len(runs); i++) {
        const struct json_t *r = js_at(runs, i);
        const int64_t length = out_int(r, "length", 1);
        (void)printf("       records %lld to %lld stand at %lld to %lld\n",
                     (long long)out_int(r, "up", 0),
                     (long long)(out_int(r, "up", 0) + length - 1),
                     (long long)out_int(r, "down", 0),
                     (long long)(out_int(r, "down", 0) + length - 1));
    }
}

static void
print_hop(size_t number, const struct json_t *h)
{
    char age[32];
    const char *quality = out_str(h, "quality");
    const bool reverse = strcmp(out_str(h, "reverse"), "true") == 0;
    (void)printf("    %zu. %s%s: %s %s%s%s, low %s, high %s\n", number,
                 out_str(h, "flow"), reverse ? " in reverse" : "",
                 out_str(h, "to_topic"), out_color(quality_color(quality)),
                 quality, out_color(OUT_PLAIN), out_str(h, "low"),
                 out_str(h, "high"));
    (void)printf("       %s; incarnation %s, newest sync %s old\n",
                 out_str(h, "reason"), out_str(h, "incarnation"),
                 age_text(h, age, sizeof(age)));
    print_runs(js_any(h, "runs"));
}

static void
print_explained(const struct json_t *p)
{
    const struct json_t *path = js_any(p, "path");
    (void)printf("\n%s%s:%s:%s%s -> %s:%s\n", out_color(OUT_BOLD),
                 out_str(p, "topic"), out_str(p, "partition"),
                 out_str(p, "offset"), out_color(OUT_PLAIN),
                 out_str(p, "to_topic"), out_str(p, "position"));
    if (js_len(path) == 0)
        (void)printf("    %s\n", out_str(p, "reason"));
    for (size_t i = 0; i < js_len(path); i++)
        print_hop(i + 1, js_at(path, i));
}

static void
print_translation(const struct json_t *answer, bool explain)
{
    const struct json_t *positions = js_any(answer, "positions");
    struct out_table t;
    out_table_init(&t, "TOPIC", "PARTITION", "OFFSET", "QUALITY", "TO TOPIC",
                   "POSITION", "LOW", "HIGH", "VERIFIED", "LAG", "SYNC AGE",
                   "REASON", NULL);
    out_table_color(&t, 3, quality_color);
    for (size_t i = 0; i < js_len(positions); i++) {
        char age[32];
        const struct json_t *p = js_at(positions, i);
        const bool verified = strcmp(out_str(p, "verified"), "true") == 0;
        out_table_row(
            &t, out_str(p, "topic"), out_str(p, "partition"),
            out_str(p, "offset"), out_str(p, "quality"), out_str(p, "to_topic"),
            out_str(p, "position"), out_str(p, "low"), out_str(p, "high"),
            verified ? "yes" : "-", out_str(p, "lag"),
            age_text(p, age, sizeof(age)), out_str(p, "reason"), NULL);
    }
    out_table_print_fini(&t);
    for (size_t i = 0; explain && i < js_len(positions); i++)
        print_explained(js_at(positions, i));
}

/* ---- the question ----------------------------------------------------- */

static int
take_positions(const struct ctl *ctl, struct json_t *to, struct err *err)
{
    int64_t ms = -1;
    int rc = 0;
    if (ctl->conf.timestamp)
        rc = positions_time(ctl->conf.timestamp, &ms, err);
    if (rc == 0 && ctl->conf.file)
        rc = positions_file(ctl->conf.file, ms, to, err);
    for (int i = 0; i < ctl->argc && rc == 0; i++)
        rc = positions_word(ctl->argv[i], ms, to, err);
    return rc;
}

/* The body of the request; NULL: the command line is wrong. */
static char *
question(const struct ctl *ctl, struct err *err)
{
    const struct ctl_conf *c = &ctl->conf;
    struct json_t *body = js_object(), *positions = js_array();
    must(js_put_str(body, "from", c->from) | js_put_str(body, "to", c->to));
    const int rc = take_positions(ctl, positions, err);
    if (c->group)
        must(js_put_str(body, "group", c->group));
    else
        must(js_put_take(body, "positions", js_ref(positions)));
    if (c->arrival_ms)
        must(js_put_int(body, "wait_ms", c->arrival_ms));
    if (c->explain)
        must(js_put_bool(body, "explain", true));
    if (c->verify)
        must(js_put_bool(body, "verify", true));
    char *text = rc ? NULL : js_dump(body);
    js_free(positions);
    js_free(body);
    return text;
}

static int
ask(const struct ctl *ctl, const char *urls, const char *body)
{
    const struct call call = {CALL_READ, "POST", "/v1/translate", body, false};
    struct ctl patient = *ctl;
    struct reply r;
    const struct ctl_conf *c = &ctl->conf;
    patient.conf.timeout_ms += c->arrival_ms;
    if (c->arrival_ms || c->verify || c->timestamp || c->group)
        patient.conf.timeout_ms += SLOW_MS;
    const int rc = call_any(&patient, urls, &call, &r);
    if (!rc && ctl->conf.json)
        out_json(r.json);
    else if (!rc)
        print_translation(r.json, c->explain);
    reply_fini(&r);
    return rc;
}

int
ctl_translate(struct ctl *ctl)
{
    const struct ctl_conf *c = &ctl->conf;
    const bool some = ctl->argc > 0 || c->file;
    if (!c->from || !c->to || (c->group ? some || c->timestamp : !some))
        return ctl_usage("translate TOPIC:PARTITION:OFFSET... | -f FILE | "
                         "--group GROUP  --from CLUSTER --to CLUSTER");
    struct err err;
    char *body = question(ctl, &err);
    if (!body)
        return ctl_usage("translate: %s", err.text);
    char *urls;
    int rc = mapper_url(ctl, c->from, c->to, &urls);
    if (!rc)
        rc = ask(ctl, urls, body);
    free(urls);
    free(body);
    return rc;
}
