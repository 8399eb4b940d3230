/*
 * What an mm2.properties file asks for, checked: text in, structs out.  Pure
 * but for the files and variables that ${...} in it names (providers.h).
 *
 * Precedence as in MirrorMaker 2 (mm2.md 7.4): a key at the top level is for
 * all flows, `A.` for what talks to cluster A, `A->B.` for one flow and over
 * all others; clients.h says what is behind `clients`.  A key that this version cannot honour is refused if leaving it
 * out would break what it promises, else named in `warnings`.
 */
#ifndef SHUNT_REPLICATOR_SETTINGS_H
#define SHUNT_REPLICATOR_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/base/opt.h"
#include "common/base/strs.h"
#include "common/mm2/naming.h"
#include "replicator/pattern.h"
#include "replicator/properties.h"

/* What becomes of a record that the target refuses for what it is. */
enum on_refused { REFUSED_WAIT, REFUSED_STOP, REFUSED_DEAD_LETTER };
/* What is done when the source's log ends before our position, or its topic is
 * another one. */
enum on_truncation { TRUNCATION_CONTINUE, TRUNCATION_STOP, TRUNCATION_RESTART };

struct cluster_settings {
    char *name;
    char *bootstrap_servers;
    /* Where flows to this cluster keep their positions. */
    int64_t flush_interval_ms;
    char *positions_topic; /* NULL: mm2-offsets.SOURCE.internal */
    int64_t positions_partitions;
    int64_t positions_replication;
    /* How processes that copy to this cluster share the work. */
    char *group_id; /* NULL: not given */
    int64_t session_timeout_ms, heartbeat_interval_ms;
    char *exactly_once_text;
    bool exactly_once;
};

/* What a flow has Kafka handles for. */
enum client_role {
    ROLE_SOURCE_CONSUMER, /* reads the records */
    ROLE_SOURCE_PRODUCER, /* writes offset syncs to the source */
    ROLE_SOURCE_ADMIN,    /* reads what groups have committed */
    ROLE_TARGET_CONSUMER, /* reads positions, checkpoints */
    ROLE_TARGET_PRODUCER, /* writes the records and all else on the target */
    ROLE_TARGET_ADMIN,
    ROLES
};

struct client_setting {
    char *key, *value;           /* owned */
    const struct property *from; /* borrowed from the settings */
};

/* The properties of one role, bootstrap.servers among them: each key once. */
struct client_settings {
    struct client_setting *v; /* owned */
    size_t n;
};

struct flow_settings {
    char *name; /* "a->b" */
    const struct cluster_settings *source, *target;
    bool enabled;
    char *topics_text, *topics_exclude_text;
    char *groups_text, *groups_exclude_text;
    struct pattern *topics, *topics_exclude, *groups, *groups_exclude;
    char *policy_class, *separator;
    bool separator_in_internal;
    struct naming naming;
    int64_t lag_max;
    bool syncs_enabled;
    char *syncs_location;
    bool syncs_on_target;
    bool heartbeats_enabled, heartbeats_replicated;
    int64_t heartbeats_interval_s;
    bool checkpoints_enabled;
    int64_t checkpoints_interval_s;
    bool group_offsets_enabled;
    int64_t group_offsets_interval_s;
    bool refresh_enabled;
    int64_t refresh_interval_s;
    bool refresh_groups_enabled;
    int64_t refresh_groups_interval_s;
    bool configs_enabled, acls_enabled;
    int64_t configs_interval_s, acls_interval_s;
    char *configs_exclude_text, *configs_defaults_text;
    struct pattern *configs_exclude;
    bool configs_defaults_from_source, exactly_once_required;
    int64_t admin_timeout_ms;
    char *on_refused_text, *on_truncation_text;
    enum on_refused on_refused;
    enum on_truncation on_truncation;
    char *exactly_once_text; /* exactly.once.support */
    char *dead_letter_topic; /* SOURCE.dead-letter unless given */
    char *provenance_header; /* "": none */
    int64_t transaction_ms;
    int64_t replication, syncs_replication, checkpoints_replication,
        heartbeats_replication;
    struct client_settings clients[ROLES];
};

struct settings {
    struct cluster_settings *clusters;
    size_t n_clusters;
    struct flow_settings *flows; /* every ordered pair of clusters */
    size_t n_flows;
    struct strlist warnings;
    struct strlist stale;    /* keys that differ, and need a restart */
    struct properties props; /* the file */
};

/* ERR_PARSE, ERR_INVALID or ERR_UNSUPPORTED with line, key and value.
 * Nothing is left to free after a failure. */
MUST_CHECK int settings_load(const char *text, size_t len, struct settings *out,
                             struct err *err);
/* How a file is loaded. */
struct settings_how {
    /* Only flows to these clusters run here; NULL or empty: all. */
    const struct strlist *targets;
    /* What is in force: keys that only a restart can change keep their values
     * and are named in `stale`. NULL: nothing. It must outlive what is
     * loaded. */
    const struct settings *old;
};
MUST_CHECK int settings_load_as(const char *text, size_t len,
                                const struct settings_how *how,
                                struct settings *out, struct err *err);
/* After clients_check() on both: the same for the properties of handles. */
void settings_keep_clients(struct settings *s, const struct settings *old);
/* Is the key taken over while the process runs? */
bool settings_is_reloadable(const char *key);
/* The property that gives a flow or a cluster the value of this key; NULL: the
 * default. */
const struct property *settings_origin(const struct settings *s,
                                       const struct flow_settings *f,
                                       const char *key);
const struct property *settings_cluster_origin(const struct settings *s,
                                               const struct cluster_settings *c,
                                               const char *key);
void settings_fini(struct settings *s);
/* Borrowed; NULL when there is no such cluster or flow. */
const struct cluster_settings *settings_cluster(const struct settings *s,
                                                const char *name);
const struct flow_settings *
settings_flow(const struct settings *s, const char *source, const char *target);

/* Are there heartbeats of this pair, though no flow joins the two? */
bool settings_beats_alone(const struct settings *s,
                          const struct flow_settings *f);

/* "source.consumer" */
const char *client_role_name(enum client_role role);
/* Borrowed; NULL when it is not given. */
const char *client_settings_get(const struct client_settings *c,
                                const char *key);
/* Copies; replaces the value of a key that is there. */
void client_settings_put(struct client_settings *c, const char *key,
                         const char *value, const struct property *from);
void client_settings_fini(struct client_settings *c);

/* Does the flow copy this topic of its source? (mm2.md 3.4) */
bool settings_copies_topic(const struct flow_settings *f, const char *topic);
bool settings_follows_group(const struct flow_settings *f, const char *group);

/* The option tables (settings_keys.c): what this version honours. */
extern const struct opt settings_flow_keys[];    /* struct flow_settings */
extern const struct opt settings_cluster_keys[]; /* struct cluster_settings */
/* A key of MirrorMaker 2 that we do not honour (settings_others.c).  0: it may
 * be left out; if it has to be told of, *warn is set and `err` holds the
 * reason.  ERR_UNSUPPORTED with the reason; ERR_NOTFOUND: no such key. */
MUST_CHECK int settings_other_key(const char *key, const char *value,
                                  bool *warn, struct err *err);
/* The others as a markdown table. */
void settings_other_markdown(FILE *to);

#endif
