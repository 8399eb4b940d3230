/*
 * ledger read: one consumer of libshunt.  Logs what it is given, as soon as it
 * is given it.  Main thread.
 */
#include <inttypes.h>
#include <string.h>

#include "common/base/log.h"
#include "tests/tools/ledger/args.h"
#include "tests/tools/ledger/commands.h"
#include "tests/tools/ledger/logfile.h"
#include "tests/tools/ledger/record.h"
#include "tests/tools/ledger/session.h"

enum { POLL_MS = 100 };

struct reading {
    struct session session;
    FILE *log;
    int64_t read, errors;
};

static void
on_rebalance(shunt_t *rk, rd_kafka_resp_err_t code,
             rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    (void)opaque;
    log_info("%s: %d partitions", rd_kafka_err2name(code), partitions->cnt);
    for (int i = 0; i < partitions->cnt; i++)
        log_info("  %s/%" PRId32 " @%" PRId64, partitions->elems[i].topic,
                 partitions->elems[i].partition, partitions->elems[i].offset);
    const bool given = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (strcmp(shunt_rebalance_protocol(rk), "COOPERATIVE") != 0) {
        const rd_kafka_resp_err_t rc =
            shunt_assign(rk, given ? partitions : NULL);
        if (rc)
            log_warn("assign: %s", rd_kafka_err2str(rc));
        return;
    }
    rd_kafka_error_t *error = given
                                  ? shunt_incremental_assign(rk, partitions)
                                  : shunt_incremental_unassign(rk, partitions);
    if (error)
        log_warn("assign: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

static void
take(struct reading *r, const rd_kafka_message_t *m)
{
    struct record rec;
    const char *cluster = session_cluster_of(&r->session, m);
    const char *topic = rd_kafka_topic_name(m->rkt);
    if (record_decode(m->key, m->key_len, m->payload, m->len, &rec) != 0) {
        logfile_put(r->log, 'U', "%s %s %" PRId32 " %" PRId64, cluster, topic,
                    m->partition, m->offset);
        return;
    }
    r->read++;
    logfile_put(r->log, 'R',
                "%s %s %" PRId32 " %" PRId64 " %s %" PRId64 " %" PRId64
                " %" PRId64,
                cluster, topic, m->partition, m->offset, rec.writer, rec.key,
                rec.key_seq, rec.seq);
}

static void
read_until_stopped(struct reading *r)
{
    while (!stop_wanted()) {
        rd_kafka_message_t *m = shunt_consumer_poll(r->session.rk, POLL_MS);
        if (!m)
            continue;
        if (m->err) {
            r->errors++;
            log_warn("%s: %s", rd_kafka_err2name(m->err),
                     rd_kafka_message_errstr(m));
        } else {
            take(r, m);
        }
        rd_kafka_message_destroy(m);
    }
}

static int
start(struct reading *r, const struct arg *args, struct err *err)
{
    const char *const defaults[] = {"group.id", args_str(args, "group", NULL),
                                    "auto.offset.reset", "earliest", NULL};
    shunt_conf_t *conf = NULL;
    int rc =
        session_conf(&r->session, args_all(args, "conf"), defaults, &conf, err);
    if (rc)
        return rc;
    shunt_conf_set_rebalance_cb(conf, on_rebalance);
    rc = session_start_take(&r->session, RD_KAFKA_CONSUMER, conf, err);
    return rc ? rc
              : session_subscribe(&r->session, args_str(args, "topic", NULL),
                                  err);
}

static void
finish(struct reading *r, const char *name)
{
    const rd_kafka_resp_err_t code = shunt_consumer_close(r->session.rk);
    if (code)
        log_warn("closing: %s", rd_kafka_err2str(code));
    logfile_put(r->log, 'E', "read %" PRId64 " errors %" PRId64, r->read,
                r->errors);
    (void)printf("reader %s: %" PRId64 " records, %" PRId64 " errors\n", name,
                 r->read, r->errors);
}

static int
run(struct reading *r, const struct arg *args, struct err *err)
{
    const char *path = args_str(args, "log", NULL);
    const char *name = args_str(args, "reader", "r1");
    int rc = logfile_open(path, &r->log, err);
    if (rc)
        return rc;
    r->session.log = r->log;
    logfile_put(r->log, 'B', "reader %s %s %s", name,
                args_str(args, "group", NULL), args_str(args, "topic", NULL));
    rc = start(r, args, err);
    if (rc == 0) {
        read_until_stopped(r);
        finish(r, name);
    }
    shunt_destroy(r->session.rk);
    const int closed = logfile_close(r->log, path, rc ? NULL : err);
    return rc ? rc : closed;
}

int
command_read(int argc, char **argv)
{
    struct arg args[] = {
        {"conf", 1, 1000, {0}}, {"topic", 1, 1, {0}},  {"group", 1, 1, {0}},
        {"log", 1, 1, {0}},     {"reader", 0, 1, {0}}, {0},
    };
    struct reading r = {0};
    struct err err;
    stop_on_signals();
    int rc = args_parse(args, argc, argv, &err);
    if (rc == 0)
        rc = run(&r, args, &err);
    if (rc)
        (void)fprintf(stderr, "ledger read: %s\n", err.text);
    args_fini(args);
    return rc ? 2 : 0;
}
