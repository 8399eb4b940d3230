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
    {"replication.factor", OPT_INT, FLOW(replication), "2", -1, 32767, "N",
     "of new topics"},
    {"offset-syncs.topic.replication.factor", OPT_INT, FLOW(syncs_replication),
     "3", -1, 32767, "N", "of the offset syncs"},
    {"checkpoints.topic.replication.factor", OPT_INT,
     FLOW(checkpoints_replication), "3", -1, 32767, "N", "of the checkpoints"},
    {"heartbeats.topic.replication.factor", OPT_INT,
     FLOW(heartbeats_replication), "3", -1, 32767, "N", "of the heartbeats"},
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

static const struct other_key others[] = {
    {"exactly.once.source.support", "disabled,preparing",
     "records would be copied at least once, not exactly once"},
    {"exactly.once.support", "requested",
     "records would be copied at least once, not exactly once"},
    {"sync.group.offsets.enabled", "false",
     "no group would find its offsets on the target"},
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
    {"sync.topic.configs.enabled", "false", NULL},
    {"sync.topic.acls.enabled", "false", NULL},
    {"sync.topic.configs.interval.seconds", NULL, NULL},
    {"sync.topic.acls.interval.seconds", NULL, NULL},
    {"sync.group.offsets.interval.seconds", NULL, NULL},
    {"config.property.filter.class", NULL, NULL},
    {"config.properties.exclude", NULL, NULL},
    {"config.properties.blacklist", NULL, NULL},
    {"use.defaults.from", NULL, NULL},
    {"use.incremental.alter.configs", NULL, NULL},
    {"add.source.alias.to.metrics", NULL, NULL},
    {"refresh.groups.enabled", "true", NULL},
    {"refresh.groups.interval.seconds", NULL, NULL},
    {"consumer.poll.timeout.ms", NULL, NULL},
    {"admin.timeout.ms", NULL, NULL},
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
    {"group.id", NULL, NULL},
    {"client.id", NULL, NULL},
    {"session.timeout.ms", NULL, NULL},
    {"heartbeat.interval.ms", NULL, NULL},
    {"rebalance.timeout.ms", NULL, NULL},
    {"scheduled.rebalance.max.delay.ms", NULL, NULL},
    {"plugin.path", NULL, NULL},
    {"plugin.discovery", NULL, NULL},
};

static bool
fits(const struct other_key *o, const char *key)
{
    const size_t len = strlen(o->key);
    return o->key[len - 1] == '*' ? strncmp(key, o->key, len - 1) == 0
                                  : strcmp(key, o->key) == 0;
}

static const struct other_key *
find(const char *key)
{
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (fits(&others[i], key))
            return &others[i];
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

int
settings_other_key(const char *key, const char *value, bool *warn,
                   struct err *err)
{
    const struct other_key *o = find(key);
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
