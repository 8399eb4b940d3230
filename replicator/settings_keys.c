/*
 * Owns the tables of keys: those that this version honours, with MirrorMaker
 * 2's defaults, and those that it only knows (mm2.md section 7).
 */
#include <string.h>

#include "replicator/settings.h"

#define FLOW(f)    offsetof(struct flow_settings, f)
#define CLUSTER(f) offsetof(struct cluster_settings, f)
#define YEAR_S     31536000

const struct opt settings_flow_keys[] = {
    {"enabled", OPT_BOOL, FLOW(enabled), "false", 0, 0, "", "copy at all"},
    {"topics", OPT_STR, FLOW(topics_text), ".*", 0, 0, "LIST",
     "topics to copy"},
    {"topics.exclude", OPT_STR, FLOW(topics_exclude_text),
     "mm2.*\\.internal, .*\\.replica, __.*", 0, 0, "LIST",
     "topics not to copy"},
    {"groups", OPT_STR, FLOW(groups_text), ".*", 0, 0, "LIST",
     "groups to write checkpoints of"},
    {"groups.exclude", OPT_STR, FLOW(groups_exclude_text),
     "console-consumer-.*, connect-.*, __.*", 0, 0, "LIST",
     "groups to leave out"},
    {"replication.policy.class", OPT_STR, FLOW(policy_class),
     "DefaultReplicationPolicy", 0, 0, "CLASS", "how copies are named"},
    {"replication.policy.separator", OPT_STR, FLOW(separator), ".", 0, 0,
     "TEXT", "between alias and topic"},
    {"replication.policy.internal.topic.separator.enabled", OPT_BOOL,
     FLOW(separator_in_internal), "true", 0, 0, "",
     "separator in internal topics too"},
    {"offset.lag.max", OPT_INT, FLOW(lag_max), "100", 0, INT64_MAX, "N",
     "records between two offset syncs"},
    {"offset-syncs.topic.location", OPT_STR, FLOW(syncs_location), "source", 0,
     0, "CLUSTER", "source or target"},
    {"emit.offset-syncs.enabled", OPT_BOOL, FLOW(syncs_enabled), "true", 0, 0,
     "", "write offset syncs"},
    {"emit.heartbeats.enabled", OPT_BOOL, FLOW(heartbeats_enabled), "true", 0,
     0, "", "write heartbeats"},
    {"emit.heartbeats.interval.seconds", OPT_INT, FLOW(heartbeats_interval_s),
     "1", 1, YEAR_S, "S", "between two heartbeats"},
    {"heartbeats.replication.enabled", OPT_BOOL, FLOW(heartbeats_replicated),
     "true", 0, 0, "", "copy heartbeats of other flows"},
    {"emit.checkpoints.enabled", OPT_BOOL, FLOW(checkpoints_enabled), "true", 0,
     0, "", "write checkpoints"},
    {"emit.checkpoints.interval.seconds", OPT_INT, FLOW(checkpoints_interval_s),
     "60", 1, YEAR_S, "S", "between two rounds of checkpoints"},
    {"refresh.topics.enabled", OPT_BOOL, FLOW(refresh_enabled), "true", 0, 0,
     "", "look for new topics"},
    {"refresh.topics.interval.seconds", OPT_INT, FLOW(refresh_interval_s),
     "600", 1, YEAR_S, "S", "between two looks"},
    {"refresh.groups.enabled", OPT_BOOL, FLOW(refresh_groups_enabled), "true",
     0, 0, "", "look for new groups"},
    {"refresh.groups.interval.seconds", OPT_INT,
     FLOW(refresh_groups_interval_s), "600", 1, YEAR_S, "S",
     "between two looks for groups"},
    {"sync.group.offsets.enabled", OPT_BOOL, FLOW(group_offsets_enabled),
     "false", 0, 0, "", "commit translated offsets for groups on the target"},
    {"sync.group.offsets.interval.seconds", OPT_INT,
     FLOW(group_offsets_interval_s), "60", 1, YEAR_S, "S",
     "between two rounds of it"},
    {"sync.topic.configs.enabled", OPT_BOOL, FLOW(configs_enabled), "true", 0,
     0, "", "keep the configurations of copies like those of their sources"},
    {"sync.topic.configs.interval.seconds", OPT_INT, FLOW(configs_interval_s),
     "600", 1, YEAR_S, "S", "between two rounds of it"},
    {"config.properties.exclude", OPT_STR, FLOW(configs_exclude_text),
     "follower\\.replication\\.throttled\\.replicas, "
     "leader\\.replication\\.throttled\\.replicas, "
     "message\\.timestamp\\.difference\\.max\\.ms, "
     "message\\.timestamp\\.type, unclean\\.leader\\.election\\.enable, "
     "min\\.insync\\.replicas",
     0, 0, "LIST", "configurations to leave alone"},
    {"use.defaults.from", OPT_STR, FLOW(configs_defaults_text), "target", 0, 0,
     "CLUSTER", "whose defaults copies have: source or target"},
    {"sync.topic.acls.enabled", OPT_BOOL, FLOW(acls_enabled), "true", 0, 0, "",
     "add the ACLs of topics to their copies, as reading only"},
    {"sync.topic.acls.interval.seconds", OPT_INT, FLOW(acls_interval_s), "600",
     1, YEAR_S, "S", "between two rounds of it"},
    {"admin.timeout.ms", OPT_INT, FLOW(admin_timeout_ms), "60000", 1, INT32_MAX,
     "MS", "for each call that makes or changes topics"},
    {"replication.factor", OPT_INT, FLOW(replication), "2", -1, 32767, "N",
     "of new topics"},
    {"offset-syncs.topic.replication.factor", OPT_INT, FLOW(syncs_replication),
     "3", -1, 32767, "N", "of the offset syncs"},
    {"checkpoints.topic.replication.factor", OPT_INT,
     FLOW(checkpoints_replication), "3", -1, 32767, "N", "of the checkpoints"},
    {"heartbeats.topic.replication.factor", OPT_INT,
     FLOW(heartbeats_replication), "3", -1, 32767, "N", "of the heartbeats"},
    {"shunt.on.refused", OPT_STR, FLOW(on_refused_text), "wait", 0, 0, "WHAT",
     "when the target refuses a record: wait (and try again), stop (its "
     "partition) or dead-letter"},
    {"shunt.dead.letter.topic", OPT_STR, FLOW(dead_letter_topic), NULL, 0, 0,
     "TOPIC", "where they go on the target; `A.dead-letter` if not given"},
    {"shunt.on.truncation", OPT_STR, FLOW(on_truncation_text), "continue", 0, 0,
     "WHAT",
     "when the source has lost what was copied, or made a topic anew: continue "
     "at its end, stop (that partition) or restart (at its beginning)"},
    {"shunt.provenance.header", OPT_STR, FLOW(provenance_header), "", 0, 0,
     "NAME",
     "of a header that tells which clusters a record has passed; against loops"},
    {"shunt.transaction.ms", OPT_INT, FLOW(transaction_ms), "100", 1, 60000,
     "MS", "how long a transaction stays open, with exactly once"},
    {0},
};

const struct opt settings_cluster_keys[] = {
    {"bootstrap.servers", OPT_STR, CLUSTER(bootstrap_servers), NULL, 0, 0,
     "HOST:PORT,...", "where the cluster is"},
    {"offset.flush.interval.ms", OPT_INT, CLUSTER(flush_interval_ms), "60000",
     1, INT64_MAX / 2000, "MS", "between two writes of the positions"},
    {"offset.storage.topic", OPT_STR, CLUSTER(positions_topic), NULL, 0, 0,
     "TOPIC", "where positions are kept"},
    {"offset.storage.partitions", OPT_INT, CLUSTER(positions_partitions), "25",
     1, 10000, "N", "of a new one"},
    {"offset.storage.replication.factor", OPT_INT,
     CLUSTER(positions_replication), "3", -1, 32767, "N", "of a new one"},
    {"group.id", OPT_STR, CLUSTER(group_id), NULL, 0, 0, "GROUP",
     "in which processes share the work; `A-shunt-replicator` if not given"},
    {"session.timeout.ms", OPT_INT, CLUSTER(session_timeout_ms), "10000", 1,
     INT32_MAX, "MS", "of silence until others take over"},
    {"heartbeat.interval.ms", OPT_INT, CLUSTER(heartbeat_interval_ms), "3000",
     1, INT32_MAX, "MS", "between two signs of life"},
    {"exactly.once.source.support", OPT_STR, CLUSTER(exactly_once_text),
     "disabled", 0, 0, "WHAT",
     "enabled: records and positions in transactions; disabled; preparing is "
     "disabled"},
    {0},
};

struct other_key {
    const char *key;     /* ending with *: all that begin so */
    const char *allowed; /* values (comma-separated, classes without their
                            package) for which nothing is missed */
    const char *refuse;  /* NULL: others are only warned of */
};

#define AS_BYTES                                                               \
    "records are copied as bytes; only ByteArrayConverter changes nothing"

/* Known to the tables above, but their part is not there yet: who makes it
 * takes its lines out. */
static const struct other_key pending[] = {
    /* WORK */
    {"exactly.once.source.support", "disabled,preparing",
     "records would be copied at least once, not exactly once"},
    {"shunt.transaction.ms", NULL, NULL},
    {"group.id", NULL, NULL},
    {"session.timeout.ms", NULL, NULL},
    {"heartbeat.interval.ms", NULL, NULL},
    /* ENGINE */
    {"shunt.on.refused", "wait", "it would wait"},
    {"shunt.dead.letter.topic", NULL, "there is none"},
    {"shunt.on.truncation", "continue", "it would continue"},
    {"shunt.provenance.header", "", "records would go round in circles"},
    /* TOPICS */
    {"sync.group.offsets.enabled", "false",
     "no group would find its offsets on the target"},
    {"sync.group.offsets.interval.seconds", NULL, NULL},
    {"sync.topic.configs.enabled", "false", NULL},
    {"sync.topic.configs.interval.seconds", NULL, NULL},
    {"config.properties.exclude", NULL, NULL},
    {"use.defaults.from", NULL, NULL},
    {"sync.topic.acls.enabled", "false", NULL},
    {"sync.topic.acls.interval.seconds", NULL, NULL},
    {"refresh.groups.enabled", "true", NULL},
    {"refresh.groups.interval.seconds", NULL, NULL},
    {"admin.timeout.ms", NULL, NULL},
    {0},
};

static const struct other_key others[] = {
    {"exactly.once.support", "requested",
     "records would be copied at least once, not exactly once"},
    {"topic.filter.class", "DefaultTopicFilter",
     "other topics would be copied than it selects"},
    {"group.filter.class", "DefaultGroupFilter",
     "other groups would be followed than it selects"},
    {"forwarding.admin.class", "ForwardingAdmin",
     "topics would be created past it"},
    {"topics.blacklist", "",
     "MirrorMaker 2 has dropped it; use topics.exclude"},
    {"groups.blacklist", "",
     "MirrorMaker 2 has dropped it; use groups.exclude"},
    {"transforms", "", "records would be copied unchanged"},
    {"predicates", "", "records would be copied unchanged"},
    {"key.converter", "ByteArrayConverter", AS_BYTES},
    {"value.converter", "ByteArrayConverter", AS_BYTES},
    {"header.converter", "ByteArrayConverter", AS_BYTES},
    {"config.providers", "", "${...} would not be replaced"},
    {"config.property.filter.class", NULL, NULL},
    {"config.properties.blacklist", NULL, NULL},
    {"use.incremental.alter.configs", NULL, NULL},
    {"add.source.alias.to.metrics", NULL, NULL},
    {"consumer.poll.timeout.ms", NULL, NULL},
    {"metric.*", NULL, NULL},
    {"metrics.*", NULL, NULL},
    {"tasks.max", NULL, NULL},
    {"task.*", NULL, NULL},
    {"worker.*", NULL, NULL},
    {"errors.*", NULL, NULL},
    {"name", NULL, NULL},
    {"connector.class", NULL, NULL},
    {"source.cluster.alias", NULL, NULL},
    {"target.cluster.alias", NULL, NULL},
    {"config.action.reload", NULL, NULL},
    {"config.storage.*", NULL, NULL},
    {"status.storage.*", NULL, NULL},
    {"offset.flush.timeout.ms", NULL, NULL},
    {"offsets.storage.topic", NULL, NULL},
    {"offset.storage.*", NULL, NULL},
    {"topic.creation.*", NULL, NULL},
    {"transaction.boundary", NULL, NULL},
    {"dedicated.mode.enable.internal.rest", "false", NULL},
    {"listeners", NULL, NULL},
    {"rest.*", NULL, NULL},
    {"admin.*", NULL, NULL},
    {"client.id", NULL, NULL},
    {"rebalance.timeout.ms", NULL, NULL},
    {"scheduled.rebalance.max.delay.ms", NULL, NULL},
    {"plugin.path", NULL, NULL},
    {"plugin.discovery", NULL, NULL},
    {0},
};

static bool
fits(const struct other_key *o, const char *key)
{
    const size_t len = strlen(o->key);
    return o->key[len - 1] == '*' ? strncmp(key, o->key, len - 1) == 0
                                  : strcmp(key, o->key) == 0;
}

static const struct other_key *
find(const struct other_key *table, const char *key)
{
    for (; table->key; table++)
        if (fits(table, key))
            return table;
    return NULL;
}

/* Is the value, or a class of that simple name, one of `allowed`? */
static bool
is_allowed(const char *allowed, const char *value)
{
    const char *dot = strrchr(value, '.');
    const char *simple = dot ? dot + 1 : value;
    const size_t len = strlen(simple);
    if (!allowed)
        return false;
    for (const char *p = allowed;; p++) {
        if (strncmp(p, simple, len) == 0 && (p[len] == ',' || !p[len]))
            return true;
        p = strchr(p, ',');
        if (!p)
            return false;
    }
}

static int
look_up(const struct other_key *table, const char *key, const char *value,
        bool *warn, struct err *err)
{
    const struct other_key *o = find(table, key);
    *warn = false;
    if (!o)
        return err_set(err, ERR_NOTFOUND, "unknown key");
    if (is_allowed(o->allowed, value))
        return 0;
    *warn = true;
    if (!o->refuse)
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "not supported yet: %s = %s (%s)", key,
                   value, o->refuse);
}

int
settings_pending_key(const char *key, const char *value, bool *warn,
                     struct err *err)
{
    return look_up(pending, key, value, warn, err);
}

int
settings_other_key(const char *key, const char *value, bool *warn,
                   struct err *err)
{
    return look_up(others, key, value, warn, err);
}
