/* Change sets: to the writer, and what comes back from it. */
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/api_parts.h"
#include "route-service/change.h"
#include "route-service/moves.h"

/* The answer, which lacks the moves still, and what comes after them. */
struct pending {
    struct later *later;
    struct json_t *answer;
    char *changed; /* NULL: it is not told */
};

/* The object as text, with `changed`, which may be as large as the table and is
 * text already, for its last member; owned by the caller. */
static char *
text_of(struct json_t *taken, const char *changed)
{
    char *text = must_have(js_dump(taken));
    js_free(taken);
    if (!changed)
        return text;
    const size_t len = strlen(text) - 1;
    char *all = xasprintf("%.*s,\"changed\":%s}", (int)len, text, changed);
    free(text);
    return all;
}

static void
refuse_change(struct later *l, const struct outcome *o)
{
    if (o->rc != ERR_CONFLICT || !l->req) {
        later_refuse(l, o->err);
        return;
    }
    struct json_t *e = js_object();
    must(js_put_str(e, "code", err_name(o->rc)));
    must(js_put_words(e, "field", o->err->field));
    must(js_put_words(e, "value", o->err->value));
    must(js_put_words(e, "message", o->err->text));
    must(js_put_int(e, "revision", o->head));
    char *error = text_of(e, o->changed);
    char *text = xasprintf("{\"error\":%s}", error);
    metrics_request(&l->w->metrics, EP_CHANGES, 409);
    http_reply_bytes(l->req, 409, "application/json", text, strlen(text));
    later_drop(l);
    free(error);
    free(text);
}

static struct json_t *
answer_of(const struct outcome *o)
{
    struct json_t *j = js_object();
    must(
        js_put_int(j, "revision", o->committed ? o->table->revision : o->head));
    must(js_put_bool(j, "dry_run", o->dry_run));
    must(js_put_strs(j, "warnings", o->warnings));
    return j;
}

static void
count_change(struct metrics *m, const struct outcome *o)
{
    m->changes_refused += o->rc != 0;
    m->changes_committed += o->committed;
    m->dry_runs += o->rc == 0 && o->dry_run;
}

static void
on_moves(struct json_t *list, size_t total, void *arg)
{
    struct pending *p = arg;
    must(js_put_take(p->answer, "moves", js_ref(list)));
    must(js_put_int(p->answer, "moves_total", (int64_t)total));
    char *text = text_of(p->answer, p->changed);
    later_reply_text(p->later, text, strlen(text));
    free(text);
    free(p->changed);
    free(p);
}

static void
on_outcome(const struct outcome *o, void *arg)
{
    struct later *l = arg;
    count_change(&l->w->metrics, o);
    if (o->rc) {
        refuse_change(l, o);
        return;
    }
    struct pending *p = xcalloc(1, sizeof(*p));
    *p = (struct pending){.later = l, .answer = answer_of(o)};
    if (o->changed)
        p->changed = xstrdup(o->changed);
    moves_gather(l->w, o->before, o->table, o->touched, on_moves, p);
}

void
api_post_changes(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct err err;
    size_t len;
    char *body = must_have(http_req_body_dup(req, &len));
    struct later *l = later_new(w, req, EP_CHANGES);
    if (committer_submit_take(w->service->committer, body, len, w->loop,
                              on_outcome, l, &err) != 0)
        later_refuse(l, &err);
}
