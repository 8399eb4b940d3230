/*
 * shunt-route: options, signals, the loop.  One sentence and exit code 1 when
 * it can't start; 0 after SIGTERM or SIGINT.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/opt.h"
#include "common/base/refs.h"
#include "route-service/service.h"

#define LOOPS_MAX  64
#define LOOPS_AUTO 8 /* more are made only where they are asked for */

struct conf {
    char *listen, *data_dir, *log_level;
    char *server_id, *advertise_url;
    char *zk_connect, *zk_root, *zk_auth, *zk_acl;
    int64_t zk_session_ms, zk_snapshot, keep_revisions, keep_ms;
    int64_t loops;
    int64_t heartbeat_ms, expiry_ms, watch_rate;
    int64_t body_max, header_max, line_max, backlog_max;
    int64_t connections_max, address_max;
    int64_t idle_ms, head_ms, body_ms, write_ms;
};

#define FIELD(f) offsetof(struct conf, f)

static const struct opt options[] = {
    {"listen", OPT_STR, FIELD(listen), "127.0.0.1:7070", 0, 0, "ADDR:PORT",
     "where to listen; port 0 takes a free one"},
    {"data.dir", OPT_STR, FIELD(data_dir), "/var/lib/shunt/route", 0, 0, "DIR",
     "folder of the route table and its history; made if missing"},
    {"loops", OPT_INT, FIELD(loops), "0", 0, LOOPS_MAX, "N",
     "event loops, each with a thread; 0: one for each core, at most 8"},
    {"server.id", OPT_STR, FIELD(server_id), NULL, 0, 0, "NAME",
     "name of this server among others; default: host name and port"},
    {"advertise.url", OPT_STR, FIELD(advertise_url), NULL, 0, 0, "URL",
     "where others reach this server; default: the address it listens on"},
    {"zookeeper.connect", OPT_STR, FIELD(zk_connect), NULL, 0, 0,
     "HOST:PORT,...",
     "ZooKeeper, where several servers share a table; without it this one is "
     "alone"},
    {"zookeeper.root", OPT_STR, FIELD(zk_root), "/shunt", 0, 0, "PATH",
     "znode below which the group keeps its table"},
    {"zookeeper.auth", OPT_STR, FIELD(zk_auth), NULL, 0, 0, "TEXT",
     "user:password for ZooKeeper (digest), by ${file:/path} or ${env:NAME}"},
    {"zookeeper.acl", OPT_STR, FIELD(zk_acl), "open", 0, 0, "open|creator",
     "who may use the znodes that are made: everybody, or zookeeper.auth alone"},
    {"zookeeper.session.timeout.ms", OPT_INT, FIELD(zk_session_ms), "6000",
     1000, 60000, "MS",
     "silence after which ZooKeeper and this server give each other up"},
    {"zookeeper.snapshot.changes", OPT_INT, FIELD(zk_snapshot), "1000", 2,
     1000000, "N",
     "change sets after which a snapshot in ZooKeeper replaces the older ones"},
    {"history.keep.revisions", OPT_INT, FIELD(keep_revisions), "0", 0,
     1000000000, "N",
     "change sets to keep at least; 0: as many as history.keep.ms says, or all"},
    {"history.keep.ms", OPT_INT, FIELD(keep_ms), "0", 0, 3153600000000, "MS",
     "how long to keep change sets at least; 0: as history.keep.revisions says"},
    {"heartbeat.interval.ms", OPT_INT, FIELD(heartbeat_ms), "10000", 100, 10000,
     "MS",
     "time between two heartbeats; clients leave a stream silent for 30 s"},
    {"client.expiry.ms", OPT_INT, FIELD(expiry_ms), "60000", 100, 86400000,
     "MS", "how long a client is listed after its stream has ended"},
    {"watch.rate.max", OPT_INT, FIELD(watch_rate), "2000", 0, 1000000, "N",
     "streams opened per second; more are told to come back later; 0: no "
     "limit"},
    {"body.max.bytes", OPT_INT, FIELD(body_max), "67108864", 1024, 67108864,
     "BYTES",
     "largest body of a request; a change set of 100,000 rules has about 25 "
     "MB"},
    {"header.max.bytes", OPT_INT, FIELD(header_max), "16384", 1024, 1048576,
     "BYTES", "largest head of a request"},
    {"line.max.bytes", OPT_INT, FIELD(line_max), "8192", 256, 1048576, "BYTES",
     "longest request line and longest header line"},
    {"connections.max", OPT_INT, FIELD(connections_max), "20000", 1, 1000000,
     "N", "connections at once; more are refused"},
    {"connections.per.address.max", OPT_INT, FIELD(address_max), "0", 0,
     1000000, "N",
     "connections at once from one address; 0: no limit but connections.max"},
    {"stream.backlog.max.bytes", OPT_INT, FIELD(backlog_max), "1048576", 4096,
     67108864, "BYTES", "unread events of a watcher before it is dropped"},
    {"idle.timeout.ms", OPT_INT, FIELD(idle_ms), "60000", 1000, 3600000, "MS",
     "a connection without request or stream is closed after this time, and one "
     "whose peer acknowledges nothing"},
    {"head.timeout.ms", OPT_INT, FIELD(head_ms), "10000", 100, 3600000, "MS",
     "longest time for the head of a request to arrive"},
    {"body.timeout.ms", OPT_INT, FIELD(body_ms), "60000", 100, 3600000, "MS",
     "longest time for the body of a request to arrive"},
    {"write.timeout.ms", OPT_INT, FIELD(write_ms), "30000", 100, 3600000, "MS",
     "a connection that takes nothing of what waits for it is closed after "
     "this time"},
    {"log.level", OPT_STR, FIELD(log_level), "info", 0, 0, "LEVEL",
     "error, warn, info or debug"},
    {0},
};

static void
help(FILE *to)
{
    (void)fputs(
        "usage: shunt-route [--config FILE] [--OPTION VALUE ...]\n\n"
        "Serves the route table: which Kafka cluster an application is on.\n\n"
        "options:\n",
        to);
    opt_help(options, to);
    (void)fputs(
        "  --config FILE                      read options from FILE "
        "(key = value)\n"
        "  --help, --help-options, --version\n\n"
        "examples:\n"
        "  shunt-route --data.dir ./routes\n"
        "  shunt-route --listen 0.0.0.0:7070 --data.dir /var/lib/shunt-route\n"
        "  curl http://127.0.0.1:7070/v1/table\n",
        to);
}

/* Words that answer by themselves; true: done. */
static bool
answered(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "--help") == 0)
        help(stdout);
    else if (strcmp(word, "--help-options") == 0)
        opt_markdown(options, stdout);
    else if (strcmp(word, "--version") == 0)
        (void)puts("shunt-route " SHUNT_VERSION);
    else
        return false;
    return true;
}

static int
read_options(struct conf *conf, int argc, char **argv, struct err *err)
{
    int next = argc;
    int rc;
    if ((rc = opt_defaults(options, conf, err)) ||
        (rc = opt_args(options, conf, argc, argv, &next, err)))
        return rc;
    if (next < argc)
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no option; --help shows what there is",
                       argv[next]);
    const int level = log_level_of(conf->log_level);
    if (level < 0)
        return err_set(err, ERR_INVALID,
                       "option log.level: \"%s\" is not error, warn, info or "
                       "debug",
                       conf->log_level);
    log_set_level((enum log_level)level);
    return 0;
}

static void
on_signal(void *arg)
{
    service_stop(arg);
}

static int
run(struct loop *loop, const struct service_conf *conf, struct err *err)
{
    struct service s;
    int rc = service_open(&s, loop, conf, err);
    if (rc)
        return rc;
    if ((rc = loop_on_signal(loop, SIGTERM, on_signal, &s)) == 0 &&
        (rc = loop_on_signal(loop, SIGINT, on_signal, &s)) == 0) {
        log_info("ready: %s", service_url(&s));
        loop_run(loop);
    } else {
        (void)err_set(err, rc, "cannot watch for signals: %s", err_text(rc));
    }
    service_close(&s);
    return rc;
}

static int64_t
loops_of(const struct conf *conf)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (conf->loops > 0)
        return conf->loops;
    return cores < 1 ? 1 : cores > LOOPS_AUTO ? LOOPS_AUTO : cores;
}

static struct http_limits
limits_of(const struct conf *conf)
{
    return (struct http_limits){
        .body_max_bytes = (size_t)conf->body_max,
        .header_max_bytes = (size_t)conf->header_max,
        .line_max_bytes = (size_t)conf->line_max,
        .connections_max = (size_t)conf->connections_max,
        .connections_per_address_max = (size_t)conf->address_max,
        .stream_backlog_max_bytes = (size_t)conf->backlog_max,
        .idle_timeout_ms = conf->idle_ms,
        .head_timeout_ms = conf->head_ms,
        .body_timeout_ms = conf->body_ms,
        .write_timeout_ms = conf->write_ms,
    };
}

/* user:password; the text names where it is kept, and never holds it. */
static int
read_auth(const char *text, char **out, struct err *err)
{
    struct err why;
    if (!text)
        return 0;
    if (!strstr(text, "${"))
        return err_set(err, ERR_INVALID,
                       "option zookeeper.auth: give the secret as "
                       "${file:/path} or ${env:NAME}");
    const int rc = refs_expand(text, out, &why);
    return rc ? err_set(err, rc, "option zookeeper.auth: %s", why.text) : 0;
}

static int
ensemble_of(const struct conf *conf, struct ensemble_conf *out, char **auth,
            struct err *err)
{
    const bool creator = strcmp(conf->zk_acl, "creator") == 0;
    if (!creator && strcmp(conf->zk_acl, "open") != 0)
        return err_set(err, ERR_INVALID,
                       "option zookeeper.acl: \"%.60s\" is not open or "
                       "creator",
                       conf->zk_acl);
    if ((conf->zk_auth || creator) && !conf->zk_connect)
        return err_set(err, ERR_INVALID,
                       "option zookeeper.connect is missing, but there is "
                       "zookeeper.%s: without it this server would be alone",
                       conf->zk_auth ? "auth" : "acl");
    const int rc = read_auth(conf->zk_auth, auth, err);
    if (rc)
        return rc;
    *out = (struct ensemble_conf){.connect = conf->zk_connect,
                                  .root = conf->zk_root,
                                  .auth = *auth,
                                  .creator_only = creator,
                                  .session_ms = conf->zk_session_ms,
                                  .snapshot_changes = conf->zk_snapshot};
    return conf->zk_connect ? ensemble_check(out, err) : 0;
}

static int
serve_with(const struct conf *conf, const struct ensemble_conf *ensemble,
           struct err *err)
{
    const struct service_conf to = {
        .listen = conf->listen,
        .data_dir = conf->data_dir,
        .server_id = conf->server_id,
        .advertise_url = conf->advertise_url,
        .loops = loops_of(conf),
        .heartbeat_ms = conf->heartbeat_ms,
        .expiry_ms = conf->expiry_ms,
        .watch_rate = conf->watch_rate,
        .ensemble = *ensemble,
        .keep_revisions = conf->keep_revisions,
        .keep_ms = conf->keep_ms,
        .limits = limits_of(conf),
    };
    struct loop *loop;
    int rc = loop_new(&loop, err);
    if (rc)
        return rc;
    rc = run(loop, &to, err);
    loop_free(loop);
    return rc;
}

static int
serve(const struct conf *conf, struct err *err)
{
    struct ensemble_conf ensemble;
    char *auth = NULL;
    int rc = ensemble_of(conf, &ensemble, &auth, err);
    if (rc == 0)
        rc = serve_with(conf, &ensemble, err);
    refs_wipe_take(auth);
    return rc;
}

int
main(int argc, char **argv)
{
    struct conf conf = {0};
    struct err err;
    if (answered(argc, argv))
        return 0;
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that is gone is no signal */
    int rc = read_options(&conf, argc, argv, &err);
    if (rc == 0)
        rc = serve(&conf, &err);
    if (rc)
        (void)fprintf(stderr, "shunt-route: %s\n", err.text);
    opt_fini(options, &conf);
    return rc ? 1 : 0;
}
