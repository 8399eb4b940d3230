/*
 * Prints docs/sdk-options.md: Shunt's own properties from their table, those of
 * librdkafka that mean something more or else here, and those that are refused.
 * Fails when a property of the table has no note below, or a note no property.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/opt.h"
#include "sdk/src/conf.h"

/* What the table itself does not say. */
static const struct note {
    const char *key, *who, *unit, *since;
    const char *more; /* what to know when choosing a value */
} notes[] = {
    {"cluster.code", "both", "-", "0.1.0",
     "The name under which administrators route this application. What a "
     "cluster's address was in `bootstrap.servers`."},
    {"route.service", "both", "-", "0.1.0",
     "All servers of a group, `http://` or `https://`. Each client begins at "
     "one of them by a hash, and goes on to the next when that one is gone."},
    {"route.cache.dir", "both", "-", "0.1.0",
     "A client that finds no route service starts from here. Give each host a "
     "folder that outlives restarts; references to secrets are kept, secrets "
     "are not."},
    {"client.name", "both", "-", "0.1.0",
     "Shown by `shuntctl clients`. Rules do not match it: use `attr.NAME` or "
     "`client.id`."},
    {"switch.position", "C", "-", "0.1.0",
     "See [what the position is](sdk.md#what-the-position-is)."},
    {"switch.standby", "C", "-", "0.1.0",
     "join: a failover from a dead cluster costs milliseconds instead of a join "
     "of the group. The group there has members then, who read nothing: who "
     "lands positions for it must wait until they are gone."},
    {"switch.group.settle.ms", "C", "ms", "0.1.0",
     "Longer: fewer records twice when members learn of a flip at different "
     "times. Shorter: a dead member delays its partitions less."},
    {"switch.mapping.timeout.ms", "C", "ms", "0.1.0",
     "Afterwards reading begins at an older commit or at the log's start, with "
     "a warning: nothing is lost, more is read again."},
    {"switch.catchup.timeout.ms", "C", "ms", "0.1.0",
     "Part of a move's stall, told apart from the rest of it. 0: what is on its "
     "way is read again, and announced. A cluster whose brokers are all dead is "
     "not waited for."},
    {"close.timeout.ms", "C", "ms", "0.1.0",
     "Afterwards closing returns RD_KAFKA_RESP_ERR__TIMED_OUT; the handle is "
     "closed all the same, and what it left behind ends by itself."},
    {"switch.flush.timeout.ms", "P", "ms", "0.1.0",
     "Longer: fewer records may stand twice. What is not acknowledged then is "
     "produced again on the new cluster."},
    {"route.request.timeout.ms", "both", "ms", "0.1.0",
     "Of one attempt; the next server or mapper is tried afterwards."},
};

/* Properties of librdkafka, as they are to be understood here. */
static const struct {
    const char *key, *text;
} meanings[] = {
    {"auto.offset.reset",
     "Where reading begins when there is no commit. After a move it does not "
     "count: without a commit and a translation reading begins at the log "
     "start, with a warning."},
    {"client.id", "Goes to the route service too: rules can match it."},
    {"debug",
     "Adds librdkafka's debug lines of every generation; so does "
     "`SHUNT_LOG=kafka=CONTEXT+CONTEXT`, without touching the program."},
    {"enable.auto.commit",
     "The commits are made by Shunt, because they carry the residency."},
    {"auto.commit.interval.ms",
     "How often. 0: only when partitions are given up."},
    {"enable.idempotence",
     "Holds on each cluster. A record that moves without an acknowledgement "
     "may stand twice: see the table of flips in [sdk.md](sdk.md)."},
    {"group.id", "The same group on every cluster; rules can match it."},
    {"group.instance.id", "Holds on each cluster."},
    {"log_level", "Of Shunt's lines as well; `SHUNT_LOG` replaces it."},
    {"max.poll.interval.ms",
     "A consumer that does not poll does not move either."},
    {"message.timeout.ms",
     "Counts anew on each cluster that a record is produced on."},
    {"partition.assignment.strategy",
     "Of each cluster's group; partitions may be spread differently there."},
    {"queue.buffering.max.messages",
     "Of the client, over all clusters, also while records move."},
    {"queue.buffering.max.kbytes", "The same."},
    {"sasl.username",
     "What the route table says of the cluster is laid over it, as over all "
     "of `sasl.*`, `ssl.*` and `security.protocol`."},
};

static const struct note *
note_of(const char *key)
{
    for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++)
        if (strcmp(notes[i].key, key) == 0)
            return &notes[i];
    return NULL;
}

static int
complain(const char *key, const char *what)
{
    (void)fprintf(stderr, "sdk/tools/sdk-options.c: %s %s\n", key, what);
    return 1;
}

/* rd_kafka_conf_get() does not know what has no value. */
static bool
is_theirs(const char *key)
{
    char line[64], *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return false;
    rd_kafka_conf_properties_show(f);
    (void)snprintf(line, sizeof(line), "\n%s ", key);
    const bool found = fclose(f) == 0 && strstr(text, line);
    free(text);
    return found;
}

static int
check(void)
{
    int bad = 0;
    for (const struct opt *o = conf_options; o->key; o++)
        if (!note_of(o->key))
            bad |= complain(o->key, "has no note");
    for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++)
        if (!opt_find(conf_options, notes[i].key))
            bad |= complain(notes[i].key, "is no property of Shunt's");
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
        if (!is_theirs(meanings[i].key))
            bad |= complain(meanings[i].key, "is no property of librdkafka");
    return bad;
}

static void
print_default(const struct opt *o)
{
    (void)printf("%s | ", o->def && *o->def ? o->def : "-");
    if (o->type == OPT_INT)
        (void)printf("%lld to %lld", (long long)o->min, (long long)o->max);
    else
        (void)printf("%s", o->type == OPT_BOOL ? "true, false" : "text");
}

/* The column C/P says whose it is. */
static const char *
help_of(const struct opt *o)
{
    const char *colon = strchr(o->help, ':');
    return str_starts_with(o->help, "consumer: ") ||
                   str_starts_with(o->help, "producer: ")
               ? colon + 2
               : o->help;
}

static void
print_own(void)
{
    (void)puts("| property | C/P | unit | default | range | since | meaning |\n"
               "|---|---|---|---|---|---|---|");
    for (const struct opt *o = conf_options; o->key; o++) {
        const struct note *n = note_of(o->key);
        if (!n)
            continue; /* check() has said so */
        (void)printf("| `%s` | %s | %s | ", o->key, n->who, n->unit);
        print_default(o);
        (void)printf(" | %s | %s. %s |\n", n->since, help_of(o), n->more);
    }
    (void)puts("| `attr.NAME` | both | - | - | text | 0.1.0 | an attribute of "
               "the client. Rules can match it: `attr.flink.id = 1234`. |");
}

static void
print_theirs(void)
{
    (void)puts("| property | here |\n|---|---|");
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
        (void)printf("| `%s` | %s |\n", meanings[i].key, meanings[i].text);
}

static void
print_refused(void)
{
    (void)puts("| property | only | why |\n|---|---|---|");
    for (const struct conf_refusal *r = conf_refusals; r->key; r++)
        (void)printf("| `%s` | %s | %s |\n", r->key,
                     !r->harmless   ? "-"
                     : *r->harmless ? r->harmless
                                    : "empty",
                     r->why);
}

int
main(void)
{
    if (check() != 0)
        return 1;
    (void)puts(
        "# Properties of libshunt\n\n"
        "Written by `make docs` from the option table. Set with "
        "`shunt_conf_set()`, read with `shunt_conf_get()`; all hold for the "
        "life of a handle. C: consumer,\nP: producer. Durations are "
        "milliseconds.\n\n"
        "## Shunt's own\n");
    print_own();
    (void)puts("\n## librdkafka's, where they mean more\n\n"
               "Every property of librdkafka can be set and holds on each "
               "cluster. These are to be understood as follows.\n");
    print_theirs();
    (void)puts("\n## Refused\n\n"
               "These are refused with an error that says why. \"only\" is the "
               "value that may be set.\n");
    print_refused();
    (void)puts(
        "\n## Environment\n\n"
        "| variable | meaning |\n|---|---|\n"
        "| `SHUNT_LOG` | turns the log of a running program up, whatever the "
        "program set: words separated by commas. `error`, `warn`, `info` or "
        "`debug`: the level; `file=PATH`: every line is appended there (`%p`: "
        "process id); `kafka=CONTEXT+CONTEXT`: librdkafka's debug contexts. "
        "Read by `shunt_new()`. |\n"
        "| `XDG_STATE_HOME`, `HOME` | where `route.cache.dir` is by default |");
    return fflush(stdout) == 0 ? 0 : 1;
}
