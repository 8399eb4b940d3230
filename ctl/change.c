/* How change sets are posted, and what is said of their outcome. */
#include "ctl/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/diff.h"
#include "ctl/out.h"
#include "ctl/servers.h"

#define DIFF_MAX_BYTES ((size_t)1 << 30)
#define MOVES_SHOWN    50
#define WARNINGS_SHOWN 20

/* ---- words --------------------------------------------------------------- */

void
change_print_diff(const struct json_t *changed)
{
    const struct diff_colors colors = {out_color(OUT_RED), out_color(OUT_GREEN),
                                       out_color(OUT_PLAIN)};
    struct buf b;
    buf_init(&b, DIFF_MAX_BYTES);
    diff_render(&b, changed, &colors);
    if (b.len > 0)
        (void)fputs(b.data, stdout);
    buf_fini(&b);
}

void
change_print_deleted(const struct json_t *changed)
{
    for (size_t i = 0; i < js_len(changed); i++) {
        const struct json_t *one = js_at(changed, i);
        if (strcmp(out_str(one, "op"), "delete") == 0)
            (void)printf("%sdeletes%s %s %s\n", out_color(OUT_RED),
                         out_color(OUT_PLAIN), out_str(one, "kind"),
                         out_str(one, "key"));
    }
}

static void
print_warnings(const struct json_t *answer)
{
    const struct json_t *warnings = js_any(answer, "warnings");
    const size_t n = js_len(warnings);
    for (size_t i = 0; i < n && i < WARNINGS_SHOWN; i++)
        (void)printf("%swarning:%s %s\n", out_color(OUT_YELLOW),
                     out_color(OUT_PLAIN), js_str(js_at(warnings, i)));
    if (n > WARNINGS_SHOWN)
        (void)printf("... and %zu more warnings; --json has them\n",
                     n - WARNINGS_SHOWN);
}

static void
print_moves(const struct json_t *moves, int64_t total)
{
    struct out_table t;
    out_table_init(&t, "CLIENT", "TOPIC", "FROM", "TO", NULL);
    size_t i = 0;
    for (; i < js_len(moves) && i < MOVES_SHOWN; i++) {
        const struct json_t *m = js_at(moves, i);
        const struct json_t *client = js_any(m, "client");
        out_table_row(&t, out_str(client, "instance"), out_str(m, "topic"),
                      out_str(m, "from"), out_str(m, "to"), NULL);
    }
    out_table_print_fini(&t);
    if (total > (int64_t)i)
        (void)printf("... and %lld more\n", (long long)(total - (int64_t)i));
}

/* "moves" may be cut short; then "moves_total" counts them all. */
static int64_t
total_moves(const struct json_t *answer)
{
    const int64_t listed = (int64_t)js_len(js_any(answer, "moves"));
    return out_int(answer, "moves_total", listed);
}

static void
print_outcome(const struct ctl *ctl, const struct change *c,
              const struct json_t *answer)
{
    const int64_t moves = total_moves(answer);
    /* A dry run has asked them all. */
    const bool of_one =
        !ctl->conf.dry_run && strchr(ctl->conf.route_service, ',');
    (void)printf("%s%s: revision %lld, %lld live client%s%s move%s\n",
                 ctl->conf.dry_run ? "(dry run) " : "", c->what,
                 (long long)c->revision, (long long)moves,
                 moves == 1 ? "" : "s", of_one ? " of this server" : "",
                 moves == 1 ? "s" : "");
    print_warnings(answer);
    if (c->show_diff && js_any(answer, "changed")) { /* of a dry run */
        char counts[96];
        diff_words(js_any(answer, "changed"), counts, sizeof(counts));
        (void)printf("%s\n", counts);
        change_print_diff(js_any(answer, "changed"));
    }
    if (ctl->conf.dry_run && moves > 0)
        print_moves(js_any(answer, "moves"), moves);
}

/* Somebody else was faster: with what. */
static void
print_meanwhile(const struct ctl *ctl, const struct reply *r)
{
    const struct json_t *error = js_any(r->json, "error");
    const struct json_t *changed = js_any(error, "changed");
    if (r->status != 409 || ctl->conf.json || js_len(changed) == 0)
        return;
    (void)printf("changed meanwhile (revision %s):\n",
                 out_str(error, "revision"));
    change_print_diff(changed);
}

/* ---- posting ------------------------------------------------------------- */

/* `value` stays the caller's. */
static char *
body_of(const struct ctl *ctl, const struct change *c, bool dry_run)
{
    struct json_t *body = js_object();
    int rc = js_put_str(body, "author", ctl->conf.author);
    rc |= js_put_str(body, "comment",
                     ctl->conf.comment ? ctl->conf.comment : c->what);
    rc |= js_put_bool(body, "dry_run", dry_run);
    if (c->expect_revision >= 0)
        rc |= js_put_int(body, "expect_revision", c->expect_revision);
    rc |= js_put_take(body, c->kind, js_ref(c->value));
    char *text = js_dump(body);
    js_free(body);
    if (rc || !text)
        abort(); /* out of memory */
    return text;
}

static char *
move_key(const struct json_t *move)
{
    return xasprintf("%s %s", out_str(js_any(move, "client"), "instance"),
                     out_str(move, "topic"));
}

static bool
first_is_good(const struct json_t *kept, const struct json_t *other)
{
    (void)kept;
    (void)other;
    return false;
}

/* The first answer, with the moves of all. */
static struct json_t *
with_all_moves(const struct reply *replies, size_t n)
{
    const struct merge merge = {"moves", move_key, first_is_good};
    const struct json_t **answers = xcalloc(n + 1, sizeof(*answers));
    struct json_t *first = NULL;
    size_t good = 0;
    int64_t total = 0, listed = 0;
    for (size_t i = 0; i < n; i++) {
        if (replies[i].status != 200)
            continue;
        first = first ? first : replies[i].json;
        answers[good++] = replies[i].json;
        total += total_moves(replies[i].json);
        listed += (int64_t)js_len(js_any(replies[i].json, "moves"));
    }
    struct json_t *moves = servers_merge(&merge, answers, good);
    if (total == listed) /* nothing cut: doubles are known */
        total = (int64_t)js_len(moves);
    struct json_t *all = js_ref(first);
    if (js_put_take(all, "moves", moves) != 0 ||
        js_put_int(all, "moves_total", total) != 0)
        abort(); /* out of memory */
    free(answers);
    return all;
}

static size_t
first_good(const struct reply *replies, size_t n)
{
    size_t i = 0;
    while (i < n && replies[i].status != 200)
        i++;
    return i;
}

/* Of several that did not judge it, one that said why. */
static int
say_no_judgement(const struct ctl *ctl, const struct reply *replies, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (replies[i].status) {
            print_meanwhile(ctl, &replies[i]);
            return call_say_refused(ctl, &replies[i]);
        }
    (void)servers_say_silent(replies, n, "nor from any other");
    return CTL_UNREACHABLE;
}

int
change_try(const struct ctl *ctl, const struct change *c,
           struct json_t **answer)
{
    struct servers s;
    int rc = servers_find(ctl, &s);
    if (rc)
        return rc;
    char *body = body_of(ctl, c, true);
    const struct call call = {CALL_READ, "POST", "/v1/changes", body, false};
    struct reply *replies = xcalloc(s.urls.n + 1, sizeof(*replies));
    call_all(ctl, &s.urls, &call, replies);
    if (first_good(replies, s.urls.n) == s.urls.n) {
        rc = say_no_judgement(ctl, replies, s.urls.n);
    } else {
        *answer = with_all_moves(replies, s.urls.n);
        (void)servers_say_silent(replies, s.urls.n,
                                 "its clients' moves are not listed");
    }
    for (size_t i = 0; i < s.urls.n; i++)
        reply_fini(&replies[i]);
    free(replies);
    free(body);
    servers_fini(&s);
    return rc;
}

static int
post(const struct ctl *ctl, const struct change *c, struct json_t **answer)
{
    char *body = body_of(ctl, c, false);
    const struct call call = {CALL_CHANGE, "POST", "/v1/changes", body, false};
    struct reply r;
    const int rc = call_any(ctl, ctl->conf.route_service, &call, &r);
    if (rc == CTL_CONFLICT)
        print_meanwhile(ctl, &r);
    else if (!rc)
        *answer = js_ref(r.json);
    reply_fini(&r);
    free(body);
    return rc;
}

int
change_run_take(const struct ctl *ctl, struct change *c)
{
    struct json_t *answer = NULL;
    const int rc =
        ctl->conf.dry_run ? change_try(ctl, c, &answer) : post(ctl, c, &answer);
    js_free(c->value);
    c->value = NULL;
    if (rc)
        return rc;
    c->revision = out_int(answer, "revision", 0);
    if (ctl->conf.json)
        out_json(answer);
    else
        print_outcome(ctl, c, answer);
    if (c->moves)
        *c->moves = js_ref(js_any(answer, "moves"));
    js_free(answer);
    return CTL_OK;
}
