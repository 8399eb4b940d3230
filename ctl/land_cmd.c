/*
 * land GROUP: mapped positions become the group's commits on the other
 * cluster.  What would be written is shown before anybody is asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/group.h"
#include "ctl/mapper.h"
#include "ctl/out.h"
#include "ctl/words.h"

/* What a mapper may take: to look, to read records, to write. */
#define PATIENCE_MS 40000

struct landing {
    const struct ctl *ctl;
    const char *group;
    char *url;
    struct json_t *positions, *partitions; /* or NULL */
};

/* ---- words --------------------------------------------------------------- */

static int64_t
count_of(const struct json_t *answer, const char *result)
{
    return out_int(js_any(answer, "results"), result, 0);
}

static const char *
why(const struct json_t *part)
{
    const char *error = js_str(js_any(part, "error"));
    const char *result = out_str(part, "result");
    if (error)
        return error;
    if (strcmp(result, "backwards") == 0)
        return "further already; --backwards sets it back";
    return out_str(part, "reason");
}

static void
print_parts(const struct json_t *answer)
{
    const struct json_t *parts = js_any(answer, "partitions");
    struct out_table t;
    out_table_init(&t, "TOPIC", "PARTITION", "USED", "OFFSET", "TO TOPIC",
                   "WAS", "POSITION", "HIGH", "QUALITY", "RESULT", "WHY", NULL);
    for (size_t i = 0; i < js_len(parts); i++) {
        const struct json_t *p = js_at(parts, i);
        out_table_row(
            &t, out_str(p, "topic"), out_str(p, "partition"),
            out_str(p, "used"), out_str(p, "offset"), out_str(p, "to_topic"),
            out_str(p, "was"), out_str(p, "position"), out_str(p, "high"),
            out_str(p, "quality"), out_str(p, "result"), why(p), NULL);
    }
    out_table_print_fini(&t);
}

static void
print_count(const struct json_t *answer, const char *result, const char *words,
            enum out_color color, bool *any)
{
    const int64_t n = count_of(answer, result);
    if (n == 0)
        return;
    (void)printf("%s%s%lld %s%s", *any ? ", " : "", out_color(color),
                 (long long)n, words, out_color(OUT_PLAIN));
    *any = true;
}

static void
print_summary(const struct json_t *answer, bool dry)
{
    bool any = false;
    (void)printf("%sgroup %s, %s to %s: ", dry ? "(dry run) " : "",
                 out_str(answer, "group"), out_str(answer, "from"),
                 out_str(answer, "to"));
    print_count(answer, "landed", "landed", OUT_GREEN, &any);
    print_count(answer, "would_land", "would be landed", OUT_GREEN, &any);
    print_count(answer, "same", "there already", OUT_PLAIN, &any);
    print_count(answer, "backwards", "would go backwards", OUT_YELLOW, &any);
    print_count(answer, "unmapped", "unmapped", OUT_YELLOW, &any);
    print_count(answer, "failed", "failed", OUT_RED, &any);
    (void)puts(any ? "" : "nothing");
}

/* ---- asking and writing ---------------------------------------------------- */

static char *
body_of(const struct landing *l, bool dry_run)
{
    const struct ctl_conf *c = &l->ctl->conf;
    struct json_t *body = js_object();
    int rc = js_put_str(body, "from", c->from);
    rc |= js_put_str(body, "to", c->to);
    rc |= js_put_bool(body, "dry_run", dry_run);
    rc |= js_put_bool(body, "backwards", c->backwards);
    rc |= js_put_bool(body, "verify", !c->unverified);
    rc |= js_put_int(body, "wait_ms", c->arrival_ms);
    if (l->positions)
        rc |= js_put_take(body, "positions", js_ref(l->positions));
    if (l->partitions)
        rc |= js_put_take(body, "partitions", js_ref(l->partitions));
    must(rc);
    char *text = must_have(js_dump(body));
    js_free(body);
    return text;
}

/* It may be sent again: what stands there already stays. */
static int
post(const struct landing *l, bool dry_run, struct json_t **answer)
{
    struct ctl patient = *l->ctl;
    struct reply r;
    patient.conf.timeout_ms += PATIENCE_MS + l->ctl->conf.arrival_ms;
    char *path = words_path("/v1/groups/", l->group, "/land");
    char *body = body_of(l, dry_run);
    const struct call call = {CALL_READ, "POST", path, body, false};
    const int rc = call_any(&patient, l->url, &call, &r);
    *answer = rc ? NULL : js_ref(r.json);
    reply_fini(&r);
    free(body);
    free(path);
    return rc;
}

/* Everything that was meant stands there, or would. */
static int
outcome(const struct json_t *answer)
{
    return count_of(answer, "failed") || count_of(answer, "unmapped") ||
                   count_of(answer, "backwards")
               ? CTL_FAILED
               : CTL_OK;
}

static bool
agreed(const struct json_t *answer)
{
    char line[16];
    const int64_t n = count_of(answer, "would_land");
    (void)printf("write %lld commit%s of group %s on %s? [y/N] ", (long long)n,
                 n == 1 ? "" : "s", out_str(answer, "group"),
                 out_str(answer, "to"));
    (void)fflush(stdout);
    return fgets(line, sizeof(line), stdin) &&
           (line[0] == 'y' || line[0] == 'Y');
}

static int
show(const struct landing *l, const struct json_t *answer, bool dry_run)
{
    if (l->ctl->conf.json) {
        out_json(answer);
    } else {
        print_parts(answer);
        print_summary(answer, dry_run);
    }
    return outcome(answer);
}

static int
write_now(const struct landing *l)
{
    struct json_t *answer;
    int rc = post(l, false, &answer);
    if (rc)
        return rc;
    rc = show(l, answer, false);
    js_free(answer);
    return rc;
}

/* *go_on: there is something to write, and somebody wants it. */
static int
rehearse(const struct landing *l, bool *go_on)
{
    const struct ctl_conf *c = &l->ctl->conf;
    struct json_t *answer;
    *go_on = false;
    int rc = post(l, true, &answer);
    if (rc)
        return rc;
    rc = show(l, answer, true);
    if (!c->dry_run && count_of(answer, "would_land") > 0) {
        *go_on = agreed(answer);
        if (!*go_on) {
            (void)puts("nothing was written");
            rc = CTL_FAILED;
        }
    }
    js_free(answer);
    return rc;
}

static int
run(const struct landing *l)
{
    const struct ctl_conf *c = &l->ctl->conf;
    bool go_on = true;
    int rc = CTL_OK;
    if (!c->dry_run && !c->yes && (c->json || !isatty(STDIN_FILENO)))
        return ctl_usage("land: nobody can be asked here: --yes writes "
                         "without a question, --dry-run does not write");
    if (c->dry_run || !c->yes)
        rc = rehearse(l, &go_on);
    return go_on ? write_now(l) : rc;
}

int
group_land_take(const struct ctl *ctl, const char *group,
                struct json_t *positions, struct json_t *partitions)
{
    struct landing l = {.ctl = ctl,
                        .group = group,
                        .positions = positions,
                        .partitions = partitions};
    int rc = mapper_url(ctl, ctl->conf.from, ctl->conf.to, &l.url);
    if (rc == CTL_OK)
        rc = run(&l);
    free(l.url);
    js_free(positions);
    js_free(partitions);
    return rc;
}

/* TOPIC or TOPIC:PARTITION. */
static int
add_pick(struct json_t *list, const char *word, struct err *err)
{
    const char *colon = strrchr(word, ':');
    int64_t partition = -1;
    if (colon && !str_to_i64(colon + 1, 0, INT32_MAX, &partition))
        return err_field(err, ERR_INVALID, "partition", word,
                         "\"%s\" is neither TOPIC nor TOPIC:PARTITION", word);
    char *topic =
        colon ? xasprintf("%.*s", (int)(colon - word), word) : xstrdup(word);
    struct json_t *v = js_object();
    int rc = js_put_str(v, "topic", topic);
    if (colon)
        rc |= js_put_int(v, "partition", partition);
    must(rc | js_add_take(list, v));
    free(topic);
    return 0;
}

int
ctl_land(struct ctl *ctl)
{
    struct err err;
    if (ctl->argc < 1 || !ctl->conf.from || !ctl->conf.to)
        return ctl_usage("land GROUP [TOPIC[:PARTITION]...] --from CLUSTER "
                         "--to CLUSTER");
    struct json_t *picks = ctl->argc > 1 ? js_array() : NULL;
    for (int i = 1; i < ctl->argc; i++)
        if (add_pick(picks, ctl->argv[i], &err)) {
            js_free(picks);
            return ctl_usage("land: %s", err.text);
        }
    return group_land_take(ctl, ctl->argv[0], NULL, picks);
}
