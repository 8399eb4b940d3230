/*
 * ledger process: reads a topic and writes each record as it is to another one,
 * in transactions that hold the positions too.  Whatever an error says is done:
 * again, abort and back to what is committed, or a producer made anew.  Main
 * thread.
 */
#include <inttypes.h>
#include <string.h>

#include "common/base/log.h"
#include "tests/tools/ledger/args.h"
#include "tests/tools/ledger/commands.h"
#include "tests/tools/ledger/logfile.h"
#include "tests/tools/ledger/session.h"

enum {
    POLL_MS = 100,
    WAIT_MS = 5000,
    AT_ONCE = 200,
};

struct processing {
    struct session in, out;
    const struct strlist *out_settings;
    FILE *log;
    const char *to;
    bool open; /* a transaction */
    int64_t records, committed, aborted, anew;
};

/* ---- the producer -------------------------------------------------------- */

static int
new_producer(struct processing *p, struct err *err)
{
    static const char *const defaults[] = {"linger.ms", "5", NULL};
    shunt_conf_t *conf = NULL;
    const int rc = session_conf(&p->out, p->out_settings, defaults, &conf, err);
    return rc ? rc : session_start_take(&p->out, RD_KAFKA_PRODUCER, conf, err);
}

static int
renew(struct processing *p, struct err *err)
{
    p->anew++;
    shunt_destroy(p->out.rk);
    p->out.rk = NULL;
    return new_producer(p, err);
}

/* Until the producer, or a new one, is ready; or nobody wants it any more. */
static int
init(struct processing *p, struct err *err)
{
    rd_kafka_error_t *e;
    int rc = 0;
    while (rc == 0 && !stop_wanted() &&
           (e = shunt_init_transactions(p->out.rk, WAIT_MS))) {
        log_warn("init: %s", rd_kafka_error_string(e));
        if (rd_kafka_error_is_fatal(e))
            rc = renew(p, err);
        rd_kafka_error_destroy(e);
    }
    return rc;
}

/* ---- where it is --------------------------------------------------------- */

/* NULL: it moves now. */
static rd_kafka_topic_partition_list_t *
places(struct processing *p, bool committed)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    rd_kafka_resp_err_t rc = shunt_assignment(p->in.rk, &l);
    if (!rc)
        rc = committed ? shunt_committed(p->in.rk, l, WAIT_MS)
                       : shunt_position(p->in.rk, l);
    if (!rc)
        return l;
    log_warn("%s: %s", committed ? "committed" : "position",
             rd_kafka_err2str(rc));
    if (l)
        rd_kafka_topic_partition_list_destroy(l);
    return NULL;
}

static bool
seek(struct processing *p, rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++)
        if (l->elems[i].offset < 0)
            l->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_error_t *e = shunt_seek_partitions(p->in.rk, l, WAIT_MS);
    bool good = !e;
    if (e)
        log_warn("seek: %s", rd_kafka_error_string(e));
    rd_kafka_error_destroy(e);
    for (int i = 0; i < l->cnt; i++)
        good = good && !l->elems[i].err;
    return good;
}

/* Everywhere, or again: who goes on without it skips what was aborted. */
static void
back_to_committed(struct processing *p)
{
    for (bool done = false; !done && !stop_wanted();) {
        rd_kafka_topic_partition_list_t *l = places(p, true);
        done = l && seek(p, l);
        if (l)
            rd_kafka_topic_partition_list_destroy(l);
        if (done)
            break;
        rd_kafka_message_t *m = shunt_consumer_poll(p->in.rk, POLL_MS);
        if (m) /* comes again */
            rd_kafka_message_destroy(m);
    }
}

/* ---- transactions -------------------------------------------------------- */

static rd_kafka_error_t *
copy(struct processing *p, const rd_kafka_message_t *m)
{
    const rd_kafka_vu_t vus[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = p->to},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {m->key, m->key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {m->payload, m->len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY}};
    return shunt_produceva(p->out.rk, vus, sizeof(vus) / sizeof(*vus));
}

/* Takes `m`, the first record. */
static rd_kafka_error_t *
fill_take(struct processing *p, rd_kafka_message_t *m)
{
    rd_kafka_error_t *e = NULL;
    for (int n = 1; m; n++) {
        if (!e && !m->err) {
            e = copy(p, m);
            p->records++;
        }
        rd_kafka_message_destroy(m);
        m = !e && n < AT_ONCE ? shunt_consumer_poll(p->in.rk, 0) : NULL;
    }
    return e;
}

static rd_kafka_error_t *
send_positions(struct processing *p)
{
    rd_kafka_topic_partition_list_t *l = places(p, false);
    rd_kafka_consumer_group_metadata_t *g =
        shunt_consumer_group_metadata(p->in.rk);
    rd_kafka_error_t *e =
        l && g ? shunt_send_offsets_to_transaction(p->out.rk, l, g, WAIT_MS)
               : rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE, "it moves");
    if (g)
        rd_kafka_consumer_group_metadata_destroy(g);
    if (l)
        rd_kafka_topic_partition_list_destroy(l);
    return e;
}

/* Commits or aborts: again as long as that is what the error says. */
static rd_kafka_error_t *
end(struct processing *p, rd_kafka_error_t *(*how)(shunt_t *, int))
{
    rd_kafka_error_t *e = how(p->out.rk, WAIT_MS);
    while (e && rd_kafka_error_is_retriable(e) && !stop_wanted()) {
        rd_kafka_error_destroy(e);
        e = how(p->out.rk, WAIT_MS);
    }
    p->open = e != NULL;
    return e;
}

static rd_kafka_error_t *
transaction_take(struct processing *p, rd_kafka_message_t *m)
{
    rd_kafka_error_t *e = shunt_begin_transaction(p->out.rk);
    if (e) {
        rd_kafka_message_destroy(m);
        return e;
    }
    p->open = true;
    e = fill_take(p, m);
    if (!e)
        e = send_positions(p);
    if (!e)
        e = end(p, shunt_commit_transaction);
    p->committed += e == NULL;
    return e;
}

/* Destroys `e`. */
static int
undo(struct processing *p, rd_kafka_error_t *e, struct err *err)
{
    int rc = 0;
    log_warn("aborting: %s: %s", rd_kafka_error_name(e),
             rd_kafka_error_string(e));
    if (p->open && !rd_kafka_error_is_fatal(e)) {
        rd_kafka_error_destroy(e);
        e = end(p, shunt_abort_transaction);
        p->aborted++;
    }
    if (e && (p->open || rd_kafka_error_is_fatal(e)) && !stop_wanted()) {
        log_warn("a new producer: %s", rd_kafka_error_string(e));
        rc = renew(p, err);
        rc = rc ? rc : init(p, err);
    }
    rd_kafka_error_destroy(e);
    p->open = false;
    back_to_committed(p);
    return rc;
}

static int
process_until_stopped(struct processing *p, struct err *err)
{
    int rc = init(p, err);
    while (rc == 0 && !stop_wanted()) {
        rd_kafka_message_t *m = shunt_consumer_poll(p->in.rk, POLL_MS);
        rd_kafka_error_t *e = NULL;
        if (m && m->err)
            rd_kafka_message_destroy(m);
        else if (m)
            e = transaction_take(p, m);
        if (e)
            rc = undo(p, e, err);
    }
    return rc;
}

/* ---- from start to end --------------------------------------------------- */

static int
start(struct processing *p, const struct arg *args, struct err *err)
{
    const char *const defaults[] = {
        "group.id", args_str(args, "group", NULL), "enable.auto.commit",
        "false",    "auto.offset.reset",           "earliest",
        NULL};
    shunt_conf_t *conf = NULL;
    int rc = session_conf(&p->in, args_all(args, "conf"), defaults, &conf, err);
    if (rc == 0)
        rc = session_start_take(&p->in, RD_KAFKA_CONSUMER, conf, err);
    if (rc == 0)
        rc = new_producer(p, err);
    return rc ? rc
              : session_subscribe(&p->in, args_str(args, "topic", NULL), err);
}

static int
run(struct processing *p, const struct arg *args, struct err *err)
{
    const char *path = args_str(args, "log", NULL);
    int rc = logfile_open(path, &p->log, err);
    if (rc)
        return rc;
    p->to = args_str(args, "to", NULL);
    p->out_settings = args_all(args, "producer");
    p->in.log = p->out.log = p->log;
    logfile_put(p->log, 'B', "processor %s %s %s",
                args_str(args, "group", NULL), args_str(args, "topic", NULL),
                p->to);
    rc = start(p, args, err);
    if (rc == 0)
        rc = process_until_stopped(p, err);
    if (rc == 0) {
        (void)shunt_consumer_close(p->in.rk);
        logfile_put(p->log, 'E',
                    "records %" PRId64 " committed %" PRId64 " aborted %" PRId64
                    " anew %" PRId64,
                    p->records, p->committed, p->aborted, p->anew);
    }
    shunt_destroy(p->in.rk);
    shunt_destroy(p->out.rk);
    const int closed = logfile_close(p->log, path, rc ? NULL : err);
    return rc ? rc : closed;
}

int
command_process(int argc, char **argv)
{
    struct arg args[] = {
        {"conf", 1, 1000, {0}},
        {"producer", 1, 1000, {0}},
        {"topic", 1, 1, {0}},
        {"group", 1, 1, {0}},
        {"to", 1, 1, {0}},
        {"log", 1, 1, {0}},
        {0},
    };
    struct processing p = {0};
    struct err err;
    stop_on_signals();
    int rc = args_parse(args, argc, argv, &err);
    if (rc == 0)
        rc = run(&p, args, &err);
    if (rc)
        (void)fprintf(stderr, "ledger process: %s\n", err.text);
    args_fini(args);
    return rc ? 2 : 0;
}
