/*
 * Positions and commits.  Every commit carries the residency that it was made
 * in, so that members of the group can tell it from those of an earlier visit.
 *
 * `landings` are commits that others wait for after a switch.  They are
 * repeated only after a failure was reported, and no longer than members wait:
 * a commit repeated later could undo the progress of whoever started from it.
 * None is sent while the group rebalances: the broker answers it behind the
 * join, in whose generation it is a stranger, librdkafka gives up the
 * assignment for that and joins again, and so on.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/place.h"
#include "sdk/src/consumer/track.h"

#define COMMIT_WAIT_MS   3000
#define LANDING_RETRY_MS 100

int64_t
track_finished(const struct track *tr, const struct part *p)
{
    if (p->state != PART_RUNNING || p->next < 0 || tr->e.store_by_hand)
        return p->finished;
    const int64_t held = inhand_lowest(&tr->c->hands, p->life, clock_mono_ms());
    const int64_t at = held >= 0 ? held : p->next;
    return at > p->finished ? at : p->finished;
}

void
track_freeze(const struct track *tr, struct part *p)
{
    p->finished = track_finished(tr, p);
}

int64_t
track_carry(const struct track *tr, const struct part *p)
{
    if (tr->e.position == SWITCH_DELIVERED && p->next >= 0)
        return p->next;
    if (tr->e.position != SWITCH_COMMITTED)
        return track_finished(tr, p);
    /* Never what is only on its way: it may fail. */
    if (p->acked >= 0)
        return p->acked;
    return p->start >= 0 ? p->start : -1;
}

int64_t
track_delivered_past(const struct part *p, int64_t offset)
{
    const int64_t from = offset > 0 ? offset : 0;
    return p->next > from ? p->next - from : 0;
}

/* Before the application is told: a transaction that it ends then is over. */
static bool
wanted(const struct part *p, const rd_kafka_topic_partition_list_t *only)
{
    if (p->state != PART_RUNNING)
        return false;
    return !only || rd_kafka_topic_partition_list_find(only, p->key.topic,
                                                       p->key.partition);
}

void
track_note_rewind(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    for (const struct part *p = tr->cur->parts; p; p = p->hh.next)
        if (wanted(p, l) && track_owns(tr, p) &&
            track_delivered_past(p, track_carry(tr, p)) > 0)
            tr->c->rewound = tr->rebalance.told;
}

static rd_kafka_topic_partition_list_t *
finished_list(struct track *tr, struct generation *g,
              const rd_kafka_topic_partition_list_t *only)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(8);
    for (struct part *p = g->parts; p; p = p->hh.next) {
        const int64_t at = wanted(p, only) ? track_finished(tr, p) : -1;
        if (at < 0 || at == p->committed)
            continue;
        if (generation_add_commit(g, l, p->key.topic, p->key.partition, at))
            p->committed = at;
    }
    return l;
}

/* The outcome of a commit: what stands, stands; what failed is to be committed
 * again. */
static void
settle_commit(struct generation *g, const rd_kafka_topic_partition_list_t *l,
              bool failed)
{
    for (int i = 0; i < l->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        struct part *p = generation_find(g, t->topic, t->partition);
        if (!p)
            continue;
        if (!failed && !t->err) {
            /* One from before a seek is not where the application is; and one
             * that is told of late, a transaction may have passed. */
            if (t->offset == p->committed ||
                (!p->sought && t->offset > p->acked))
                p->acked = t->offset;
        } else if (p->committed == t->offset)
            p->committed = -1;
    }
}

void
track_commit_finished(struct track *tr)
{
    if (!tr->e.auto_commit)
        return;
    rd_kafka_topic_partition_list_t *l = finished_list(tr, tr->cur, NULL);
    if (l->cnt > 0) {
        const rd_kafka_resp_err_t code = generation_commit(tr->cur, l);
        if (code)
            settle_commit(tr->cur, l, true);
    }
    rd_kafka_topic_partition_list_destroy(l);
}

static rd_kafka_resp_err_t
commit_and_wait(struct track *tr, struct generation *g,
                rd_kafka_topic_partition_list_t *l)
{
    generation_ref(g);
    consumer_unlock(tr->c);
    const rd_kafka_resp_err_t code =
        generation_commit_wait(g, l, COMMIT_WAIT_MS);
    consumer_lock(tr->c);
    generation_unref(g);
    return code;
}

void
track_commit_wait(struct track *tr, struct generation *g,
                  const rd_kafka_topic_partition_list_t *only)
{
    if (!tr->e.auto_commit)
        return;
    rd_kafka_topic_partition_list_t *l = finished_list(tr, g, only);
    const rd_kafka_resp_err_t code =
        l->cnt > 0 ? commit_and_wait(tr, g, l) : RD_KAFKA_RESP_ERR_NO_ERROR;
    settle_commit(g, l, code != 0);
    if (code)
        track_log(tr, LOG_WARNING, "cannot commit on cluster %s: %s",
                  g->cluster, rd_kafka_err2str(code));
    if (l->cnt > 0)
        track_call_commit(tr, code, l);
    rd_kafka_topic_partition_list_destroy(l);
}

/* ---- landings ------------------------------------------------------------ */

void
track_land_reset(struct track *tr)
{
    for (size_t i = 0; i < tr->n_landings; i++)
        free(tr->landings[i].topic);
    free(tr->landings);
    tr->landings = NULL;
    tr->n_landings = 0;
}

void
track_land(struct track *tr, const char *topic, int32_t partition,
           int64_t offset)
{
    struct landing *all =
        reallocarray(tr->landings, tr->n_landings + 1, sizeof(*all));
    char *name = strdup(topic);
    if (all)
        tr->landings = all;
    if (!all || !name) {
        free(name);
        track_log(tr, LOG_WARNING, "cannot commit %s [%d]: out of memory",
                  topic, partition);
        return;
    }
    all[tr->n_landings++] = (struct landing){name, partition, offset, false};
    tr->landing_again_ms = 0;
    tr->landing_end_ms = clock_mono_ms() + tr->e.settle_ms;
}

static void
drop_landing(struct track *tr, struct landing *n)
{
    free(n->topic);
    *n = tr->landings[--tr->n_landings];
}

/* Ours, and committed as far by now. */
static bool
passed(struct track *tr, const struct landing *n)
{
    const struct part *p = generation_find(tr->cur, n->topic, n->partition);
    return p && p->committed >= n->offset;
}

/* A transaction is about to pass it. */
static bool
overtaken(struct track *tr, const struct landing *n)
{
    const struct part *p = generation_find(tr->cur, n->topic, n->partition);
    return p && p->state == PART_RUNNING && consumer_in_txn(tr->c);
}

static void
send_landings(struct track *tr)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(8);
    for (size_t i = tr->n_landings; i-- > 0;) {
        struct landing *n = &tr->landings[i];
        if (n->sent || overtaken(tr, n))
            continue;
        if (passed(tr, n))
            drop_landing(tr, n);
        else
            n->sent = generation_add_commit(tr->cur, l, n->topic, n->partition,
                                            n->offset);
    }
    if (l->cnt > 0 && generation_commit(tr->cur, l) != 0)
        track_on_commit(tr, tr->cur, RD_KAFKA_RESP_ERR__FAIL, l);
    rd_kafka_topic_partition_list_destroy(l);
}

static struct landing *
find_landing(struct track *tr, const rd_kafka_topic_partition_t *t)
{
    for (size_t i = 0; i < tr->n_landings; i++) {
        struct landing *n = &tr->landings[i];
        if (n->sent && n->partition == t->partition && n->offset == t->offset &&
            strcmp(n->topic, t->topic) == 0)
            return n;
    }
    return NULL;
}

void
track_tell_landings(const struct track *tr, const struct generation *g,
                    rd_kafka_topic_partition_list_t *l)
{
    for (size_t i = 0; g == tr->cur && i < tr->n_landings; i++) {
        const struct landing *n = &tr->landings[i];
        rd_kafka_topic_partition_t *t =
            rd_kafka_topic_partition_list_find(l, n->topic, n->partition);
        if (!t || (t->offset >= n->offset &&
                   handover_since(t->metadata, t->metadata_size) == g->since))
            continue;
        t->offset = n->offset;
        t->err = RD_KAFKA_RESP_ERR_NO_ERROR;
        place_metadata_take(t, NULL);
    }
}

/* True: the list was one of landings, nothing for the application. */
static bool
settle_landings(struct track *tr, rd_kafka_resp_err_t code,
                const rd_kafka_topic_partition_list_t *l)
{
    bool any = false;
    for (int i = 0; i < l->cnt; i++) {
        struct landing *n = find_landing(tr, &l->elems[i]);
        if (!n)
            continue;
        any = true;
        if (code || l->elems[i].err) {
            n->sent = false;
            tr->landing_again_ms = clock_mono_ms() + LANDING_RETRY_MS;
            continue;
        }
        drop_landing(tr, n);
    }
    if (any && tr->n_landings == 0)
        track_phase(tr, "committed");
    return any;
}

static void
landing_step(struct track *tr)
{
    const int64_t now = clock_mono_ms();
    if (tr->n_landings == 0 || now < tr->landing_again_ms)
        return;
    if (now >= tr->landing_end_ms) {
        track_log(tr, LOG_WARNING,
                  "gave up committing %zu mapped positions on cluster %s",
                  tr->n_landings, tr->cur->cluster);
        track_land_reset(tr);
        return;
    }
    if (tr->cur->revoked)
        return;
    tr->landing_again_ms = now + LANDING_RETRY_MS;
    send_landings(tr);
}

/* ---- steps and outcomes -------------------------------------------------- */

bool
track_commits_by_time(const struct track *tr)
{
    return tr->e.auto_commit && tr->e.auto_commit_interval_ms > 0;
}

void
track_commit_step(struct track *tr)
{
    const int64_t now = clock_mono_ms();
    if (!tr->cur || tr->cur->stopped || tr->shared)
        return;
    landing_step(tr);
    if (!track_commits_by_time(tr) || now < tr->commit_at_ms)
        return;
    tr->commit_at_ms = now + tr->e.auto_commit_interval_ms;
    track_commit_finished(tr);
}

void
track_on_commit(struct track *tr, struct generation *g,
                rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l)
{
    if (!l)
        return;
    settle_commit(g, l, code != 0);
    if (code && code != RD_KAFKA_RESP_ERR__NO_OFFSET)
        track_log(tr, LOG_WARNING, "commit on cluster %s failed: %s",
                  g->cluster, rd_kafka_err2str(code));
    if (g != tr->cur || settle_landings(tr, code, l))
        return;
    track_call_commit(tr, code, l);
}

/* ---- calls of the application -------------------------------------------- */

static void
count_commit(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        struct part *p = generation_find(tr->cur, t->topic, t->partition);
        if (!p || t->offset < 0)
            continue;
        p->committed = t->offset;
        if (p->finished < t->offset)
            p->finished = t->offset;
    }
}

bool
track_is_strange(const struct track *tr, const struct part *p, int64_t offset)
{
    return tr->cur->previous && p->state != PART_NONE && offset > p->next &&
           offset > p->end;
}

/* One that says where it holds is not. */
static bool
ahead(struct track *tr, const rd_kafka_topic_partition_list_t *given,
      const rd_kafka_topic_partition_list_t *offsets)
{
    for (int i = 0; i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &offsets->elems[i];
        const struct part *p = generation_find(tr->cur, t->topic, t->partition);
        struct place at;
        if (!p || !track_is_strange(tr, p, t->offset))
            continue;
        const bool sure = place_of(&given->elems[i], &at);
        place_fini(&at);
        if (!sure)
            return true;
    }
    return false;
}

/* The residency, and the application's own metadata. */
static rd_kafka_resp_err_t
set_metadata(const struct generation *g, rd_kafka_topic_partition_t *t)
{
    char *text = NULL;
    const int rc =
        place_commit(g->since, t->metadata, t->metadata_size, &text, NULL);
    if (rc != 0)
        return rc == ERR_INVALID ? RD_KAFKA_RESP_ERR__INVALID_ARG
                                 : RD_KAFKA_RESP_ERR__FAIL;
    place_metadata_take(t, text);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void
drop_without_offset(rd_kafka_topic_partition_list_t *l)
{
    for (int i = l->cnt - 1; i >= 0; i--)
        if (l->elems[i].offset < 0)
            (void)rd_kafka_topic_partition_list_del_by_idx(l, i);
}

/* `given` as it will be committed: translated, with our metadata.  Lets go of
 * the lock. */
static rd_kafka_resp_err_t
given_list(struct track *tr, const rd_kafka_topic_partition_list_t *given,
           rd_kafka_topic_partition_list_t *l)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    track_translate(tr, l, clock_mono_ms() + tr->e.mapping_ms);
    if (!tr->cur || tr->cur->stopped)
        return RD_KAFKA_RESP_ERR__STATE;
    for (int i = 0; i < l->cnt && !code; i++)
        code = l->elems[i].err;
    if (!code && ahead(tr, given, l))
        code = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    for (int i = 0; i < l->cnt && !code; i++)
        code = set_metadata(tr->cur, &l->elems[i]);
    if (code)
        return code;
    drop_without_offset(l);
    count_commit(tr, l);
    return code;
}

/* Where one thread polls and another one commits, what was returned counts, as
 * in librdkafka. */
static void
finish_returned(struct track *tr)
{
    if (!inhand_finish(&tr->c->hands))
        inhand_finish_all(&tr->c->hands);
}

static rd_kafka_resp_err_t
commit_list(struct track *tr, rd_kafka_topic_partition_list_t *l, bool async)
{
    struct generation *g = tr->cur;
    if (l->cnt == 0)
        return RD_KAFKA_RESP_ERR__NO_OFFSET;
    generation_ref(g); /* it may be left meanwhile */
    const rd_kafka_resp_err_t code =
        async ? generation_commit(g, l) : commit_and_wait(tr, g, l);
    if (code || !async)
        settle_commit(g, l, code != 0);
    generation_unref(g);
    return code;
}

static void
add_committed(rd_kafka_topic_partition_list_t *to,
              const rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++) {
        track_list_add(to, &l->elems[i]);
        to->elems[to->cnt - 1].err = l->elems[i].err;
    }
}

static rd_kafka_topic_partition_list_t *
list_to_commit(struct track *tr, const rd_kafka_topic_partition_list_t *offsets)
{
    if (offsets)
        return rd_kafka_topic_partition_list_copy(offsets);
    finish_returned(tr);
    return finished_list(tr, tr->cur, NULL);
}

rd_kafka_resp_err_t
track_commit(struct track *tr, const rd_kafka_topic_partition_list_t *offsets,
             bool async, rd_kafka_topic_partition_list_t *committed)
{
    if (!tr->cur || tr->cur->stopped)
        return RD_KAFKA_RESP_ERR__STATE;
    rd_kafka_topic_partition_list_t *l = list_to_commit(tr, offsets);
    rd_kafka_resp_err_t code =
        offsets ? given_list(tr, offsets, l) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!code)
        code = commit_list(tr, l, async);
    if (committed) {
        track_leave_app_metadata(l);
        add_committed(committed, l);
    }
    rd_kafka_topic_partition_list_destroy(l);
    return code;
}
