/*
 * shuntctl: everything an administrator does, from a terminal.  It speaks the
 * two HTTP protocols and knows nothing of how the services keep their data.
 */
#ifndef SHUNT_CTL_CTL_H
#define SHUNT_CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/opt.h"

struct json_t;

/* What `shuntctl watch` is called among the clients. */
#define CTL_NAME "shuntctl"

/* What the process exits with; documented in docs/shuntctl.md. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,      /* refused by a service, or it failed */
    CTL_USAGE = 2,       /* the command line is wrong */
    CTL_UNREACHABLE = 3, /* no service answered */
    CTL_CONFLICT = 4,    /* the table has changed meanwhile (409) */
    CTL_WAITING = 5,     /* done, but clients have not followed in time */
    CTL_UNKNOWN = 6,     /* a change was sent and no answer came */
    CTL_DIFFERS = 1,     /* diff: there is a difference, as diff(1) says it */
};

struct ctl_conf {
    char *route_service;
    char *mapper;
    char *replicator;
    char *author;
    char *comment;
    char *to, *from, *rule;
    char *file, *output;
    int64_t timeout_ms;
    int64_t wait_ms;
    int64_t arrival_ms; /* --wait */
    char *timestamp, *group;
    bool explain, verify;
    int64_t limit, before, revision, samples;
    bool json;
    bool dry_run;
    bool yes, backwards, unverified, fence, problems;
    bool help;
    bool version;
};

/* One run: the configuration and the words after the command's name. */
struct ctl {
    struct ctl_conf conf;
    int argc;
    char **argv; /* borrowed from main */
};

struct ctl_command {
    const char *name;
    const char *args;    /* "list | put NAME KEY=VALUE... | delete NAME" */
    const char *summary; /* one line */
    const char *example; /* whole lines, for --help; the first one is shown
                            in the list of commands */
    const char *more;    /* what the words are and mean; NULL: nothing */
    const char *options; /* keys it understands beyond the common ones,
                            blank-separated */
    int (*run)(struct ctl *ctl);
};

int ctl_cluster(struct ctl *ctl);
int ctl_flow(struct ctl *ctl);
int ctl_rule(struct ctl *ctl);
int ctl_flip(struct ctl *ctl);
int ctl_clients(struct ctl *ctl);
int ctl_resolve(struct ctl *ctl);
int ctl_explain(struct ctl *ctl);
int ctl_watch(struct ctl *ctl);
int ctl_history(struct ctl *ctl);
int ctl_diff(struct ctl *ctl);
int ctl_restore(struct ctl *ctl);
int ctl_export(struct ctl *ctl);
int ctl_apply(struct ctl *ctl);
int ctl_servers(struct ctl *ctl);
int ctl_translate(struct ctl *ctl);
int ctl_verify(struct ctl *ctl);
int ctl_group(struct ctl *ctl);
int ctl_land(struct ctl *ctl);
int ctl_replicator(struct ctl *ctl);

/* Says the error on stderr and returns the exit code that goes with it. */
int ctl_fail(const struct err *err);
int ctl_usage(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
