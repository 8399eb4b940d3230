/*
 * Owns what happens to records that the target refuses.  Runs on the flow's
 * thread.
 *
 * Kafka refuses a whole batch for one record.  So a part whose records were
 * refused goes on carefully: from the refused one in groups, each sent when the
 * one before is answered, smaller ones until the group that is refused is one
 * record.  Only then it is known who is guilty, and `shunt.on.refused` says
 * what becomes of it.
 *
 * After GROUPS_KEEP records that pass, and twice as many each time it comes to
 * this again, the part goes on as usual.
 */
#include "replicator/refuse.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "replicator/look.h"

#define GROUP_FIRST ((size_t)256 << 10)
#define CAREFUL_FOR ((int64_t)1000)
#define TIMES_MAX   20

static bool
at_a_stop(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
           code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

static bool
is_size(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

static bool
is_access(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

/* Will it be refused as long as nobody changes something? */
static bool
is_verdict(rd_kafka_resp_err_t code)
{
    return is_size(code) || is_access(code) ||
           code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
           code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP ||
           code == RD_KAFKA_RESP_ERR_POLICY_VIOLATION ||
           code == RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT;
}

static const char *
advice(rd_kafka_resp_err_t code)
{
    if (is_size(code))
        return "raise max.message.bytes of the topic there";
    if (is_access(code))
        return "allow our principal to write there";
    return "look at the brokers' log and the topic's configuration there";
}

/* ---- dead letters ------------------------------------------------------ */

struct letter {
    struct flight flight; /* first */
    struct part *part;
    int64_t offset;
};

static void
on_letter(struct flight *flight, const rd_kafka_message_t *m)
{
    const struct letter *l = (struct letter *)flight;
    struct part *p = l->part;
    struct flow *f = p->flow;
    p->inflight--;
    f->inflight--;
    if (p->unit->failed) {
        ; /* it goes again, with all of its transaction */
    } else if (m->err) {
        part_refused(p, l->offset, m->err);
    } else if (!p->broken) {
        log_warn("%s: record %lld of %s/%d stands in %s%s", f->conf->name,
                 (long long)l->offset, p->topic->name, (int)p->partition,
                 f->conf->dead_letter_topic,
                 p->bare ? ", its value is left out: it is too large" : "");
        pthread_mutex_lock(&f->lock);
        p->dead++;
        pthread_mutex_unlock(&f->lock);
        p->guilty = -1;
        p->bare = false;
        copy_passed(p, l->offset);
    }
    free(flight);
    copy_settled(p);
}

static void
add_text(rd_kafka_headers_t *h, const char *name, const char *value)
{
    (void)rd_kafka_header_add(h, name, -1, value, -1); /* no memory: aborts */
}

/* Its own headers, and where it comes from. */
static rd_kafka_headers_t *
letter_headers(const struct part *p, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *own, *h;
    char number[32];
    if (rd_kafka_message_headers(m, &own) == 0)
        h = rd_kafka_headers_copy(own);
    else
        h = rd_kafka_headers_new(4);
    add_text(h, "shunt.topic", p->topic->name);
    (void)snprintf(number, sizeof(number), "%d", (int)p->partition);
    add_text(h, "shunt.partition", number);
    (void)snprintf(number, sizeof(number), "%lld", (long long)m->offset);
    add_text(h, "shunt.offset", number);
    add_text(h, "shunt.error", rd_kafka_err2name(p->verdict));
    return h;
}

void
refuse_send_letter(struct part *p, const rd_kafka_message_t *m)
{
    struct flow *f = p->flow;
    rd_kafka_timestamp_type_t type;
    const int64_t at = rd_kafka_message_timestamp(m, &type);
    if (!txn_open(p))
        return; /* it is read again */
    struct letter *l = xmalloc(sizeof(*l));
    *l = (struct letter){
        .flight.done = on_letter, .part = p, .offset = m->offset};
    rd_kafka_headers_t *headers = letter_headers(p, m);
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        unit_producer(p->unit), RD_KAFKA_V_TOPIC(f->conf->dead_letter_topic),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(m->key, m->key_len),
        RD_KAFKA_V_VALUE(p->bare ? NULL : m->payload, p->bare ? 0 : m->len),
        RD_KAFKA_V_TIMESTAMP(at > 0 ? at : 0), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(l), RD_KAFKA_V_END);
    if (!code) {
        p->inflight++;
        f->inflight++;
        return;
    }
    rd_kafka_headers_destroy(headers);
    free(l);
    part_refused(p, m->offset, code);
    copy_settled(p);
}

/* ---- what becomes of it ------------------------------------------------ */

void
refuse_acked(struct part *p, int64_t n)
{
    if (p->window > 0 && (p->careful_for -= n) <= 0) {
        p->window_before = p->window;
        p->window = 0;
    }
}

void
part_refused(struct part *p, int64_t offset, rd_kafka_resp_err_t code)
{
    struct flow *f = p->flow;
    pthread_mutex_lock(&f->lock);
    p->refused++;
    pthread_mutex_unlock(&f->lock);
    if (p->broken && offset >= p->refused_at)
        return;
    if (!p->broken && !p->lost)
        f->n_broken++;
    p->broken = true;
    p->refused_at = offset;
    p->refused_code = code;
    p->retry_at_ms = INT64_MAX; /* until it is settled */
    txn_fail(p->unit, code);
    part_hold(p, HOLD_BROKEN);
}

static void
say(struct part *p, const char *effect)
{
    const struct flow *f = p->flow;
    const rd_kafka_resp_err_t code = p->refused_code;
    part_problem(p, "record %lld was refused by %s: %s (%s); %s",
                 (long long)p->refused_at, f->conf->target->name,
                 rd_kafka_err2str(code), rd_kafka_err2name(code), effect);
    if (p->said_at == p->refused_at && p->said_code == code)
        return;
    p->said_at = p->refused_at;
    p->said_code = code;
    log_error("%s: record %lld of %s/%d was refused by %s: %s (%s); %s; %s",
              f->conf->name, (long long)p->refused_at, p->topic->name,
              (int)p->partition, f->conf->target->name, rd_kafka_err2str(code),
              rd_kafka_err2name(code), effect, advice(code));
}

static void
narrow(struct part *p)
{
    const rd_kafka_resp_err_t code = p->refused_code;
    if (p->window == 0) {
        if (p->careful_times < TIMES_MAX)
            p->careful_times++;
        log_info("%s: %s refuses a batch of %s/%d with record %lld: %s; its "
                 "records go again in smaller ones",
                 p->flow->conf->name, p->flow->conf->target->name,
                 p->topic->name, (int)p->partition, (long long)p->refused_at,
                 rd_kafka_err2str(code));
    }
    p->careful_for = CAREFUL_FOR << p->careful_times;
    if (!is_size(code))
        p->window = 1;
    else if (p->window == 0)
        p->window = p->window_before ? p->window_before : GROUP_FIRST;
    else
        p->window = p->window / 4 + 1;
}

/* It was sent alone: there is no doubt. */
static void
punish(struct part *p)
{
    const enum on_refused what = p->flow->conf->on_refused;
    const bool was_letter = p->guilty == p->refused_at;
    p->retry_at_ms = clock_mono_ms();
    if (what == REFUSED_STOP) {
        say(p, "the partition stops there, as shunt.on.refused says, until it "
               "is resumed");
        part_hold(p, HOLD_STOPPED);
    } else if (what == REFUSED_WAIT) {
        say(p, "the partition waits and tries again");
        p->retry_at_ms += backoff_next_ms(&p->backoff);
    } else if (!was_letter) {
        say(p, "it goes to the dead-letter topic");
        p->guilty = p->refused_at;
        p->verdict = p->refused_code;
    } else if (is_size(p->refused_code) && !p->bare) {
        p->bare = true;
    } else {
        say(p, "so does the dead-letter topic; the partition waits and tries "
               "again");
        p->retry_at_ms += backoff_next_ms(&p->backoff);
    }
}

void
refuse_settle(struct part *p)
{
    const int64_t now = clock_mono_ms();
    if (at_a_stop(p->refused_code)) {
        p->retry_at_ms = now + backoff_next_ms(&p->backoff);
    } else if (!is_verdict(p->refused_code)) {
        say(p, "the partition waits and tries again");
        p->retry_at_ms = now + backoff_next_ms(&p->backoff);
    } else if (p->window > 0 && p->group == 1) {
        punish(p);
    } else {
        narrow(p);
        p->retry_at_ms = now;
    }
}
