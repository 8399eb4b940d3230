/*
 * shunt-offset: options, start, stop.  The loop thread answers requests; each
 * cluster has threads that read its topics (feed.c), ask where its logs end
 * (logs.c), read records (reader.c) and talk to its groups (groups.c); one looks
 * after all partitions (oversee.c).
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/opt.h"
#include "common/base/xmem.h"
#include "common/net/loop.h"
#include "offset-mapper/api.h"
#include "offset-mapper/commands.h"
#include "offset-mapper/config.h"
#include "offset-mapper/content.h"
#include "offset-mapper/follow.h"
#include "offset-mapper/groups.h"
#include "offset-mapper/logs.h"
#include "offset-mapper/store.h"
#include "offset-mapper/verify.h"

struct options {
    char *listen;
    char *data_dir;
    int64_t store_max_mib;
    char *flows_file;
    char *route_service;
    int64_t fetch_wait_max_ms;
    int64_t verify_interval_ms;
    int64_t flow_dead_after_ms;
    int64_t watch_interval_ms;
    char *log_level;
    int64_t samples, timeout_ms;
    bool json;
    bool help, help_options, version;
};

#define FIELD(f) offsetof(struct options, f)

static const struct opt options[] = {
    {"listen", OPT_STR, FIELD(listen), "127.0.0.1:7071", 0, 0, "HOST:PORT",
     "where to listen; port 0 takes a free one; commands: where the running "
     "one does"},
    {"data.dir", OPT_STR, FIELD(data_dir), "/var/lib/shunt/offset", 0, 0, "DIR",
     "folder of the store; made when absent"},
    {"store.max.mib", OPT_INT, FIELD(store_max_mib), "65536", 1, 1 << 24, "MIB",
     "what the store may grow to; address space, not disk, is taken at once"},
    {"flows.file", OPT_STR, FIELD(flows_file), NULL, 0, 0, "FILE",
     "JSON file with the clusters and flows to follow"},
    {"route.service", OPT_STR, FIELD(route_service), NULL, 0, 0, "URL[,URL]",
     "route services to ask where the members of a group stand; all of them"},
    {"fetch.wait.max.ms", OPT_INT, FIELD(fetch_wait_max_ms), "100", 1, 60000,
     "MS", "how long a broker may hold back an empty fetch"},
    {"verify.interval.ms", OPT_INT, FIELD(verify_interval_ms), "0", 0, 86400000,
     "MS",
     "how often to check the answer to a random position of each flow against "
     "the records themselves; 0: never"},
    {"flow.dead.after.ms", OPT_INT, FIELD(flow_dead_after_ms), "10000", 1000,
     3600000, "MS",
     "a flow without heartbeats and syncs for so long counts as dead"},
    {"watch.interval.ms", OPT_INT, FIELD(watch_interval_ms), "500", 0, 3600000,
     "MS",
     "how often to look for topics made anew and for what retention has "
     "dropped; 0: never"},
    {"log.level", OPT_STR, FIELD(log_level), "info", 0, 0, "LEVEL",
     "error, warn, info or debug"},
    {"samples", OPT_INT, FIELD(samples), "100", 1, 100000, "N",
     "verify: how many random positions"},
    {"timeout.ms", OPT_INT, FIELD(timeout_ms), "60000", 1, 600000, "MS",
     "commands: how long to wait for the running mapper"},
    {"json", OPT_BOOL, FIELD(json), "false", 0, 0, "",
     "commands: print what the mapper answers"},
    {"help", OPT_BOOL, FIELD(help), "false", 0, 0, "", "this text"},
    {"help-options", OPT_BOOL, FIELD(help_options), "false", 0, 0, "",
     "the options as a markdown table"},
    {"version", OPT_BOOL, FIELD(version), "false", 0, 0, "", "the version"},
    {0},
};

struct program {
    struct config config;
    struct store *store;
    struct logs *logs;
    struct strlist services;
    struct groups *groups;
    struct follow *follow;
    struct content *content;
    struct verify *verify;
    struct loop *loop;
    struct api *api;
};

static void
print_help(void)
{
    puts("usage: shunt-offset --flows.file FILE [OPTION...]\n"
         "       shunt-offset COMMAND [WORDS] [OPTION...]\n"
         "\n"
         "Follows MirrorMaker 2's offset-syncs topics and answers which offset "
         "on one\ncluster is which on the other, both ways "
         "(offset-mapper/PROTOCOL.md).\n\ncommands:");
    command_help();
    puts("");
    opt_help(options, stdout);
    puts(
        "\nexamples:\n"
        "  shunt-offset --flows.file flows.json --data.dir "
        "/var/lib/shunt-offset\n"
        "  shunt-offset --config /etc/shunt-offset.conf --listen 0.0.0.0:7071\n"
        "\n"
        "flows.json:\n"
        "  {\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":\"h1:9092\"},\n"
        "               {\"name\":\"b\",\"bootstrap.servers\":\"h2:9092\"}],\n"
        "   \"flows\":[{\"source\":\"a\",\"target\":\"b\"}]}");
}

/* Handles options that only print; true when the program is done. */
static bool
only_print(const struct options *o)
{
    if (o->help)
        print_help();
    else if (o->help_options)
        opt_markdown(options, stdout);
    else if (o->version)
        puts("shunt-offset " SHUNT_VERSION);
    else
        return false;
    return true;
}

/* Options may stand anywhere; what is left are the words of a command. */
static int
read_words(struct options *o, int argc, char **argv, int *n_words, char **words,
           struct err *err)
{
    for (int i = 0, next; i < argc;) {
        const int rc = opt_args(options, o, argc - i, argv + i, &next, err);
        if (rc)
            return rc;
        i += next;
        if (i < argc)
            words[(*n_words)++] = argv[i];
    }
    return 0;
}

static int
read_options(struct options *o, int argc, char **argv, int *n_words,
             char **words, struct err *err)
{
    int rc = opt_defaults(options, o, err);
    if (rc == 0)
        rc = read_words(o, argc, argv, n_words, words, err);
    if (rc)
        return rc;
    if (*n_words > 0 && !command_find(words[0]))
        return err_set(
            err, ERR_INVALID,
            "\"%s\" is neither an option nor a command; --help lists "
            "them",
            words[0]);
    if (log_level_of(o->log_level) < 0)
        return err_field(err, ERR_INVALID, "log.level", o->log_level,
                         "option log.level: \"%s\" is not error, warn, info "
                         "or debug",
                         o->log_level);
    return 0;
}

static void
on_signal(void *arg)
{
    struct program *p = arg;
    log_info("stopping");
    loop_stop(p->loop);
}

static int
start_loop(struct program *p, const char *listen, struct err *err)
{
    int rc = loop_new(&p->loop, err);
    if (rc == 0)
        rc = loop_on_signal(p->loop, SIGINT, on_signal, p);
    if (rc == 0)
        rc = loop_on_signal(p->loop, SIGTERM, on_signal, p);
    if (rc == 0)
        rc = api_listen(p->loop, listen, &p->api, err);
    return rc;
}

static int
open_parts(struct program *p, const struct options *o, struct err *err)
{
    const struct follow_options follow = {
        o->fetch_wait_max_ms, o->flow_dead_after_ms, o->watch_interval_ms};
    const struct store_limits limits = {.map_bytes = (size_t)o->store_max_mib
                                                     << 20};
    int rc = store_open_limits(o->data_dir, &limits, &p->store, err);
    if (rc == 0)
        rc = logs_start(&p->config, &p->logs, err);
    if (rc == 0)
        rc =
            follow_new(&p->config, p->store, p->logs, &follow, &p->follow, err);
    if (rc == 0)
        p->content = content_new(&p->config);
    return rc;
}

static int
start_groups(struct program *p, const struct options *o, struct err *err)
{
    const struct groups_parts parts = {.config = &p->config,
                                       .store = p->store,
                                       .loop = p->loop,
                                       .services = &p->services};
    if (o->route_service &&
        strlist_split(&p->services, o->route_service, ",") != 0)
        return err_nomem(err);
    return groups_start(&parts, &p->groups, err);
}

static int
start_api(struct program *p, const struct options *o, struct err *err)
{
    const struct verify_parts sampled = {.config = &p->config,
                                         .store = p->store,
                                         .content = p->content,
                                         .logs = p->logs,
                                         .follow = p->follow,
                                         .loop = p->loop};
    p->verify = verify_new(&sampled, o->verify_interval_ms);
    const struct api_parts parts = {.config = &p->config,
                                    .store = p->store,
                                    .content = p->content,
                                    .logs = p->logs,
                                    .verify = p->verify,
                                    .groups = p->groups,
                                    .follow = p->follow};
    return api_serve(p->api, &parts, err);
}

/* The port is taken before any cluster is asked, so that a second process
 * leaves at once; requests are served when loop_run() begins. */
static int
start(struct program *p, const struct options *o, struct err *err)
{
    if (!o->flows_file)
        return err_set(err, ERR_INVALID,
                       "option flows.file is missing; --help shows an example");
    int rc = config_load(o->flows_file, &p->config, err);
    if (rc == 0)
        rc = start_loop(p, o->listen, err);
    if (rc == 0)
        rc = open_parts(p, o, err);
    if (rc == 0)
        rc = start_groups(p, o, err);
    if (rc == 0)
        rc = start_api(p, o, err);
    return rc ? rc : follow_start(p->follow, err);
}

/* Questions that wait for others are answered while their requests live. */
static void
end_questions(struct program *p)
{
    if (p->verify)
        verify_stop(p->verify);
    if (p->content)
        content_stop(p->content);
    logs_stop(p->logs);
    groups_stop(p->groups);
    while (p->loop && loop_drain(p->loop))
        ;
}

static void
stop(struct program *p)
{
    follow_stop(p->follow);
    end_questions(p);
    api_free(p->api);
    verify_free(p->verify);
    content_free(p->content);
    follow_free(p->follow);
    if (p->loop)
        loop_free(p->loop);
    groups_free(p->groups);
    strlist_fini(&p->services);
    logs_free(p->logs);
    store_close(p->store);
    config_fini(&p->config);
}

/* Each question that waits has a connection; where the system gives 1,024 files
 * to begin with, it mostly allows more. */
static void
allow_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files))
        return;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files))
        log_warn("cannot have more than the usual number of open files: %s",
                 strerror(errno));
}

static int
serve(const struct options *o)
{
    struct program p = {0};
    struct err err = {0};
    log_set_level((enum log_level)log_level_of(o->log_level));
    allow_files();
    const int rc = start(&p, o, &err);
    if (rc) {
        log_error("shunt-offset: %s", err.text);
    } else {
        log_info("ready: %s", api_url(p.api));
        loop_run(p.loop);
    }
    stop(&p);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
run_command(const struct options *o, int n_words, char **words)
{
    const struct command_conf conf = {.listen = o->listen,
                                      .data_dir = o->data_dir,
                                      .samples = o->samples,
                                      .timeout_ms = o->timeout_ms,
                                      .json = o->json};
    static char help[] = "--help";
    char *helped[] = {words[0], help, NULL};
    const struct command *c = command_find(words[0]);
    return o->help ? c->run(&conf, 2, helped) : c->run(&conf, n_words, words);
}

/* The store is mapped into memory: where its file ends too early, or its disk
 * fails, reading it is a signal.  Any thread. */
static void
on_bus_error(int signo)
{
    static const char text[] =
        "shunt-offset: the store cannot be read: its file is cut short, or its "
        "disk fails. `shunt-offset verify-store DATA.DIR` says what is wrong; "
        "put a backup in its place, or move the folder away: the topics will "
        "be read again\n";
    const ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)n; /* there is nobody else to tell */
    (void)signal(signo, SIG_DFL);
    (void)raise(signo);
}

int
main(int argc, char **argv)
{
    struct options o = {0};
    struct err err = {0};
    char **words = xcalloc((size_t)argc + 1, sizeof(*words));
    int n_words = 0, status = EXIT_FAILURE;
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that left is no reason to die */
    (void)signal(SIGXFSZ, SIG_IGN); /* nor is a file that may not grow */
    (void)signal(SIGBUS, on_bus_error);
    if (read_options(&o, argc, argv, &n_words, words, &err))
        (void)fprintf(stderr, "shunt-offset: %s\n", err.text);
    else if (n_words > 0)
        status = run_command(&o, n_words, words);
    else if (only_print(&o))
        status = EXIT_SUCCESS;
    else
        status = serve(&o);
    opt_fini(options, &o);
    free(words);
    return status;
}
