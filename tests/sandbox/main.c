/*
 * shunt-sandbox: two embedded Kafka clusters, a and b, in one process, with
 * topics made beforehand and faults on command.
 *
 * The main thread does everything but the clusters' own work.  SIGINT and
 * SIGTERM are blocked before any other thread starts and read from a
 * descriptor, so that clean-up is ordinary code.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/opt.h"
#include "common/base/strs.h"
#include "tests/sandbox/command.h"
#include "tests/sandbox/control.h"

struct conf {
    int64_t brokers;
    int64_t port[CLUSTERS];
    int64_t control_port;
    char *topics;
};

static const struct opt options[] = {
    {"brokers", OPT_INT, offsetof(struct conf, brokers), "1", 1, 9, "N",
     "brokers of each cluster"},
    {"a.port", OPT_INT, offsetof(struct conf, port[0]), "19092", 0, 65500,
     "PORT", "first broker of cluster a, the others follow; 0: free ports"},
    {"b.port", OPT_INT, offsetof(struct conf, port[1]), "19192", 0, 65500,
     "PORT", "first broker of cluster b, the others follow; 0: free ports"},
    {"topics", OPT_STR, offsetof(struct conf, topics),
     "orders:6,a.orders:6,b.orders:6", 0, 0, "LIST",
     "topics to make on both clusters, NAME:PARTITIONS; a/NAME:N on a only"},
    {"control.port", OPT_INT, offsetof(struct conf, control_port), "0", 0,
     65535, "PORT", "where commands are taken on 127.0.0.1; 0: a free port"},
    {0},
};

/* MirrorMaker 2 and shunt-replicator make these on real brokers; an embedded
 * cluster can't be asked to, and would give each 4 partitions. */
static const char internal_topics[] =
    "heartbeats:1,a.heartbeats:1,b.heartbeats:1,"
    "mm2-offset-syncs.a.internal:1,mm2-offset-syncs.b.internal:1,"
    "a.checkpoints.internal:1,b.checkpoints.internal:1,"
    "mm2-offsets.a.internal:25,mm2-offsets.b.internal:25";

static void
help(void)
{
    (void)fputs("Usage: shunt-sandbox [--OPTION VALUE]...\n"
                "Two embedded Kafka clusters, a and b, that live as long as "
                "this program.\n\nOptions:\n",
                stdout);
    opt_help(options, stdout);
    (void)printf("\nCommands, one a line, on stdin or the control port:\n%s",
                 command_help());
    (void)fputs(
        "\nExamples:\n"
        "  shunt-sandbox\n"
        "  shunt-sandbox --a.port 0 --b.port 0 --topics "
        "orders:12,a/invoices:3\n"
        "  echo 'cluster a down' >/dev/tcp/127.0.0.1/PORT   # in bash\n",
        stdout);
}

/* The descriptor from which SIGINT and SIGTERM are read; -1: errno. */
static int
take_signals(void)
{
    sigset_t set;
    if (sigemptyset(&set) || sigaddset(&set, SIGINT) ||
        sigaddset(&set, SIGTERM) || sigprocmask(SIG_BLOCK, &set, NULL))
        return -1;
    /* A reader that went away, and a background job's stdin, are errors to
     * see at the call. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTTIN, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int
start_clusters(struct sandbox *s, const struct conf *conf, struct err *err)
{
    static const char *const names[CLUSTERS] = {"a", "b"};
    int rc = 0;
    for (int i = 0; i < CLUSTERS && rc == 0; i++)
        rc = cluster_new(names[i], (int)conf->brokers, (int)conf->port[i],
                         &s->clusters[i], err);
    if (rc == 0)
        rc = command_topics(s, internal_topics, err);
    if (rc == 0)
        rc = command_topics(s, conf->topics, err);
    for (int i = 0; i < CLUSTERS && rc == 0; i++)
        rc = cluster_set_up(s->clusters[i], true, err);
    return rc;
}

static int
run(const struct conf *conf, struct err *err)
{
    struct sandbox s = {0};
    struct control *control = NULL;
    const int signals = take_signals();
    if (signals < 0)
        return err_set(err, ERR_IO, "signals can't be taken");
    int rc = control_open((int)conf->control_port, &control, err);
    if (rc == 0)
        rc = start_clusters(&s, conf, err);
    if (rc == 0) {
        log_info("control: 127.0.0.1:%d", control_port(control));
        log_info("ready: a=%s b=%s", cluster_bootstrap(s.clusters[0]),
                 cluster_bootstrap(s.clusters[1]));
        rc = control_serve(control, &s, signals, err);
    }
    control_close(control);
    for (int i = 0; i < CLUSTERS; i++)
        cluster_free(s.clusters[i]);
    (void)close(signals);
    return rc;
}

static int
parse(struct conf *conf, int argc, char **argv, struct err *err)
{
    int next;
    int rc = opt_defaults(options, conf, err);
    if (rc == 0)
        rc = opt_args(options, conf, argc, argv, &next, err);
    if (rc == 0 && next < argc)
        rc = err_field(err, ERR_INVALID, "", argv[next],
                       "\"%s\" is no option; --help lists all", argv[next]);
    return rc;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && str_equal(argv[1], "--help")) {
        help();
        return 0;
    }
    if (argc == 2 && str_equal(argv[1], "--help-options")) {
        opt_markdown(options, stdout);
        return 0;
    }
    struct conf conf = {0};
    struct err err;
    int rc = parse(&conf, argc, argv, &err);
    if (rc == 0)
        rc = run(&conf, &err);
    if (rc)
        log_error("%s", err.text);
    opt_fini(options, &conf);
    return rc ? 1 : 0;
}
