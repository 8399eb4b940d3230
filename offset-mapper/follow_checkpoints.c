/*
 * Checkpoints, on the thread of the target's feed: the newest of each group and
 * partition is kept, with the position in one transaction.
 */
#include "common/base/log.h"
#include "common/mm2/codec.h"
#include "offset-mapper/follow_impl.h"
#include "offset-mapper/store_checkpoints.h"

static void
skip_record(struct flow_follow *f, const rd_kafka_message_t *m, const char *why)
{
    struct store_progress *p = &f->checkpoints_progress;
    if (m->payload)
        p->undecodable++;
    else
        p->tombstones++;
    follow_say(&f->bad, true, "flow %s: %s offset %lld skipped: %s",
               f->flow->name, f->flow->checkpoints, (long long)m->offset, why);
}

static int
keep_record(struct flow_follow *f, struct store_batch *batch,
            const rd_kafka_message_t *m, struct err *err)
{
    struct mm2_checkpoint c;
    struct err why = {0};
    rd_kafka_timestamp_type_t type;
    f->checkpoints_progress.position = m->offset + 1;
    int rc =
        mm2_checkpoint_decode(m->key, m->key_len, m->payload, m->len, &c, &why);
    if (rc) {
        skip_record(f, m, why.text);
        return 0;
    }
    rc = store_batch_checkpoint(batch, f->flow->name, &c,
                                rd_kafka_message_timestamp(m, &type), err);
    if (rc == 0)
        f->checkpoints_progress.syncs++;
    else if (rc == ERR_INVALID)
        skip_record(f, m, err->text);
    mm2_checkpoint_fini(&c);
    return rc == ERR_INVALID ? 0 : rc;
}

static void
publish(struct flow_follow *f, int64_t end)
{
    const struct store_progress *p = &f->checkpoints_progress;
    struct follow_topic *t = &f->status.checkpoints;
    (void)pthread_mutex_lock(&f->lock);
    t->position = p->position;
    t->undecodable = p->undecodable;
    t->tombstones = p->tombstones;
    if (end >= 0)
        t->end = end;
    if (t->end < t->position)
        t->end = t->position;
    f->status.checkpoints_kept = p->syncs;
    (void)pthread_mutex_unlock(&f->lock);
}

static int
take(void *arg, rd_kafka_message_t *const *m, size_t n, int64_t end,
     struct err *err)
{
    (void)end;
    struct flow_follow *f = arg;
    int rc = taking_begin(&f->checkpoints_taken, f->home->store,
                          &f->checkpoints_progress, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = keep_record(f, f->checkpoints_taken.batch, m[i], err);
    if (rc)
        taking_abort(&f->checkpoints_taken, &f->checkpoints_progress);
    return rc;
}

static int
keep(void *arg, int64_t end, struct err *err)
{
    struct flow_follow *f = arg;
    const int rc =
        taking_keep(&f->checkpoints_taken, f->flow, f->checkpoints_source,
                    &f->checkpoints_progress, err);
    if (rc == 0)
        publish(f, end);
    return rc;
}

static int64_t
from(void *arg)
{
    const struct flow_follow *f = arg;
    return f->checkpoints_progress.position > 0
               ? f->checkpoints_progress.position
               : RD_KAFKA_OFFSET_BEGINNING;
}

static void
at_end(void *arg, int64_t end)
{
    struct flow_follow *f = arg;
    if (f->checkpoints_progress.position < end)
        f->checkpoints_progress.position = end;
    publish(f, end);
}

/* Older ones come before newer ones: reading them again changes nothing. */
static void
out_of_log(void *arg)
{
    struct flow_follow *f = arg;
    log_warn("flow %s: %s has no offset %lld any more: reading it from its "
             "start",
             f->flow->name, f->flow->checkpoints,
             (long long)f->checkpoints_progress.position);
    f->checkpoints_progress.position = 0;
    f->checkpoints_progress.resets++;
}

static void
news(void *arg, enum feed_news what, const char *text)
{
    struct flow_follow *f = arg;
    (void)pthread_mutex_lock(&f->lock);
    follow_topic_news(&f->status.checkpoints, what, text);
    (void)pthread_mutex_unlock(&f->lock);
    if (what == FEED_TROUBLE)
        log_warn("flow %s: %s", f->flow->name, text);
    else if (what == FEED_READING)
        log_info("flow %s: reading %s on %s from %lld", f->flow->name,
                 f->flow->checkpoints, f->flow->def.target,
                 (long long)f->checkpoints_progress.position);
}

const struct feed_calls follow_checkpoints = {.from = from,
                                              .take = take,
                                              .keep = keep,
                                              .at_end = at_end,
                                              .out_of_log = out_of_log,
                                              .news = news};
