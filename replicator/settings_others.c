/*
 * Owns the table of keys that MirrorMaker 2 knows and we do not honour: which
 * of them are refused, because leaving them out would break what they promise,
 * and which are only told of; each with its reason.
 */
#include <string.h>

#include "replicator/settings_parts.h"

struct other_key {
    const char *key;     /* ending with *: all that begin so */
    const char *allowed; /* values (comma-separated, classes without their
                            package) for which nothing is missed */
    bool refuse;         /* else told of */
    const char *why;
};

#define AS_BYTES                                                               \
    "records are copied as bytes; only ByteArrayConverter changes nothing"

static const struct other_key others[] = {
    {"topic.filter.class", "DefaultTopicFilter", true,
     "other topics would be copied than it selects"},
    {"group.filter.class", "DefaultGroupFilter", true,
     "other groups would be followed than it selects"},
    {"config.property.filter.class", "DefaultConfigPropertyFilter", true,
     "other configurations would be copied than it selects"},
    {"forwarding.admin.class", "ForwardingAdmin", true,
     "topics would be created past it"},
    {"topics.blacklist", "", true,
     "MirrorMaker 2 has dropped it; use topics.exclude"},
    {"groups.blacklist", "", true,
     "MirrorMaker 2 has dropped it; use groups.exclude"},
    {"config.properties.blacklist", "", true,
     "MirrorMaker 2 has dropped it; use config.properties.exclude"},
    {"use.incremental.alter.configs", "requested,never", true,
     "librdkafka 2.0.2 cannot alter configurations one by one"},
    {"transforms", "", true, "records would be copied unchanged"},
    {"predicates", "", true, "records would be copied unchanged"},
    {"key.converter", "ByteArrayConverter", true, AS_BYTES},
    {"value.converter", "ByteArrayConverter", true, AS_BYTES},
    {"header.converter", "ByteArrayConverter", true, AS_BYTES},
    {"key.converter.*", NULL, false, "records are copied as bytes"},
    {"value.converter.*", NULL, false, "records are copied as bytes"},
    {"header.converter.*", NULL, false, "records are copied as bytes"},
    {"offsets.storage.topic", "", true,
     "positions are kept in the offset.storage.topic of the target cluster"},
    {"source.cluster.alias", NULL, true,
     "a cluster is called what \"clusters\" calls it"},
    {"target.cluster.alias", NULL, true,
     "a cluster is called what \"clusters\" calls it"},
    {"name", "MirrorSourceConnector", true,
     "positions are kept under the name MirrorSourceConnector"},
    {"connector.class", "MirrorSourceConnector", true,
     "no other can be loaded"},
    {"errors.tolerance", "none", false,
     "no record is left out unless shunt.on.refused says so"},
    {"errors.*", NULL, false,
     "no record is left out unless shunt.on.refused says so"},
    {"transaction.boundary", "poll", false,
     "transactions end by shunt.transaction.ms"},
    {"transaction.boundary.*", NULL, false,
     "transactions end by shunt.transaction.ms"},
    {"topic.creation.*", NULL, false,
     "topics are made by sync.topic.configs.* and replication.factor"},
    {"consumer.poll.timeout.ms", NULL, false,
     "not needed: records wake the flow"},
    {"tasks.max", NULL, false,
     "not needed: processes share the work by partitions"},
    {"task.*", NULL, false, "there are no tasks"},
    {"worker.*", NULL, false, "there is no Connect worker"},
    {"rebalance.timeout.ms", NULL, false,
     "not needed: what goes to another process is given up at once"},
    {"scheduled.rebalance.max.delay.ms", NULL, false,
     "not needed: others take over after session.timeout.ms"},
    {"connect.protocol", NULL, false, "there is no Connect worker"},
    {"inter.worker.*", NULL, false, "there is no Connect worker"},
    {"connector.client.config.override.policy", "All", false,
     "there is no Connect worker"},
    {"offset.flush.timeout.ms", NULL, false,
     "not needed: a flush waits as long as it takes and copying goes on"},
    {"offset.storage.*", NULL, false,
     "the topic is made with cleanup.policy=compact and nothing else"},
    {"config.storage.*", NULL, false, "there is no such topic"},
    {"status.storage.*", NULL, false, "there is no such topic"},
    {"config.topic", NULL, false, "there is no such topic"},
    {"status.topic", NULL, false, "there is no such topic"},
    {"config.action.reload", NULL, false, "SIGHUP reloads"},
    {"client.id", NULL, false, "handles are called shunt-replicator-A->B"},
    {"metric.*", NULL, false, "metrics are at /metrics (--listen)"},
    {"metrics.*", NULL, false, "metrics are at /metrics (--listen)"},
    {"add.source.alias.to.metrics", NULL, false, "metrics always have it"},
    {"dedicated.mode.enable.internal.rest", "false", false,
     "not needed: processes share the work without it"},
    {"listeners", NULL, false, "the address for HTTP is given with --listen"},
    {"rest.*", NULL, false, "the address for HTTP is given with --listen"},
    {"admin.listeners*", NULL, false,
     "the address for HTTP is given with --listen"},
    {"access.control.*", NULL, false,
     "the address for HTTP is given with --listen"},
    {"response.http.headers.config", NULL, false,
     "the address for HTTP is given with --listen"},
    {"plugin.path", NULL, false, "no Java plugin can be loaded"},
    {"plugin.discovery", NULL, false, "no Java plugin can be loaded"},
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
    *warn = !o->refuse;
    (void)err_set(err, ERR_UNSUPPORTED,
                  o->refuse ? "= %s: not supported: %s" : "%s%s",
                  o->refuse ? value : "", o->why);
    return o->refuse ? ERR_UNSUPPORTED : 0;
}

int
settings_other_key(const char *key, const char *value, bool *warn,
                   struct err *err)
{
    return look_up(others, key, value, warn, err);
}

/* For the documents: "key | values that pass | refused or not | why". */
void
settings_other_markdown(FILE *to)
{
    (void)fputs("| key | what becomes of it |\n|---|---|\n", to);
    for (const struct other_key *o = others; o->key; o++) {
        (void)fprintf(to, "| `%s` | ", o->key);
        if (o->allowed && *o->allowed)
            (void)fprintf(to, "other than `%s`: ", o->allowed);
        (void)fprintf(to, "%s: %s |\n", o->refuse ? "refused" : "ignored",
                      o->why);
    }
}
