/*
 * Where the final positions of the old cluster are on the new one, asked in at
 * most three rounds.  The first one answers what is known at once; it is
 * repeated while nothing is known of a partition, whose first records may have
 * been written just now.  The second one is only for the positions that it may
 * make exact: those that replication has not reached yet wait for it, and where
 * we have no fingerprint of the last record the mapper reads it itself.  All
 * waiting is only while the old cluster lives, and for catchup_ms.  What the
 * second round does not answer stays as the first one had it.  The third is for
 * what has just arrived.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/track.h"

#define STRANGE_MS 100

/* Nothing of it was ever read: there is no position to translate. */
bool
track_unread(const struct carry *v)
{
    return v->offset <= 0;
}

/* ---- asking -------------------------------------------------------------- */

static int
add_question(struct po_question *q, struct carry *v)
{
    struct po_position *at = &q->positions[q->n];
    at->topic = strdup(v->from->key.topic);
    at->partition = v->from->key.partition;
    at->offset = v->offset;
    if (!at->topic)
        return ERR_NOMEM;
    q->n++;
    const int rc =
        prints_before(&v->from->prints, v->offset, &at->prints, &at->n_prints);
    v->printed = at->n_prints > 0;
    return rc;
}

static int
new_question(struct track *tr)
{
    struct handover *h = &tr->hand;
    struct po_question *q = &h->question;
    po_question_fini(q);
    *q = (struct po_question){
        .from = strdup(tr->cur->cluster),
        .to = strdup(tr->next->cluster),
        .positions = calloc(h->n + 1, sizeof(*q->positions)),
    };
    return q->from && q->to && q->positions ? 0 : ERR_NOMEM;
}

static void
give_up(struct track *tr, const char *why)
{
    track_warn(tr, "%s from cluster %s to %s: %s",
               tr->hand.rounds == 0 ? "no translation"
                                    : "no better translation",
               tr->cur->cluster, tr->next->cluster, why);
}

/* False: nobody is asked. */
static bool
ask(struct track *tr, int64_t timeout_ms)
{
    struct handover *h = &tr->hand;
    struct err err = {0};
    h->asked_ms = clock_mono_ms();
    if (control_ask(tr->e.control, &h->question, h->asked_ms + timeout_ms,
                    &h->asking, &err) == 0)
        return true;
    h->asking = NULL;
    give_up(tr, err.text);
    return false;
}

void
track_translate_begin(struct track *tr)
{
    struct handover *h = &tr->hand;
    int rc = new_question(tr);
    for (size_t i = 0; rc == 0 && i < h->n; i++)
        if (!track_unread(&h->v[i]) && h->question.n < POSITIONS_MAX)
            rc = add_question(&h->question, &h->v[i]);
    if (rc)
        track_warn(tr, "out of memory: some positions are not carried over");
    h->mapped = h->question.n == 0 || !ask(tr, tr->e.mapping_ms);
}

/* ---- the first round once more ------------------------------------------- */

/* What is left of the time to wait for replication. */
static int64_t
time_left_ms(const struct track *tr)
{
    const int64_t end_ms = tr->hand.answered_ms + tr->e.catchup_ms;
    const int64_t left_ms = end_ms - clock_mono_ms();
    return left_ms > 0 ? left_ms : 0;
}

/* True: what is strange is asked for again, in a moment. */
static bool
strange_waits(struct track *tr)
{
    struct handover *h = &tr->hand;
    size_t strange = 0;
    for (size_t i = 0; h->rounds == 0 && i < h->n; i++)
        strange += h->v[i].strange && !h->v[i].mapped.known;
    if (strange == 0 || tr->cur->down || time_left_ms(tr) == 0)
        return false;
    track_phase(tr, "mapped");
    h->again_ms = clock_mono_ms() + STRANGE_MS;
    return true;
}

/* False: nobody is asked. */
static bool
ask_of_strange(struct track *tr)
{
    struct handover *h = &tr->hand;
    int rc = new_question(tr);
    for (size_t i = 0; rc == 0 && i < h->n; i++)
        if (h->v[i].strange && h->question.n < POSITIONS_MAX)
            rc = add_question(&h->question, &h->v[i]);
    return rc == 0 && ask(tr, tr->e.mapping_ms);
}

/* ---- the second round ---------------------------------------------------- */

/* The record before it may be arriving just now: it was looked for too early. */
static bool
inexact(const struct mapped *m)
{
    return m->known && !m->ahead && m->low != m->high;
}

static bool
in_doubt(const struct carry *v)
{
    return v->waited && inexact(&v->mapped);
}

static int64_t
add_ahead(const struct track *tr, struct carry *v, struct po_question *q)
{
    const bool first = tr->hand.rounds == 1;
    const bool waits = first && time_left_ms(tr) > 0 &&
                       (handover_wait(&v->mapped) || inexact(&v->mapped));
    const bool asks = first ? handover_verify(&v->mapped, v->printed) ||
                                  (v->early && !v->printed)
                            : in_doubt(v);
    if (!waits && !asks)
        return 0;
    v->waited = waits;
    q->verify = q->verify || !v->printed;
    q->wait_ms = waits ? time_left_ms(tr) : q->wait_ms;
    return add_question(q, v);
}

/* True: asked once more. */
static bool
ask_again(struct track *tr)
{
    struct handover *h = &tr->hand;
    if (h->rounds++ > 1 || tr->cur->down || new_question(tr) != 0)
        return false;
    for (size_t i = 0; i < h->n; i++)
        if (!track_unread(&h->v[i]) && h->question.n < POSITIONS_MAX &&
            add_ahead(tr, &h->v[i], &h->question) != 0)
            return false;
    return h->question.n > 0 && ask(tr, h->question.wait_ms + tr->e.mapping_ms);
}

/* ---- answers ------------------------------------------------------------- */

static struct carry *
find_carry(struct handover *h, const struct po_position *asked)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].from->key.partition == asked->partition &&
            strcmp(h->v[i].from->key.topic, asked->topic) == 0)
            return &h->v[i];
    return NULL;
}

static void
take_one(struct carry *v, const struct po_translated *t,
         const struct po_position *asked)
{
    const struct mapped m = handover_mapped(t, asked, v->to_topic);
    if (m.known || !v->mapped.known)
        v->mapped = m;
    v->strange = t->quality == PO_NONE;
    v->early = t->quality == PO_BEFORE;
}

static void
take(struct handover *h, const struct po_translation *t)
{
    for (size_t i = 0; i < t->n && i < h->question.n; i++) {
        const struct po_position *asked = &h->question.positions[i];
        struct carry *v = find_carry(h, asked);
        if (v)
            take_one(v, &t->v[i], asked);
    }
}

/* What could not wait any longer is told. */
static void
tell_late(struct track *tr)
{
    const struct handover *h = &tr->hand;
    int64_t coming = 0;
    size_t late = 0;
    for (size_t i = 0; i < h->n; i++) {
        late += handover_wait(&h->v[i].mapped);
        coming += handover_wait(&h->v[i].mapped) ? h->v[i].mapped.coming : 0;
    }
    if (late == 0)
        return;
    metrics_add(tr->e.metrics, METRIC_CATCHUP_TIMEOUTS, (int64_t)late);
    track_warn(tr,
               "replication to cluster %s has not brought %lld records of %zu "
               "partitions within %lld ms: they are read again when they come",
               tr->next->cluster, (long long)coming, late,
               (long long)tr->e.catchup_ms);
}

static void
end_round(struct track *tr)
{
    struct handover *h = &tr->hand;
    const bool waited =
        h->rounds == 0 ? h->again_ms > 0 : h->question.wait_ms > 0;
    track_phase(tr, "mapped");
    if (!waited)
        return;
    const int64_t ms =
        clock_mono_ms() - (h->rounds == 0 ? h->answered_ms : h->asked_ms);
    tr->catchup_ms += ms;
    metrics_add(tr->e.metrics, METRIC_CATCHUP_MS, ms);
    track_phase(tr, "caught-up");
    tell_late(tr);
}

void
track_translate_step(struct track *tr)
{
    struct handover *h = &tr->hand;
    struct po_translation answer = {0};
    struct err err = {0};
    if (h->mapped)
        return;
    if (!h->asking && clock_mono_ms() < h->again_ms)
        return;
    if (!h->asking && !ask_of_strange(tr)) {
        end_round(tr);
        h->mapped = true;
        return;
    }
    const int rc = asking_result(h->asking, &answer, &err);
    if (rc > 0)
        return;
    asking_free(h->asking);
    h->asking = NULL;
    if (h->answered_ms == 0)
        h->answered_ms = clock_mono_ms();
    if (rc == 0)
        take(h, &answer);
    else
        give_up(tr, err.text);
    po_translation_fini(&answer);
    if (rc == 0 && strange_waits(tr))
        return;
    end_round(tr);
    h->mapped = rc < 0 || !ask_again(tr);
}
