/*
 * ledger dump: what stands on a cluster now, by librdkafka alone, so that
 * nothing of Shunt can colour it.  From the first offset of each partition to
 * the end it had at the start.  Main thread.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "tests/tools/ledger/args.h"
#include "tests/tools/ledger/commands.h"
#include "tests/tools/ledger/logfile.h"
#include "tests/tools/ledger/record.h"

enum {
    TOPICS_MAX = 100,
    ANSWER_MS = 20000,
    SILENCE_MS = 30000, /* without a record or an end: given up */
};

struct span {
    const char *topic; /* borrowed from the metadata */
    int32_t partition;
    int64_t high;
    bool done;
};

struct dumping {
    rd_kafka_t *rk;
    FILE *log;
    struct span *spans;
    size_t n_spans, n_open;
    int64_t records;
};

static int
open_consumer(struct dumping *d, const char *bootstrap, struct err *err)
{
    static const char *const settings[][2] = {
        {"group.id", "ledger-dump"},           {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},      {"fetch.wait.max.ms", "10"},
        {"queued.min.messages", "1000000"},    {"auto.offset.reset", "error"},
        {"allow.auto.create.topics", "false"},
    };
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_res_t set = rd_kafka_conf_set(conf, "bootstrap.servers",
                                                bootstrap, why, sizeof(why));
    for (size_t i = 0;
         set == RD_KAFKA_CONF_OK && i < sizeof(settings) / sizeof(*settings);
         i++)
        set = rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why,
                                sizeof(why));
    if (set == RD_KAFKA_CONF_OK)
        d->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (d->rk)
        return 0;
    rd_kafka_conf_destroy(conf);
    return err_set(err, ERR_KAFKA, "cannot make a consumer: %s", why);
}

static int
add_span(struct dumping *d, const char *topic, int32_t partition,
         rd_kafka_topic_partition_list_t *assignment, struct err *err)
{
    int64_t low = 0, high = 0;
    const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        d->rk, topic, partition, &low, &high, ANSWER_MS);
    if (code)
        return err_set(err, ERR_KAFKA, "cannot ask for the ends of %s/%d: %s",
                       topic, partition, rd_kafka_err2str(code));
    logfile_put(d->log, 'P', "%s %" PRId32 " %" PRId64 " %" PRId64, topic,
                partition, low, high);
    if (low == high)
        return 0;
    d->spans = xreallocarray(d->spans, d->n_spans + 1, sizeof(*d->spans));
    d->spans[d->n_spans++] =
        (struct span){.topic = topic, .partition = partition, .high = high};
    rd_kafka_topic_partition_list_add(assignment, topic, partition)->offset =
        low;
    return 0;
}

/* A topic that is not there has nothing standing in it. */
static int
add_topic(struct dumping *d, const char *name,
          rd_kafka_topic_partition_list_t *assignment, struct err *err)
{
    const struct rd_kafka_metadata *meta = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(d->rk, name, NULL);
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(d->rk, 0, rkt, &meta, ANSWER_MS);
    rd_kafka_topic_destroy(rkt);
    if (code)
        return err_set(err, ERR_KAFKA, "cannot ask for topic %s: %s", name,
                       rd_kafka_err2str(code));
    const struct rd_kafka_metadata_topic *t = &meta->topics[0];
    int rc = 0;
    if (t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        (void)fprintf(stderr, "ledger dump: there is no topic %s\n", name);
    else if (t->err)
        rc = err_set(err, ERR_KAFKA, "topic %s: %s", name,
                     rd_kafka_err2str(t->err));
    for (int32_t p = 0; rc == 0 && p < t->partition_cnt; p++)
        rc = add_span(d, name, p, assignment, err);
    rd_kafka_metadata_destroy(meta);
    return rc;
}

static struct span *
span_of(struct dumping *d, const rd_kafka_message_t *m)
{
    const char *topic = rd_kafka_topic_name(m->rkt);
    for (size_t i = 0; i < d->n_spans; i++)
        if (d->spans[i].partition == m->partition &&
            strcmp(d->spans[i].topic, topic) == 0)
            return &d->spans[i];
    return NULL;
}

static void
put_record(struct dumping *d, const rd_kafka_message_t *m)
{
    struct record r;
    const char *topic = rd_kafka_topic_name(m->rkt);
    d->records++;
    if (record_decode(m->key, m->key_len, m->payload, m->len, &r) != 0)
        logfile_put(d->log, 'U', "%s %" PRId32 " %" PRId64, topic, m->partition,
                    m->offset);
    else
        logfile_put(
            d->log, 'D',
            "%s %" PRId32 " %" PRId64 " %s %" PRId64 " %" PRId64 " %" PRId64,
            topic, m->partition, m->offset, r.writer, r.key, r.key_seq, r.seq);
}

/* Beyond `high` is the future; at or before it may be records that are not
 * data (transactions' ends), so the end of the partition ends a span too. */
static int
take(struct dumping *d, const rd_kafka_message_t *m, struct err *err)
{
    struct span *s = m->rkt ? span_of(d, m) : NULL;
    if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return err_set(err, ERR_KAFKA, "reading: %s",
                       rd_kafka_message_errstr(m));
    if (!s || s->done)
        return 0;
    if (!m->err && m->offset < s->high)
        put_record(d, m);
    if (m->offset >= s->high - 1) {
        s->done = true;
        d->n_open--;
    }
    return 0;
}

static int
read_all(struct dumping *d, struct err *err)
{
    int64_t silent_since_ms = clock_mono_ms();
    int rc = 0;
    d->n_open = d->n_spans;
    while (rc == 0 && d->n_open > 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(d->rk, 100);
        if (!m) {
            if (clock_mono_ms() - silent_since_ms > SILENCE_MS)
                rc = err_set(err, ERR_TIMEOUT,
                             "%zu partitions did not come to their end",
                             d->n_open);
            continue;
        }
        silent_since_ms = clock_mono_ms();
        rc = take(d, m, err);
        rd_kafka_message_destroy(m);
    }
    return rc;
}

static int
dump(struct dumping *d, const struct strlist *topics, struct err *err)
{
    rd_kafka_topic_partition_list_t *assignment =
        rd_kafka_topic_partition_list_new(16);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < topics->n; i++)
        rc = add_topic(d, topics->v[i], assignment, err);
    if (rc == 0 && rd_kafka_assign(d->rk, assignment) != 0)
        rc = err_set(err, ERR_KAFKA, "cannot assign");
    rd_kafka_topic_partition_list_destroy(assignment);
    return rc ? rc : read_all(d, err);
}

static int
run(struct dumping *d, const struct arg *args, struct err *err)
{
    const char *path = args_str(args, "log", NULL);
    (void)remove(path); /* a dump is of now; opening tells what fails */
    int rc = logfile_open(path, &d->log, err);
    if (rc)
        return rc;
    logfile_put(d->log, 'B', "dump %s", args_str(args, "cluster", NULL));
    rc = open_consumer(d, args_str(args, "bootstrap", NULL), err);
    if (rc == 0)
        rc = dump(d, args_all(args, "topic"), err);
    if (rc == 0) {
        logfile_put(d->log, 'E', "records %" PRId64, d->records);
        (void)printf("dump %s: %" PRId64 " records\n",
                     args_str(args, "cluster", NULL), d->records);
    }
    if (d->rk)
        rd_kafka_destroy(d->rk);
    free(d->spans);
    const int closed = logfile_close(d->log, path, rc ? NULL : err);
    return rc ? rc : closed;
}

int
command_dump(int argc, char **argv)
{
    struct arg args[] = {
        {"bootstrap", 1, 1, {0}},
        {"cluster", 1, 1, {0}},
        {"topic", 1, TOPICS_MAX, {0}},
        {"log", 1, 1, {0}},
        {0},
    };
    struct dumping d = {0};
    struct err err;
    int rc = args_parse(args, argc, argv, &err);
    if (rc == 0)
        rc = run(&d, args, &err);
    if (rc)
        (void)fprintf(stderr, "ledger dump: %s\n", err.text);
    args_fini(args);
    return rc == 0 ? 0 : rc == ERR_KAFKA || rc == ERR_TIMEOUT ? 1 : 2;
}
