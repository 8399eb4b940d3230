/*
 * ledger write: one producer of libshunt.  A record is logged before it is
 * handed over, so that none can stand in Kafka that the log does not know;
 * then its one report is logged.  Main thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/tools/ledger/args.h"
#include "tests/tools/ledger/book.h"
#include "tests/tools/ledger/commands.h"
#include "tests/tools/ledger/logfile.h"
#include "tests/tools/ledger/record.h"
#include "tests/tools/ledger/session.h"

enum {
    FLUSH_MS = 60000,
    POLL_MS = 5,
    BEHIND_MAX_MS = 1000, /* what is not written meanwhile is not made up for */
};

struct writing {
    struct session session;
    FILE *log;
    const char *topic, *name;
    int64_t keys, rate, count, seq;
    int64_t acked, failed;
    int64_t last_ack_us, longest_us; /* the longest time between two acks */
};

static struct writing *
writing_of(void *opaque)
{
    return opaque; /* the session is its first member */
}

static void
on_delivery(shunt_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct writing *w = writing_of(opaque);
    const struct record r =
        record_nth(w->name, w->keys, (int64_t)(intptr_t)m->_private);
    (void)rk;
    if (m->err) {
        w->failed++;
        logfile_put(w->log, 'F', "%lld %lld %lld %s", (long long)r.key,
                    (long long)r.key_seq, (long long)r.seq,
                    rd_kafka_err2name(m->err));
        return;
    }
    const int64_t now_us = clock_mono_us();
    if (w->acked++ > 0 && now_us - w->last_ack_us > w->longest_us)
        w->longest_us = now_us - w->last_ack_us;
    w->last_ack_us = now_us;
    logfile_put(w->log, 'A', "%lld %lld %lld %s %s %d %lld", (long long)r.key,
                (long long)r.key_seq, (long long)r.seq,
                session_cluster_of(&w->session, m), rd_kafka_topic_name(m->rkt),
                m->partition, (long long)m->offset);
}

/* Hands the record over; waits while the queue is full. */
static int
produce(struct writing *w, const struct record *r, struct err *err)
{
    char key[128], value[128];
    const size_t key_len = record_key(r, key);
    const size_t value_len = record_value(r, value);
    for (;;) {
        const rd_kafka_resp_err_t code = shunt_producev(
            w->session.rk, RD_KAFKA_V_TOPIC(w->topic),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(key, key_len), RD_KAFKA_V_VALUE(value, value_len),
            RD_KAFKA_V_OPAQUE((void *)(intptr_t)r->seq), RD_KAFKA_V_END);
        if (!code)
            return 0;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || stop_wanted()) {
            w->failed++;
            logfile_put(w->log, 'F', "%lld %lld %lld %s", (long long)r->key,
                        (long long)r->key_seq, (long long)r->seq,
                        rd_kafka_err2name(code));
            return code == RD_KAFKA_RESP_ERR__QUEUE_FULL
                       ? 0
                       : err_set(err, ERR_KAFKA, "record refused: %s",
                                 rd_kafka_err2str(code));
        }
        (void)shunt_poll(w->session.rk, POLL_MS);
    }
}

static int
write_one(struct writing *w, struct err *err)
{
    const struct record r = record_nth(w->name, w->keys, w->seq++);
    logfile_put(w->log, 'W', "%lld %lld %lld", (long long)r.key,
                (long long)r.key_seq, (long long)r.seq);
    return produce(w, &r, err);
}

static bool
done(const struct writing *w)
{
    return stop_wanted() || w->seq >= RECORDS_MAX ||
           (w->count > 0 && w->seq >= w->count);
}

static int
write_until_stopped(struct writing *w, struct err *err)
{
    const int64_t pause_us = 1000000 / w->rate;
    int64_t due_us = clock_mono_us();
    while (!done(w)) {
        int64_t now_us = clock_mono_us();
        if (now_us - due_us > BEHIND_MAX_MS * 1000)
            due_us = now_us;
        for (; due_us <= now_us && !done(w); due_us += pause_us) {
            const int rc = write_one(w, err);
            if (rc)
                return rc;
        }
        now_us = clock_mono_us();
        const int64_t wait_ms = (due_us - now_us) / 1000;
        (void)shunt_poll(w->session.rk,
                         wait_ms > POLL_MS ? POLL_MS : (int)wait_ms + 1);
    }
    return 0;
}

static int
finish(struct writing *w, struct err *err)
{
    const rd_kafka_resp_err_t code = shunt_flush(w->session.rk, FLUSH_MS);
    logfile_put(w->log, 'E', "written %lld acked %lld failed %lld longest %lld",
                (long long)w->seq, (long long)w->acked, (long long)w->failed,
                (long long)(w->longest_us / 1000));
    (void)printf("writer %s: %lld records, acknowledged %lld, failed %lld, "
                 "longest time between two acknowledgements %lld ms\n",
                 w->name, (long long)w->seq, (long long)w->acked,
                 (long long)w->failed, (long long)(w->longest_us / 1000));
    return code ? err_set(err, ERR_TIMEOUT,
                          "%d records without a report after %d s",
                          shunt_outq_len(w->session.rk), FLUSH_MS / 1000)
                : 0;
}

/* Where an earlier life of this writer ended. */
static int
continue_from(struct writing *w, const char *path, struct err *err)
{
    struct book b;
    FILE *f = fopen(path, "re");
    if (!f && errno == ENOENT)
        return 0;
    const bool empty = f && fgetc(f) == EOF;
    if (f)
        (void)fclose(f); /* only read */
    if (empty)
        return 0;
    book_init(&b);
    int rc = book_load_writer(&b, path, err);
    if (rc == 0 && (strcmp(b.clients[0].name, w->name) != 0 ||
                    b.clients[0].keys != w->keys))
        rc = err_set(err, ERR_CONFLICT,
                     "%s is the log of writer %s with %lld keys", path,
                     b.clients[0].name, (long long)b.clients[0].keys);
    if (rc == 0)
        w->seq = (int64_t)b.n_entries;
    book_fini(&b);
    return rc;
}

static int
start(struct writing *w, const struct strlist *settings, struct err *err)
{
    static const char *const defaults[] = {"enable.idempotence", "true",
                                           "linger.ms", "1", NULL};
    shunt_conf_t *conf = NULL;
    int rc = session_conf(&w->session, settings, defaults, &conf, err);
    if (rc)
        return rc;
    shunt_conf_set_dr_msg_cb(conf, on_delivery);
    return session_start_take(&w->session, RD_KAFKA_PRODUCER, conf, err);
}

static int
run(struct writing *w, const struct arg *args, struct err *err)
{
    const char *path = args_str(args, "log", NULL);
    w->topic = args_str(args, "topic", NULL);
    w->name = args_str(args, "writer", NULL);
    if (!record_writer_valid(w->name))
        return err_field(err, ERR_INVALID, "writer", w->name,
                         "option --writer: \"%s\" is not letters, digits, - "
                         "and _, at most %d",
                         w->name, WRITER_MAX - 1);
    int rc = args_int(args, "keys", 1, KEYS_MAX, &w->keys, err);
    if (rc == 0)
        rc = args_int(args, "rate", 1, 1000000, &w->rate, err);
    if (rc == 0)
        rc = args_int(args, "count", 1, RECORDS_MAX, &w->count, err);
    if (rc == 0)
        rc = continue_from(w, path, err);
    if (rc == 0)
        rc = logfile_open(path, &w->log, err);
    if (rc)
        return rc;
    w->session.log = w->log;
    logfile_put(w->log, 'B', "writer %s %s %lld", w->name, w->topic,
                (long long)w->keys);
    rc = start(w, args_all(args, "conf"), err);
    if (rc == 0)
        rc = write_until_stopped(w, err);
    if (w->session.rk) {
        const int flushed = finish(w, rc ? NULL : err);
        rc = rc ? rc : flushed;
    }
    shunt_destroy(w->session.rk);
    const int closed = logfile_close(w->log, path, rc ? NULL : err);
    return rc ? rc : closed;
}

int
command_write(int argc, char **argv)
{
    struct arg args[] = {
        {"conf", 1, 1000, {0}}, {"topic", 1, 1, {0}},
        {"writer", 1, 1, {0}},  {"log", 1, 1, {0}},
        {"keys", 0, 1, {0}},    {"rate", 0, 1, {0}},
        {"count", 0, 1, {0}},   {0},
    };
    struct writing w = {.keys = 997, .rate = 1000};
    struct err err;
    stop_on_signals();
    int rc = args_parse(args, argc, argv, &err);
    if (rc == 0)
        rc = run(&w, args, &err);
    if (rc)
        (void)fprintf(stderr, "ledger write: %s\n", err.text);
    args_fini(args);
    return rc == 0 ? 0 : rc == ERR_TIMEOUT || rc == ERR_KAFKA ? 1 : 2;
}
