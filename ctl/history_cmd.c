/* history: the changes of the table; diff: between two revisions, or between
 * the table and a file; restore: back to a revision. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/change.h"
#include "ctl/diff.h"
#include "ctl/out.h"
#include "ctl/table_file.h"
#include "ctl/words.h"

static bool
is_revision(const char *word, int64_t *revision)
{
    return str_to_i64(word, 0, INT64_MAX, revision);
}

static char *
with_number(char *path, const char *key, int64_t value)
{
    char *number = xasprintf("%lld", (long long)value);
    char *result = words_query_take(path, key, number);
    free(number);
    return result;
}

/* `to` -1: the newest. */
static int
fetch_diff(const struct ctl *ctl, int64_t from, int64_t to,
           struct json_t **answer)
{
    char *path = with_number(xstrdup("/v1/diff"), "from", from);
    if (to >= 0)
        path = with_number(path, "to", to);
    const int rc = ctl_get(ctl, path, answer);
    free(path);
    return rc;
}

/* ---- history ------------------------------------------------------------- */

static void
print_history(const struct json_t *answer)
{
    const struct json_t *changes = js_any(answer, "changes");
    struct out_table t;
    out_table_init(&t, "REVISION", "TIME", "AUTHOR", "COMMENT", "OPERATIONS",
                   NULL);
    for (size_t i = 0; i < js_len(changes); i++) {
        const struct json_t *c = js_at(changes, i);
        char count[24];
        (void)snprintf(count, sizeof(count), "%zu",
                       js_len(js_any(c, "operations")));
        out_table_row(&t, out_str(c, "revision"),
                      out_time(out_int(c, "time", 0)), out_str(c, "author"),
                      out_str(c, "comment"), count, NULL);
    }
    out_table_print_fini(&t);
}

/* Where the next page begins. */
static void
print_older(const struct ctl *ctl, const struct json_t *answer)
{
    const struct json_t *changes = js_any(answer, "changes");
    const size_t n = js_len(changes);
    const int64_t last = n ? out_int(js_at(changes, n - 1), "revision", 0) : 0;
    if ((int64_t)n == ctl->conf.limit && last > 1)
        (void)printf("older ones: shuntctl history --before %lld\n",
                     (long long)last);
}

static char *
history_path(int64_t limit, int64_t before)
{
    char *path = with_number(xstrdup("/v1/history"), "limit", limit);
    return before > 0 ? with_number(path, "before", before) : path;
}

static int
list(const struct ctl *ctl)
{
    struct json_t *answer = NULL;
    char *path = history_path(ctl->conf.limit, ctl->conf.before);
    const int rc = ctl_get(ctl, path, &answer);
    free(path);
    if (rc)
        return rc;
    if (ctl->conf.json) {
        out_json(answer);
    } else {
        print_history(answer);
        print_older(ctl, answer);
    }
    js_free(answer);
    return CTL_OK;
}

static int
no_such_change(int64_t revision)
{
    (void)fprintf(stderr,
                  "shuntctl: there is no change %lld, or it is kept no more; "
                  "`shuntctl history` lists those that are\n",
                  (long long)revision);
    return CTL_FAILED;
}

/* Its diff is asked for as well: operations alone do not tell what was there
 * before. */
static int
show_change(const struct ctl *ctl, const struct json_t *change,
            int64_t revision)
{
    struct json_t *diff = NULL;
    if (ctl->conf.json) {
        out_json(change);
        return CTL_OK;
    }
    (void)printf("%srevision %lld%s  %s  %s\n%s\n", out_color(OUT_BOLD),
                 (long long)revision, out_color(OUT_PLAIN),
                 out_time(out_int(change, "time", 0)),
                 out_str(change, "author"), out_str(change, "comment"));
    const int rc = fetch_diff(ctl, revision - 1, revision, &diff);
    if (rc == CTL_OK)
        change_print_diff(js_any(diff, "changed"));
    else
        out_json(js_any(change, "operations"));
    js_free(diff);
    return CTL_OK;
}

static int
show(const struct ctl *ctl, int64_t revision)
{
    struct json_t *answer = NULL;
    char *path = history_path(1, revision + 1);
    int rc = ctl_get(ctl, path, &answer);
    free(path);
    if (rc)
        return rc;
    const struct json_t *change = js_at(js_any(answer, "changes"), 0);
    if (out_int(change, "revision", -1) != revision)
        rc = no_such_change(revision);
    else
        rc = show_change(ctl, change, revision);
    js_free(answer);
    return rc;
}

int
ctl_history(struct ctl *ctl)
{
    int64_t revision;
    if (ctl->argc == 0)
        return list(ctl);
    if (ctl->argc == 2 && strcmp(ctl->argv[0], "show") == 0 &&
        is_revision(ctl->argv[1], &revision))
        return show(ctl, revision);
    return ctl_usage("history [--limit N] [--before REVISION], or history show "
                     "REVISION");
}

/* ---- diff ---------------------------------------------------------------- */

/* As diff(1): 1 says that there is a difference, 2 that there was trouble. */
static int
tell_difference(const struct ctl *ctl, const struct json_t *answer)
{
    const struct json_t *changed = js_any(answer, "changed");
    if (!changed) {
        (void)fputs("shuntctl: the service does not say what would change; is "
                    "it an older version?\n",
                    stderr);
        return CTL_USAGE;
    }
    if (ctl->conf.json)
        out_json(answer);
    else
        change_print_diff(changed);
    return js_len(changed) > 0 ? CTL_DIFFERS : CTL_OK;
}

static int
diff_trouble(int rc)
{
    return rc == CTL_FAILED ? CTL_USAGE : rc;
}

static int
diff_revisions(const struct ctl *ctl, int64_t from, int64_t to)
{
    struct json_t *answer = NULL;
    int rc = fetch_diff(ctl, from, to, &answer);
    rc = rc ? diff_trouble(rc) : tell_difference(ctl, answer);
    js_free(answer);
    return rc;
}

static int
diff_file(struct ctl *ctl)
{
    struct json_t *answer = NULL;
    struct change c = {.kind = "table", .expect_revision = -1, .what = "diff"};
    struct err err;
    if (table_file_read(ctl->conf.file, &c.value, &err) != 0)
        return ctl_usage("diff: %s", err.text);
    int rc = change_try(ctl, &c, &answer);
    rc = rc ? diff_trouble(rc) : tell_difference(ctl, answer);
    js_free(c.value);
    js_free(answer);
    return rc;
}

int
ctl_diff(struct ctl *ctl)
{
    int64_t from, to = -1;
    const int n = ctl->argc;
    if (n == 0 && ctl->conf.file)
        return diff_file(ctl);
    if ((n == 1 || n == 2) && !ctl->conf.file &&
        is_revision(ctl->argv[0], &from) &&
        (n == 1 || is_revision(ctl->argv[1], &to)))
        return diff_revisions(ctl, from, to);
    return ctl_usage("diff -f FILE, or diff REVISION [REVISION]");
}

/* ---- restore ------------------------------------------------------------- */

static struct json_t *
number(int64_t n)
{
    char text[24];
    struct json_t *v = NULL;
    const int len = snprintf(text, sizeof(text), "%lld", (long long)n);
    if (js_parse(text, (size_t)len, &v, NULL) != 0)
        abort(); /* out of memory */
    return v;
}

int
ctl_restore(struct ctl *ctl)
{
    int64_t revision;
    if (ctl->argc != 1 || !is_revision(ctl->argv[0], &revision))
        return ctl_usage("restore REVISION [--dry-run]");
    char *what = xasprintf("restore revision %lld", (long long)revision);
    struct change c = {.kind = "restore",
                       .value = number(revision),
                       .expect_revision = -1,
                       .what = what,
                       .show_diff = true};
    const int rc = change_run_take(ctl, &c);
    free(what);
    return rc;
}
