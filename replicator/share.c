/*
 * Owns the membership in the group by which processes share a flow: whichever
 * partitions of the topic of positions a member is assigned are its units.
 * Runs on the flow's thread.
 *
 * A new group makes its first member wait (3 s, unless the broker is set
 * otherwise).  Nobody has to wait who is alone: a commit of somebody who has
 * not joined is refused as soon as a group has members, so that the metadata
 * of a commit can hold a claim.  Whose claim stands a moment later begins with
 * all units; the group then takes away what others shall have.  Two that claim
 * at once, in spite of it, copy some records twice, or fence each other where
 * transactions forbid that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/parts.h"

#define ASK_TIMEOUT_MS  5000
#define CLAIM_HOLDS_MS  10000
#define CLAIM_SETTLE_MS 100
#define GOING_MAX_MS    10000

static char *
group_name(const struct flow *f)
{
    const struct flow_settings *c = f->conf;
    return c->target->group_id
               ? xstrdup(c->target->group_id)
               : xasprintf("%s-shunt-replicator", c->source->name);
}

/* ---- what the group says ------------------------------------------------ */

static struct unit *
unit_at(struct flow *f, const rd_kafka_topic_partition_t *at)
{
    if (strcmp(at->topic, f->positions_topic) != 0 ||
        at->partition >= f->n_units)
        return NULL; /* a group shared with others, a topic that grew */
    return &f->units[at->partition];
}

static bool
has(const rd_kafka_topic_partition_list_t *list, const struct flow *f,
    int32_t unit)
{
    return rd_kafka_topic_partition_list_find(list, f->positions_topic, unit);
}

static void
say_failed(const struct flow *f, const char *what, rd_kafka_error_t *bad)
{
    if (!bad)
        return;
    log_error("%s: cannot %s partitions of %s: %s", f->conf->name, what,
              f->positions_topic, rd_kafka_error_string(bad));
    rd_kafka_error_destroy(bad);
}

/* Only the assignment is wanted, no records. */
static void
assign(struct flow *f, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = 0;
    say_failed(f, "be assigned",
               rd_kafka_incremental_assign(f->share.member, list));
    (void)rd_kafka_pause_partitions(f->share.member, list);
}

static void
go(struct flow *f, const rd_kafka_topic_partition_list_t *list, bool assigned)
{
    struct share *s = &f->share;
    s->going = rd_kafka_topic_partition_list_copy(list);
    s->going_assigned = assigned;
    s->going_flushed = false;
    s->going_until_ms = clock_mono_ms() + GOING_MAX_MS;
    for (int i = 0; i < list->cnt; i++) {
        struct unit *u = unit_at(f, &list->elems[i]);
        if (u)
            unit_ask_back(u);
    }
}

/* With a claim we began with more than we are given now. */
static void
give_others(struct flow *f)
{
    rd_kafka_topic_partition_list_t *mine = NULL;
    rd_kafka_topic_partition_list_t *others =
        rd_kafka_topic_partition_list_new(f->n_units);
    const rd_kafka_resp_err_t code =
        rd_kafka_assignment(f->share.member, &mine);
    for (int32_t i = 0; !code && i < f->n_units; i++)
        if (f->units[i].given && !has(mine, f, i))
            (void)rd_kafka_topic_partition_list_add(others, f->positions_topic,
                                                    i);
    if (others->cnt > 0)
        go(f, others, false);
    if (mine)
        rd_kafka_topic_partition_list_destroy(mine);
    rd_kafka_topic_partition_list_destroy(others);
}

static void
given(struct flow *f, rd_kafka_topic_partition_list_t *list)
{
    struct share *s = &f->share;
    assign(f, list);
    for (int i = 0; i < list->cnt; i++) {
        struct unit *u = unit_at(f, &list->elems[i]);
        if (u)
            unit_give(u);
    }
    if (!s->joined)
        give_others(f);
    s->joined = true;
    log_info("%s: shares the work in group %s: %d more of %d units are ours",
             f->conf->name, s->group, list->cnt, (int)f->n_units);
}

static void
let_go(struct flow *f)
{
    struct share *s = &f->share;
    for (int i = 0; i < s->going->cnt; i++) {
        struct unit *u = unit_at(f, &s->going->elems[i]);
        if (u) /* unless it has come back meanwhile */
            unit_renew(u, 0);
    }
    if (s->going_assigned)
        say_failed(f, "give back",
                   rd_kafka_incremental_unassign(s->member, s->going));
    rd_kafka_topic_partition_list_destroy(s->going);
    s->going = NULL;
}

/* The group waits for us, so that the next owner finds what was written. */
static void
asked_back(struct flow *f, const rd_kafka_topic_partition_list_t *list)
{
    struct share *s = &f->share;
    const bool lost = rd_kafka_assignment_lost(s->member);
    log_info("%s: %d of %d units %s", f->conf->name, list->cnt, (int)f->n_units,
             lost ? "were lost: the group has not heard of us"
                  : "go to another process");
    if (s->going)
        let_go(f);
    go(f, list, true);
    if (lost || s->closing)
        let_go(f);
}

static void
on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what,
             rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct flow *f = opaque;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && f->share.closing) {
        assign(f, list); /* to be taken away again at once */
        f->share.joined = true;
    } else if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        given(f, list);
    } else if (what == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        asked_back(f, list);
    } else {
        log_warn("%s: group %s: %s", f->conf->name, f->share.group,
                 rd_kafka_err2str(what));
        (void)rd_kafka_assign(rk, NULL); /* as librdkafka asks for */
        for (int32_t i = 0; i < f->n_units; i++) {
            f->units[i].given = false;
            unit_drop(&f->units[i]);
        }
    }
}

/* ---- the claim ---------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *
claim_place(const struct flow *f)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, f->positions_topic, 0)->offset = 0;
    return list;
}

/* *text is owned by the caller; "" where there is no commit. */
static rd_kafka_resp_err_t
read_claim(const struct flow *f, char **text)
{
    rd_kafka_topic_partition_list_t *list = claim_place(f);
    rd_kafka_resp_err_t code =
        rd_kafka_committed(f->share.member, list, ASK_TIMEOUT_MS);
    const rd_kafka_topic_partition_t *at = &list->elems[0];
    if (!code)
        code = at->err;
    *text = xcalloc(1, at->metadata_size + 1);
    if (!code && at->metadata_size > 0)
        memcpy(*text, at->metadata, at->metadata_size);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static rd_kafka_resp_err_t
write_claim(const struct flow *f, rd_kafka_t *rk, const char *text)
{
    rd_kafka_topic_partition_list_t *list = claim_place(f);
    list->elems[0].metadata = xstrdup(text); /* freed with the list */
    list->elems[0].metadata_size = strlen(text);
    const rd_kafka_resp_err_t code = rd_kafka_commit(rk, list, false);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static bool
is_fresh(const char *claim)
{
    long long at;
    if (sscanf(claim, "shunt-claim %lld", &at) != 1)
        return false;
    const int64_t age_ms = clock_wall_ms() - at;
    return age_ms > -CLAIM_HOLDS_MS && age_ms < CLAIM_HOLDS_MS;
}

static void
make_claim(struct share *s)
{
    uint64_t nonce = 0;
    (void)!getrandom(&nonce, sizeof(nonce), 0); /* the pid tells as well */
    (void)snprintf(s->claim, sizeof(s->claim), "shunt-claim %lld %d %016llx",
                   (long long)clock_wall_ms(), (int)getpid(),
                   (unsigned long long)nonce);
}

/* Whatever goes wrong, the group decides. */
static void
claim(struct flow *f)
{
    struct share *s = &f->share;
    char *there;
    if (s->claimed || s->subscribed)
        return;
    const rd_kafka_resp_err_t code = read_claim(f, &there);
    if (!code && !is_fresh(there)) {
        make_claim(s);
        s->claimed = write_claim(f, s->member, s->claim) == 0;
        s->claimed_at_ms = clock_mono_ms();
    }
    free(there);
}

static bool
claim_stands(struct flow *f)
{
    struct share *s = &f->share;
    char *there;
    if (!s->claimed)
        return false;
    while (!atomic_load(&f->stop) &&
           clock_mono_ms() < s->claimed_at_ms + CLAIM_SETTLE_MS)
        (void)flow_serve(f, 5);
    const rd_kafka_resp_err_t code = read_claim(f, &there);
    s->claimed = !code && strcmp(there, s->claim) == 0;
    free(there);
    return s->claimed;
}

/* Once we have joined others see us; the next one after us need not wait. */
static void
take_claim_back(struct flow *f)
{
    if (f->share.claimed)
        (void)write_claim(f, f->share.member, ""); /* it grows old by itself */
    f->share.claimed = false;
}

/* Who joins, but is not there yet, may not commit: another handle does, once
 * the group is empty again. Whoever starts next need not wait for the group. */
static void
leave_no_claim(struct flow *f)
{
    rd_kafka_t *rk;
    if (!f->share.claimed ||
        client_of_group(&f->conf->clients[ROLE_TARGET_CONSUMER], f->share.group,
                        &rk, NULL) != 0)
        return;
    (void)write_claim(f, rk, "");
    rd_kafka_destroy(rk);
    f->share.claimed = false;
}

/* ---- life --------------------------------------------------------------- */

static bool
knows_no_groups(const struct flow *f)
{
    const struct rd_kafka_group_list *list = NULL;
    const rd_kafka_resp_err_t code = rd_kafka_list_groups(
        f->producer, f->share.group, &list, ASK_TIMEOUT_MS);
    if (list)
        rd_kafka_group_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
}

int
share_open(struct flow *f, struct err *err)
{
    struct share *s = &f->share;
    if (!s->group)
        s->group = group_name(f);
    s->alone = s->alone || knows_no_groups(f);
    if (s->alone)
        return 0;
    char *id = xasprintf("shunt-replicator-%s", f->conf->name);
    const int rc = s->member ? 0
                             : client_member(f->conf, s->group, id,
                                             on_rebalance, f, &s->member, err);
    free(id);
    if (rc == 0)
        claim(f);
    return rc;
}

static void
join(struct flow *f)
{
    struct share *s = &f->share;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, f->positions_topic,
                                      RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(s->member, list);
    rd_kafka_topic_partition_list_destroy(list);
    s->subscribed = !code;
    if (code)
        flow_complain(f, "cannot join the group", rd_kafka_err2str(code));
}

void
share_begin(struct flow *f)
{
    struct share *s = &f->share;
    if (s->alone || claim_stands(f))
        for (int32_t i = 0; i < f->n_units; i++)
            unit_give(&f->units[i]);
    if (!s->alone && !s->subscribed)
        join(f);
}

static bool
is_answered(struct flow *f)
{
    const rd_kafka_topic_partition_list_t *going = f->share.going;
    for (int i = 0; i < going->cnt; i++) {
        const struct unit *u = unit_at(f, &going->elems[i]);
        if (u && (unit_inflight(u) > 0 || u->txn != TXN_NONE))
            return false;
    }
    return true;
}

/* All answers first, then positions, then what those are answered. */
static void
give_back(struct flow *f)
{
    struct share *s = &f->share;
    const bool late = clock_mono_ms() >= s->going_until_ms;
    if (late)
        log_warn("%s: units are given back without all answers: some records "
                 "will be copied again",
                 f->conf->name);
    if (!late && (!is_answered(f) || f->flushing || f->notes > 0))
        return;
    if (!late && !s->going_flushed) {
        emit_flush_begin(f);
        s->going_flushed = true;
        return;
    }
    let_go(f);
}

static void
say_refused(struct flow *f, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED &&
        !f->share.refusal_said) {
        f->share.refusal_said = true;
        log_error("%s: %s does not let us join group %s, by which processes "
                  "share the work: nothing is copied; allow our principal to "
                  "read the group",
                  f->conf->name, f->conf->target->name, f->share.group);
    }
}

void
share_turn(struct flow *f)
{
    struct share *s = &f->share;
    if (s->alone)
        return;
    rd_kafka_message_t *m = rd_kafka_consumer_poll(s->member, 0);
    if (m) {
        say_refused(f, m);
        rd_kafka_message_destroy(m);
    }
    if (s->joined)
        take_claim_back(f);
    if (s->going)
        give_back(f);
}

bool
share_settled(const struct flow *f)
{
    const struct share *s = &f->share;
    return s->alone || s->claimed || s->joined;
}

void
share_close(struct flow *f)
{
    struct share *s = &f->share;
    s->closing = true;
    if (s->member) {
        if (s->going)
            let_go(f);
        (void)rd_kafka_consumer_close(s->member); /* it commits nothing */
        leave_no_claim(f);
        /* librdkafka 2.0.2 aborts the process when a member is destroyed that
         * was answered, but not assigned anything (rkcg_assignor_state). Such
         * a one has left the group; it ends with the process. */
        if (s->joined || !s->subscribed)
            rd_kafka_destroy(s->member);
    }
    s->member = NULL;
    s->alone = true;
    free(s->group);
    s->group = NULL;
}
