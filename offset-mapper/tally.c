/* Pure, but for the memory. */
#include "offset-mapper/tally.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"

int64_t
tally_disagreements(const struct verify_tally *t)
{
    return t->by_verdict[JUDGE_PAST] + t->by_verdict[JUDGE_LOW] +
           t->by_verdict[JUDGE_OUTSIDE] + t->by_verdict[JUDGE_MISSING];
}

double
tally_exact_share(const struct verify_tally *t)
{
    const int64_t n = t->samples - t->empty - t->unread;
    return n > 0 ? (double)t->exact_right / (double)n : -1;
}

static void
wrong_fini(struct verify_wrong *w)
{
    free(w->topic);
    free(w->to_topic);
}

void
tally_keep_wrong(struct verify_tally *t, const struct verify_wrong *w)
{
    if (t->n_wrong == VERIFY_KEPT) {
        wrong_fini(&t->wrong[0]);
        memmove(&t->wrong[0], &t->wrong[1],
                (VERIFY_KEPT - 1) * sizeof(t->wrong[0]));
        t->n_wrong--;
    }
    struct verify_wrong *to = &t->wrong[t->n_wrong++];
    *to = *w;
    to->topic = xstrdup(w->topic);
    to->to_topic = xstrdup(w->to_topic);
}

void
tally_fini(struct verify_tally *t)
{
    for (size_t i = 0; i < t->n_wrong; i++)
        wrong_fini(&t->wrong[i]);
    t->n_wrong = 0;
}

/* What it means, and what to do. */
static const char *
consequence(enum judge_verdict v)
{
    switch (v) {
    case JUDGE_PAST:
        return "whoever starts there SKIPS records; do not move groups by this "
               "flow's answers, and report it";
    case JUDGE_LOW:
        return "records are read again although none was announced";
    case JUDGE_OUTSIDE:
        return "more records are read again than announced";
    case JUDGE_MISSING:
        return "none of the records around it is there: they are changed on "
               "their way, or the answer leads to another place";
    case JUDGE_RIGHT:
    case JUDGE_UNDECIDED:
    case JUDGE_VERDICTS:
        break;
    }
    return "";
}

char *
tally_wrong_words(const struct verify_wrong *w)
{
    char *right =
        w->judged.right_low < 0
            ? xstrdup("what is right is not known")
            : xasprintf("right is %lld to %lld", (long long)w->judged.right_low,
                        (long long)w->judged.right_high);
    char *words = xasprintf(
        "WRONG ANSWER (%s): %s [%d] offset %lld: %s %lld of %s (%lld to %lld); "
        "by content, %s; %s",
        judge_verdict_text(w->judged.verdict), w->topic, w->partition,
        (long long)w->offset, po_quality_text(w->quality),
        (long long)w->position, w->to_topic, (long long)w->low,
        (long long)w->high, right, consequence(w->judged.verdict));
    free(right);
    return words;
}

static struct json_t *
unless_failed(struct json_t *v, int rc)
{
    if (rc == 0)
        return v;
    js_free(v);
    return NULL;
}

static struct json_t *
wrong_encode(const struct verify_wrong *w)
{
    struct json_t *v = js_object();
    char *words = tally_wrong_words(w);
    const int rc =
        js_put_str(v, "topic", w->topic) |
        js_put_int(v, "partition", w->partition) |
        js_put_int(v, "offset", w->offset) |
        js_put_str(v, "verdict", judge_verdict_text(w->judged.verdict)) |
        js_put_str(v, "quality", po_quality_text(w->quality)) |
        js_put_str(v, "to_topic", w->to_topic) |
        js_put_int(v, "position", w->position) | js_put_int(v, "low", w->low) |
        js_put_int(v, "high", w->high) |
        js_put_int(v, "right_low", w->judged.right_low) |
        js_put_int(v, "right_high", w->judged.right_high) |
        js_put_int(v, "found_ms", w->found_ms) |
        js_put_str(v, "message", words);
    free(words);
    return unless_failed(v, rc);
}

static struct json_t *
counts_encode(const int64_t *counts, int n, const char *(*name)(int i))
{
    struct json_t *v = js_object();
    int rc = 0;
    for (int i = 0; i < n; i++)
        rc |= js_put_int(v, name(i), counts[i]);
    return unless_failed(v, rc);
}

static const char *
quality_name(int i)
{
    return po_quality_text((enum po_quality)i);
}

static const char *
verdict_name(int i)
{
    return judge_verdict_text((enum judge_verdict)i);
}

struct json_t *
tally_encode(const struct verify_tally *t, const char *flow)
{
    struct json_t *v = js_object(), *wrong = js_array();
    int rc = 0;
    for (size_t i = 0; i < t->n_wrong; i++)
        rc |= js_add_take(wrong, wrong_encode(&t->wrong[i]));
    rc |= js_put_str(v, "flow", flow) | js_put_int(v, "samples", t->samples) |
          js_put_int(v, "empty", t->empty) |
          js_put_int(v, "unread", t->unread) |
          js_put_take(v, "answers",
                      counts_encode(t->by_quality, PO_NONE + 1, quality_name)) |
          js_put_take(
              v, "verdicts",
              counts_encode(t->by_verdict, JUDGE_VERDICTS, verdict_name)) |
          js_put_int(v, "exact_right", t->exact_right) |
          js_put_int(v, "reread", t->reread) |
          js_put_int(v, "disagreements", tally_disagreements(t)) |
          js_put_take(v, "wrong", wrong) |
          (*t->error ? js_put_words(v, "error", t->error)
                     : js_put_null(v, "error"));
    return unless_failed(v, rc);
}
