/*
 * Owns the process: command line, settings, the flows.
 * The main thread runs the event loop; flows have threads of their own, and
 * are only looked at from here.
 */
#include "replicator/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/opt.h"
#include "common/base/xmem.h"
#include "common/net/loop.h"
#include "replicator/api.h"
#include "replicator/beats.h"
#include "replicator/check.h"
#include "replicator/flow.h"
#include "replicator/java.h"
#include "replicator/load.h"
#include "replicator/observe.h"
#include "replicator/settings.h"

#define NAMES_MAX_BYTES ((size_t)1 << 20)
#define LOOK_MS         50

struct conf {
    char *listen, *log_level, *clusters;
    bool check, connect, json, help, help_options, help_keys, version;
};

static const struct opt options[] = {
    {"listen", OPT_STR, offsetof(struct conf, listen), NULL, 0, 0, "HOST:PORT",
     "serve /healthz, /readyz, /status, /metrics there (default: nowhere)"},
    {"check", OPT_BOOL, offsetof(struct conf, check), "false", 0, 0, "",
     "only check FILE: print what would be done, and from which line"},
    {"connect", OPT_BOOL, offsetof(struct conf, connect), "false", 0, 0, "",
     "with --check: ask the sources which topics would be copied now"},
    {"json", OPT_BOOL, offsetof(struct conf, json), "false", 0, 0, "",
     "with --check: as JSON"},
    {"clusters", OPT_STR, offsetof(struct conf, clusters), NULL, 0, 0,
     "NAME ...", "run only flows to these clusters (default: all of FILE)"},
    {"log.level", OPT_STR, offsetof(struct conf, log_level), "info", 0, 0,
     "LEVEL", "error, warn, info or debug"},
    {"help", OPT_BOOL, offsetof(struct conf, help), "false", 0, 0, "",
     "show this text"},
    {"help-options", OPT_BOOL, offsetof(struct conf, help_options), "false", 0,
     0, "", "show the options as a markdown table"},
    {"help-keys", OPT_BOOL, offsetof(struct conf, help_keys), "false", 0, 0, "",
     "show the keys of FILE as markdown tables"},
    {"version", OPT_BOOL, offsetof(struct conf, version), "false", 0, 0, "",
     "show the version"},
    {0},
};

struct program {
    struct conf conf;
    struct loaded loaded;
    struct flow **flows;
    size_t n_flows;
    struct loop *loop;
    struct api *api; /* NULL: nobody may look */
    struct observer *observer;
    struct beats *beats;
    struct loop_timer *look;
    bool ready_said;
    int status;
};

/* The program's options; those of FILE are show_keys()'s. */
static void
show_options(FILE *to)
{
    opt_markdown(options, to);
    (void)fputs(
        "\nKeys of FILE: [replication.md](replication.md#every-property)."
        "\n",
        to);
}

static void
show_keys(FILE *to)
{
    (void)fputs("### Keys of a flow: `A->B.KEY`, or `KEY` for all flows\n\n",
                to);
    opt_markdown(settings_flow_keys, to);
    (void)fputs("\n### Keys of a cluster: `A.KEY`\n\n"
                "Besides them `security.*`, `ssl.*`, `sasl.*`, `consumer.*`, "
                "`producer.*` and `admin.*`, which go to librdkafka under the "
                "names below or librdkafka's own.\n\n",
                to);
    opt_markdown(settings_cluster_keys, to);
    (void)fputs("\n### Properties of Kafka clients\n\n"
                "What is not named here is passed on as it is, if librdkafka "
                "knows it; else it is ignored with a warning, and refused if "
                "it begins with `security.`, `ssl.` or `sasl.`.\n\n",
                to);
    java_markdown(to);
    (void)fputs("\n### Other keys of MirrorMaker 2\n\n", to);
    settings_other_markdown(to);
}

static void
usage(FILE *to)
{
    (void)fputs(
        "usage: shunt-replicator [OPTIONS] FILE\n\n"
        "Copies topics between Kafka clusters as FILE says, which is "
        "an mm2.properties\nof MirrorMaker 2.\n\n"
        "  shunt-replicator --check mm2.properties\n"
        "  shunt-replicator --listen=127.0.0.1:7072 mm2.properties\n"
        "  shunt-replicator mm2.properties --clusters b c\n"
        "  shuntctl replicator watch\n"
        "  curl -X POST 'http://127.0.0.1:7072/flows/a->b/pause'\n\n"
        "SIGHUP loads FILE anew: topics, groups and intervals are taken "
        "over.\n\n",
        to);
    opt_help(options, to);
}

/* ---- flows ------------------------------------------------------------- */

static int
start_flows(struct program *p, struct err *err)
{
    const struct settings *s = load_current(&p->loaded);
    p->flows = xcalloc(s->n_flows, sizeof(struct flow *));
    for (size_t i = 0; i < s->n_flows; i++) {
        const struct flow_settings *f = &s->flows[i];
        const struct flow_settings *back =
            settings_flow(s, f->target->name, f->source->name);
        if (!f->enabled)
            continue;
        /* MirrorMaker beats for a pair even where it does not copy. */
        const bool beat_back =
            back && !back->enabled && back->heartbeats_enabled;
        const int rc = flow_start(f, beat_back, &p->flows[p->n_flows], err);
        if (rc != 0)
            return rc;
        p->n_flows++;
    }
    return 0;
}

static bool
all_ready(const struct program *p)
{
    for (size_t i = 0; i < p->n_flows; i++)
        if (!flow_ready(p->flows[i]))
            return false;
    return true;
}

static void
say_ready(struct program *p)
{
    struct buf names;
    buf_init(&names, NAMES_MAX_BYTES);
    for (size_t i = 0; i < p->n_flows; i++)
        buf_printf(&names, "%s%s", names.len ? ", " : "",
                   flow_name(p->flows[i]));
    log_info("ready: %s", names.data ? names.data : "");
    buf_fini(&names);
    p->ready_said = true;
}

static void
look(void *arg)
{
    struct program *p = arg;
    if (!p->ready_said && all_ready(p))
        say_ready(p);
    for (size_t i = 0; i < p->n_flows; i++) {
        if (!flow_broken(p->flows[i]))
            continue;
        p->status = 1; /* whoever started us starts us again */
        loop_stop(p->loop);
    }
}

static void
stop(void *arg)
{
    struct program *p = arg;
    loop_stop(p->loop);
}

static const struct flow_settings *
settings_of(const struct settings *s, const char *flow)
{
    for (size_t i = 0; i < s->n_flows; i++)
        if (strcmp(s->flows[i].name, flow) == 0)
            return &s->flows[i];
    return NULL;
}

/* SIGHUP. A file that is wrong changes nothing. */
static void
reload(void *arg)
{
    struct program *p = arg;
    struct err err = {0};
    if (load_file(&p->loaded, &err) != 0) {
        log_error("not reloaded, the old settings stay in force: %s", err.text);
        return;
    }
    const struct settings *s = load_current(&p->loaded);
    for (size_t i = 0; i < p->n_flows; i++) {
        const struct flow_settings *f = settings_of(s, flow_name(p->flows[i]));
        if (f) /* else told of: it runs until the restart */
            flow_reconf(p->flows[i], f);
    }
    log_info("reloaded: %s", p->loaded.path);
}

static int
serve(struct program *p, struct err *err)
{
    if (!p->conf.listen)
        return 0;
    const int rc = api_listen(p->loop, p->conf.listen, &p->api, err);
    if (rc == 0)
        log_info("listening: %s", api_url(p->api));
    return rc;
}

/* ---- life -------------------------------------------------------------- */

static int
start(struct program *p, struct err *err)
{
    int rc = loop_new(&p->loop, err);
    if (rc == 0)
        rc = loop_on_signal(p->loop, SIGTERM, stop, p);
    if (rc == 0)
        rc = loop_on_signal(p->loop, SIGINT, stop, p);
    if (rc == 0)
        rc = loop_on_signal(p->loop, SIGHUP, reload, p);
    if (rc != 0)
        return err_set(err, rc, "cannot make an event loop");
    rc = serve(p, err);
    if (rc == 0)
        rc = start_flows(p, err);
    if (rc == 0)
        rc = beats_start(load_current(&p->loaded), &p->beats, err);
    if (rc == 0 && p->api)
        rc = observer_start(p->flows, p->n_flows, &p->observer, err);
    if (rc == 0 && p->api)
        api_serve(p->api, p->flows, p->n_flows);
    if (rc == 0)
        p->look = loop_timer_new(p->loop, LOOK_MS, look, p);
    if (rc == 0 && !p->look)
        rc = err_nomem(err);
    return rc;
}

static void
finish(struct program *p)
{
    api_free(p->api);
    for (size_t i = 0; i < p->n_flows; i++)
        flow_stop(p->flows[i]); /* all at once, then wait for each */
    observer_stop(p->observer);
    beats_stop(p->beats);
    for (size_t i = 0; i < p->n_flows; i++)
        flow_free(p->flows[i]);
    free(p->flows);
    if (p->look)
        loop_timer_free(p->look);
    loop_free(p->loop);
}

static int
work(struct program *p, struct err *err)
{
    const int rc = start(p, err);
    if (rc == 0)
        loop_run(p->loop);
    finish(p);
    return rc;
}

/* "--clusters b c" becomes "--clusters b,c" for the table of options. */
static int
parse_clusters(struct program *p, int *argc, char **argv, struct err *err)
{
    int at = 1, to = 1;
    while (at < *argc) {
        if (strcmp(argv[at], "--clusters") != 0) {
            argv[to++] = argv[at++];
            continue;
        }
        int n = 0;
        for (at++; at < *argc && argv[at][0] != '-'; at++, n++)
            if (strlist_split(&p->loaded.targets, argv[at], ",") != 0)
                return err_nomem(err);
        if (n == 0)
            return err_set(err, ERR_INVALID, "--clusters needs a name");
    }
    *argc = to;
    argv[to] = NULL;
    return 0;
}

/* Options may stand before FILE and behind it. */
static int
parse_words(struct program *p, int argc, char **argv, struct err *err)
{
    int next = 0;
    int rc = parse_clusters(p, &argc, argv, err);
    if (rc == 0)
        rc = opt_args(options, &p->conf, argc, argv, &next, err);
    if (rc != 0 || next >= argc)
        return rc;
    p->loaded.path = argv[next];
    argc -= next;
    argv += next;
    rc = opt_args(options, &p->conf, argc, argv, &next, err);
    if (rc == 0 && next < argc)
        rc =
            err_set(err, ERR_INVALID, "\"%s\": one FILE is enough", argv[next]);
    if (rc == 0 && p->conf.clusters)
        rc = strlist_split(&p->loaded.targets, p->conf.clusters, ",");
    return rc;
}

static int
parse(struct program *p, int argc, char **argv, struct err *err)
{
    int rc = opt_defaults(options, &p->conf, err);
    if (rc == 0)
        rc = parse_words(p, argc, argv, err);
    if (rc != 0 || p->conf.help || p->conf.help_options || p->conf.help_keys ||
        p->conf.version)
        return rc;
    const int level = log_level_of(p->conf.log_level);
    if (level < 0)
        return err_field(err, ERR_INVALID, "log.level", p->conf.log_level,
                         "--log.level: \"%s\" is none of error, warn, info, "
                         "debug",
                         p->conf.log_level);
    log_set_level((enum log_level)level);
    if (!p->loaded.path)
        return err_set(err, ERR_INVALID,
                       "FILE is missing; see --help (before --clusters, which "
                       "takes all words that follow)");
    return 0;
}

int
replicator_run(int argc, char **argv)
{
    struct program p = {0};
    struct err err = {0};
    int rc = parse(&p, argc, argv, &err);
    if (rc == 0 && p.conf.help) {
        usage(stdout);
    } else if (rc == 0 && p.conf.help_options) {
        show_options(stdout);
    } else if (rc == 0 && p.conf.help_keys) {
        show_keys(stdout);
    } else if (rc == 0 && p.conf.version) {
        (void)printf("shunt-replicator %s\n", SHUNT_VERSION);
    } else if (rc == 0) {
        p.loaded.quiet = p.conf.check;
        rc = load_file(&p.loaded, &err);
        if (rc == 0 && p.conf.check)
            rc = check_print(load_current(&p.loaded), p.loaded.path,
                             p.conf.connect, p.conf.json, stdout, &err);
        else if (rc == 0)
            rc = work(&p, &err);
    }
    if (rc != 0) {
        log_error("%s", err.text);
        p.status = 1;
    }
    load_fini(&p.loaded);
    opt_fini(options, &p.conf);
    return p.status;
}
