/* See verification.h. */
#include "common/proto/verification.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"

#define TEXT_MAX_BYTES ((size_t)1 << 20)

struct numbers {
    const char *flow;
    int64_t samples, empty, unread, exact_right, reread, disagreements;
};

static int
get_numbers(const struct json_t *j, struct numbers *n, struct err *err)
{
    const struct {
        const char *key;
        int64_t *to;
    } fields[] = {
        {"samples", &n->samples}, {"empty", &n->empty},
        {"unread", &n->unread},   {"exact_right", &n->exact_right},
        {"reread", &n->reread},   {"disagreements", &n->disagreements},
    };
    int rc = js_get_str(j, "", "flow", JS_REQUIRED, &n->flow, err);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && rc == 0; i++)
        rc = js_get_int(j, "", fields[i].key, JS_REQUIRED, 0, INT64_MAX,
                        fields[i].to, err);
    return rc;
}

struct line {
    struct buf *to;
    bool some;
};

static int
put_count(const char *key, struct json_t *value, void *arg)
{
    struct line *l = arg;
    struct json_t *one = js_object();
    int64_t n = 0;
    int rc = js_put_take(one, "n", js_ref(value));
    if (rc == 0)
        rc = js_get_int(one, "", "n", JS_OPTIONAL, 0, INT64_MAX, &n, NULL);
    js_free(one);
    if (rc == 0 && n > 0) {
        buf_printf(l->to, "%s%lld %s", l->some ? ", " : "", (long long)n, key);
        l->some = true;
    }
    return rc;
}

static int
put_counts(struct buf *to, const char *title, const struct json_t *counts)
{
    struct line l = {to, false};
    buf_printf(to, "  %-9s", title);
    const int rc = counts ? js_each(counts, put_count, &l) : 0;
    buf_puts(to, l.some ? "\n" : "-\n");
    return rc;
}

static void
put_wrong(struct buf *to, const struct json_t *j, int64_t disagreements)
{
    const struct json_t *wrong = js_any(j, "wrong");
    for (size_t i = 0; i < js_len(wrong); i++) {
        const char *words = js_str(js_any(js_at(wrong, i), "message"));
        buf_printf(to, "%s\n", words ? words : "WRONG ANSWER");
    }
    if ((int64_t)js_len(wrong) < disagreements)
        buf_printf(to, "... and %lld more: see the mapper's log\n",
                   (long long)(disagreements - (int64_t)js_len(wrong)));
}

static int
write_text(const struct json_t *j, const struct numbers *n, int64_t looked_at,
           struct buf *to)
{
    buf_printf(to,
               "flow %s: %lld random positions, %.2f %% answered exact, "
               "and right\n",
               n->flow, (long long)looked_at,
               looked_at > 0
                   ? 100.0 * (double)n->exact_right / (double)looked_at
                   : 0.0);
    int rc = put_counts(to, "answers", js_any(j, "answers"));
    if (rc == 0)
        rc = put_counts(to, "verdicts", js_any(j, "verdicts"));
    buf_printf(to, "  %-9s%lld would be read again by the right answers\n",
               "records", (long long)n->reread);
    const char *error = js_str(js_any(j, "error"));
    if (n->empty > 0 || n->unread > 0 || error)
        buf_printf(to, "  %-9s%lld of empty partitions, %lld not read%s%s\n",
                   "left out", (long long)n->empty, (long long)n->unread,
                   error ? ": " : "", error ? error : "");
    put_wrong(to, j, n->disagreements);
    if (looked_at == 0)
        buf_puts(to, "nothing could be compared\n");
    else
        buf_printf(to,
                   n->disagreements > 0
                       ? "%lld answers are wrong\n"
                       : "%lld answers are wrong: all agrees\n",
                   (long long)n->disagreements);
    return rc;
}

int
po_verification_read(const struct json_t *answer, struct po_verification *out,
                     struct err *err)
{
    *out = (struct po_verification){0};
    struct numbers n = {0};
    int rc = js_expect_object(answer, "", err);
    if (rc == 0)
        rc = get_numbers(answer, &n, err);
    if (rc)
        return rc;
    struct buf text;
    buf_init(&text, TEXT_MAX_BYTES);
    out->looked_at = n.samples - n.empty - n.unread;
    out->disagreements = n.disagreements;
    rc = write_text(answer, &n, out->looked_at, &text);
    out->text = buf_take(&text);
    buf_fini(&text);
    if (rc == 0 && out->text)
        return 0;
    po_verification_fini(out);
    return rc ? err_set(err, ERR_INVALID, "the answer is no verification")
              : err_nomem(err);
}

void
po_verification_fini(struct po_verification *v)
{
    free(v->text);
    v->text = NULL;
}
