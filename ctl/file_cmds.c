/* export, apply: the whole table as a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/change.h"
#include "ctl/diff.h"
#include "ctl/out.h"
#include "ctl/table_file.h"

static int
write_out(const struct ctl *ctl, const char *text)
{
    struct err err;
    const char *to = ctl->conf.output;
    if (!to || strcmp(to, "-") == 0) {
        if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
            return CTL_OK;
        (void)fprintf(stderr, "shuntctl: cannot write the table to standard "
                              "output\n");
        return CTL_FAILED;
    }
    return file_replace(to, text, strlen(text), &err) == 0 ? CTL_OK
                                                           : ctl_fail(&err);
}

static char *
table_path(int64_t revision)
{
    return revision > 0
               ? xasprintf("/v1/table?revision=%lld", (long long)revision)
               : xstrdup("/v1/table");
}

int
ctl_export(struct ctl *ctl)
{
    struct json_t *table = NULL;
    if (ctl->argc != 0)
        return ctl_usage("export [-o FILE]");
    char *path = table_path(ctl->conf.revision);
    int rc = ctl_get(ctl, path, &table);
    free(path);
    if (rc)
        return rc;
    char *text = table_file_text(table);
    rc = write_out(ctl, text);
    if (!rc && ctl->conf.output && !ctl->conf.json)
        (void)fprintf(
            stderr, "revision %s: %zu clusters, %zu flows, %zu rules\n",
            out_str(table, "revision"), js_len(js_any(table, "clusters")),
            js_len(js_any(table, "flows")), js_len(js_any(table, "rules")));
    free(text);
    js_free(table);
    return rc;
}

/* What goes away is said before it does.  *differs: there is something to
 * do. */
static int
announce(const struct ctl *ctl, struct change *c, bool *differs)
{
    struct json_t *answer = NULL;
    char counts[96];
    const int rc = change_try(ctl, c, &answer);
    if (rc)
        return rc;
    c->expect_revision = out_int(answer, "revision", -1);
    const struct json_t *changed = js_any(answer, "changed");
    *differs = !changed || js_len(changed) > 0; /* not told: an older one */
    diff_words(changed, counts, sizeof(counts));
    if (!ctl->conf.json) {
        (void)printf("%s against revision %lld: %s\n", ctl->conf.file,
                     (long long)c->expect_revision, counts);
        change_print_deleted(changed);
    }
    js_free(answer);
    return CTL_OK;
}

int
ctl_apply(struct ctl *ctl)
{
    struct err err;
    if (ctl->argc != 0 || !ctl->conf.file)
        return ctl_usage("apply -f FILE [--dry-run]");
    char *what = xasprintf("apply %s", ctl->conf.file);
    struct change c = {.kind = "table",
                       .expect_revision = -1,
                       .what = what,
                       .show_diff = ctl->conf.dry_run};
    int rc = table_file_read(ctl->conf.file, &c.value, &err);
    bool differs = true;
    if (rc)
        rc = ctl_fail(&err);
    else if (!ctl->conf.dry_run)
        rc = announce(ctl, &c, &differs);
    /* With --json the service's answer is printed, also to nothing. */
    if (!rc && (differs || ctl->conf.json))
        rc = change_run_take(ctl, &c);
    else
        js_free(c.value);
    free(what);
    return rc;
}
