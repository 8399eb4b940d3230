#include "route-service/job.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/diff.h"
#include "route-service/limits.h"

#define TOLD_RULES 20
#define TOLD_BYTES 8192

struct job *
job_new(struct committer *k)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->k = k;
    job->change.expect_revision = -1;
    uid_make(job->id);
    return job;
}

/* Back to what it was before it was judged. */
static void
forget(struct job *job)
{
    strlist_fini(&job->warnings);
    touched_fini(&job->touched);
    free(job->changed);
    job->changed = NULL;
    table_unref(job->outcome.before);
    table_unref(job->outcome.table);
    job->outcome = (struct outcome){0};
}

void
job_free(struct job *job)
{
    if (!job)
        return;
    forget(job);
    change_fini(&job->change);
    table_unref(job->past);
    free(job->body);
    free(job);
}

int
job_read(struct job *job)
{
    struct json_t *j = NULL;
    int rc;
    if ((rc = js_parse(job->body, job->len, &j, &job->err)) == 0 &&
        (rc = js_expect_object(j, "", &job->err)) == 0)
        rc = change_decode(j, &job->change, &job->err);
    js_free(j);
    free(job->body);
    job->body = NULL;
    job->read = true;
    return rc;
}

/* A table that grows; what stands in the store was allowed once. */
static int
check_size(const struct table *before, const struct table *after,
           struct err *err)
{
    for (int k = 0; k < KIND_COUNT; k++) {
        const enum kind kind = (enum kind)k;
        const size_t n = table_count(after, kind);
        if (n > LIMIT_OBJECTS && n > table_count(before, kind))
            return err_set(err, ERR_LIMIT,
                           "the table would have %zu %ss; %d are allowed", n,
                           kind_name(kind), LIMIT_OBJECTS);
    }
    return 0;
}

int
job_judge(struct job *job, struct table *head, int64_t now_ms)
{
    struct outcome *o = &job->outcome;
    struct change *c = &job->change;
    forget(job);
    o->head = head->revision;
    o->dry_run = c->dry_run;
    o->before = table_ref(head);
    c->time_ms = now_ms > head->time_ms ? now_ms : head->time_ms;
    int rc = change_resolve(c, head, job->past, &job->err);
    if (rc == 0)
        rc = change_apply(c, head, &o->table, &job->touched, &job->err);
    if (rc == 0)
        rc = check_size(head, o->table, &job->err);
    if (rc)
        return rc;
    c->revision = o->table->revision;
    o->touched = &job->touched;
    change_warnings(c, head, o->table, &job->warnings);
    return 0;
}

char *
job_text(struct job *job)
{
    struct json_t *j = change_encode(&job->change);
    char *text = must_have(js_dump(j));
    js_free(j);
    return text;
}

/* A rule that is in the list twice, as before and as after, is told once. */
static bool
is_told(const struct touched *touched, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(touched->rules[i]->key, touched->rules[n]->key) == 0)
            return true;
    return false;
}

void
job_tell_time(struct job *job)
{
    const struct touched *touched = &job->touched;
    struct buf b;
    buf_init(&b, TOLD_BYTES);
    for (size_t i = 0; i < touched->n && i < TOLD_RULES; i++) {
        const struct item *rule = touched->rules[i];
        const bool over = rule->u.rule.valid_until <= job->change.time_ms;
        if (!is_told(touched, i))
            buf_printf(&b, "%s%s %s", b.len > 0 ? ", " : "", rule->key,
                       over ? "ends" : "begins");
    }
    char *comment = buf_take(&b);
    free(job->change.comment);
    job->change.comment = comment ? comment : xstrdup("");
}

void
job_found(struct job *job, struct table *t)
{
    struct outcome *o = &job->outcome;
    table_unref(o->table);
    o->table = table_ref(t);
    o->committed = true;
}

static void
compare(struct job *job)
{
    struct outcome *o = &job->outcome;
    struct differences d;
    diff_change(&job->change, o->before, o->table, &d);
    o->changed = job->changed = diff_text(&d);
    differences_fini(&d);
}

void
job_conclude(struct job *job, int rc)
{
    struct outcome *o = &job->outcome;
    o->rc = rc;
    o->err = &job->err;
    o->warnings = &job->warnings;
    if (rc == 0 && o->dry_run)
        compare(job);
    if (rc == 0)
        return;
    table_unref(o->table);
    o->table = NULL;
    o->touched = NULL;
    o->committed = false;
}
