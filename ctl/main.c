/* The command table, --help, and the way from words to a command. */
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "ctl/ctl.h"

#define AT(f) offsetof(struct ctl_conf, f)

static const struct opt options[] = {
    {"route.service", OPT_STR, AT(route_service), "http://127.0.0.1:7070", 0, 0,
     "URL[,URL]", "route services, tried in turn; also SHUNT_ROUTE_SERVICE"},
    {"timeout.ms", OPT_INT, AT(timeout_ms), "5000", 1, 3600000, "MS",
     "how long to wait for an answer; 1 ms more for each KiB of a file"},
    {"json", OPT_BOOL, AT(json), "false", 0, 0, "", "print JSON"},
    {"author", OPT_STR, AT(author), NULL, 0, 0, "NAME",
     "who makes the change; default: the login name"},
    {"comment", OPT_STR, AT(comment), NULL, 0, 0, "TEXT",
     "why, for the history"},
    {"dry-run", OPT_BOOL, AT(dry_run), "false", 0, 0, "",
     "say what would happen, change nothing"},
    {"yes", OPT_BOOL, AT(yes), "false", 0, 0, "",
     "land, group import: write without a question"},
    {"backwards", OPT_BOOL, AT(backwards), "false", 0, 0, "",
     "land, group import: also set commits back"},
    {"unverified", OPT_BOOL, AT(unverified), "false", 0, 0, "",
     "land, group: read no records to make sure"},
    {"to", OPT_STR, AT(to), NULL, 0, 0, "CLUSTER",
     "flip, translate, group, land: where to"},
    {"from", OPT_STR, AT(from), NULL, 0, 0, "CLUSTER",
     "translate, group, land: where from; flip: only rules that are there now"},
    {"rule", OPT_STR, AT(rule), NULL, 0, 0, "ID", "flip: only this rule"},
    {"fence", OPT_BOOL, AT(fence), "false", 0, 0, "",
     "flip: clients stop where they are at once"},
    {"wait.ms", OPT_INT, AT(wait_ms), "30000", 0, 3600000, "MS",
     "flip: how long to watch the clients follow, 0: not at all; verify: how "
     "long to look"},
    {"mapper", OPT_STR, AT(mapper), NULL, 0, 0, "URL",
     "translate, verify, group, land: the mapper to ask; default: from the "
     "route table"},
    {"replicator", OPT_STR, AT(replicator), "http://127.0.0.1:7072", 0, 0,
     "URL[,URL]",
     "replicator: its processes, all are asked; also SHUNT_REPLICATOR"},
    {"problems", OPT_BOOL, AT(problems), "false", 0, 0, "",
     "replicator status: only partitions that have one"},
    {"samples", OPT_INT, AT(samples), "100", 1, 100000, "N",
     "verify: how many random positions"},
    {"wait", OPT_INT, AT(arrival_ms), "0", 0, 600000, "MS",
     "translate, land: wait for a record that has not arrived there yet"},
    {"explain", OPT_BOOL, AT(explain), "false", 0, 0, "",
     "translate: show the flows and runs that the answer is made of"},
    {"verify", OPT_BOOL, AT(verify), "false", 0, 0, "",
     "translate: compare the records themselves on both clusters"},
    {"timestamp", OPT_STR, AT(timestamp), NULL, 0, 0, "TIME",
     "translate: the first record from then on, instead of an offset"},
    {"group", OPT_STR, AT(group), NULL, 0, 0, "GROUP",
     "translate: where this group stands, instead of positions"},
    {"limit", OPT_INT, AT(limit), "20", 1, 1000, "N",
     "history: at most so many changes"},
    {"before", OPT_INT, AT(before), "0", 0, INT64_MAX, "REVISION",
     "history: only changes older than this one; 0: from the newest on"},
    {"revision", OPT_INT, AT(revision), "0", 0, INT64_MAX, "REVISION",
     "export: the table as it was then; 0: as it is"},
    {"file", OPT_STR, AT(file), NULL, 0, 0, "FILE",
     "apply, diff: the whole table; translate, group import: positions as CSV; "
     "also -f; -: standard input"},
    {"output", OPT_STR, AT(output), NULL, 0, 0, "FILE",
     "export, group export: where to write, also -o; default: standard output"},
    {"help", OPT_BOOL, AT(help), "false", 0, 0, "", "this text, or of COMMAND"},
    {"version", OPT_BOOL, AT(version), "false", 0, 0, "", "print the version"},
    {0},
};

static const char common_options[] = " route.service timeout.ms json help "
                                     "version ";
#define CHANGE_OPTIONS " author comment dry-run "
#define IDENTITY       "CODE [topic=T] [role=R] [group=G] [client.id=C] [attr.K=V]"

static const char rule_words[] =
    "  cluster=C                 where to (needed)\n"
    "  standby=C                 cluster that clients keep ready besides\n"
    "  fence=true                clients stop elsewhere at once, before they\n"
    "                            can go on there\n"
    "  priority=N                the highest wins; default 0\n"
    "  enabled=false             is kept and matches nobody\n"
    "  comment=TEXT\n"
    "  cluster.code= role= topic= group= client.id= attr.NAME=\n"
    "                            whom it matches: text, * and ?; A,B: any of\n"
    "                            them; what is left out matches everybody\n"
    "  not.topic=, not.group=... whom it doesn't, in the same words\n"
    "  share=N share.by=KEY      N percent of the values of client.id, group,\n"
    "                            topic, cluster.code or attr.NAME; always the\n"
    "                            same ones, and more join when N grows\n"
    "  valid_from=T valid_until=T\n"
    "                            in force from.. until then\n"
    "                            (2026-12-01T03:00:00Z)\n"
    "  prop.KEY=VALUE            librdkafka property for whom it routes, over\n"
    "                            the cluster's\n";
static const char flip_words[] =
    "  A rule whose standby is the cluster it moves to gets the one it leaves as\n"
    "  its standby.  A fence stays on the rules until fence=false is put.\n";
static const char cluster_words[] =
    "  bootstrap.servers=H:P,..  needed\n"
    "  KEY=VALUE                 librdkafka properties of its clients; secrets\n"
    "                            only as ${file:/path}, ${file:/path:key} or\n"
    "                            ${env:NAME}, which the client resolves\n";
static const char flow_words[] =
    "  policy=default|identity separator=. mappers=URL,URL\n"
    "  offset-syncs.topic.location=source|target\n";
static const char client_words[] =
    "  cluster.code= group= cluster= state= topic= name= host= instance=\n"
    "  connected=true|false      lately gone ones are kept for a while\n"
    "  behind=true               not told of the newest revision yet\n";
static const char apply_words[] =
    "  The file is the whole table, as `export` writes it: what is not in it\n"
    "  is deleted, and said before it is.  Nothing happens when somebody else\n"
    "  changes the table at the same moment (exit code 4).\n";
static const char diff_words_help[] =
    "  Exit code 0: no difference, 1: differences, 2 and more: trouble.\n"
    "  With -f: what `apply -f` would change.  With one revision: what was\n"
    "  changed since.\n";
static const char verify_words[] =
    "  Both clusters must be up.  Exit code 0: all that was compared agrees, 1:\n"
    "  an answer is wrong (past: records would be skipped; low, outside: more\n"
    "  are read again than announced; missing: the records are not there), or\n"
    "  nothing could be compared.\n";

static const char translate_words[] =
    "  TOPIC:PARTITION:OFFSET    physical name on --from; the offset of the next\n"
    "                            record to read\n"
    "  -f FILE                   lines of topic,partition,offset; -: from stdin\n"
    "  --timestamp TIME          TOPIC:PARTITION words (or topic,partition "
    "lines):\n"
    "                            2026-12-01T03:00:00Z, or ms since 1970\n"
    "  --group GROUP             no words: all that the group has read\n"
    "\nqualities:\n"
    "  exact    the right position: nothing is read twice\n"
    "  bounded  the right one lies in LOW..HIGH; POSITION is LOW\n"
    "  ahead    the record before it has not arrived there: --wait for it\n"
    "  before   older than all that is known: POSITION is 0\n"
    "  none     nothing is known of this partition\n"
    "  Whoever starts at POSITION skips no record, whatever the quality.\n";

#define MAPPER_OPTIONS " from to mapper unverified "
#define LAND_OPTIONS   MAPPER_OPTIONS "dry-run yes backwards wait "

static const char group_words[] =
    "  show     for each partition: where members stand (as they report it),\n"
    "           the commit on --from, MirrorMaker's newest checkpoint, which\n"
    "           of them counts, the commit on --to, and where it would go on\n"
    "  export   the same as CSV; as JSON with --json or to FILE.json\n"
    "  import   lands the topic, partition and offset (on --from) of each line\n"
    "           of such a file, as `land` does\n";
static const char land_words[] =
    "  Shows what would be written, asks, and writes.  Only for a group that has\n"
    "  no members on --to; commits are not set back unless --backwards says so.\n"
    "  It may be repeated: what is there already stays.  Exit code 0: all of it\n"
    "  stands there (with --dry-run: would), 1: some does not, as the table\n"
    "  says, 4: the group has members there.\n";

static const char replicator_words[] =
    "  status   flows of each process, and topics; with TOPIC its partitions\n"
    "  pause    what is on its way arrives, nothing more is copied, until it is\n"
    "           resumed or the process is started anew\n"
    "  resume   also what an option (shunt.on.refused, shunt.on.truncation)\n"
    "           has stopped; without TOPIC all of the flow\n"
    "  watch    the progress of a first copy, until it is done: records,\n"
    "           percent, records and bytes a second, time left\n"
    "  Processes that share a flow are all named: each holds its own share.\n"
    "  Exit code 0: all of them have answered; 1: one refused; 3: one did not\n"
    "  answer; 4: the whole flow is paused, and only a topic was named.\n";

static const struct ctl_command commands[] = {
    {"cluster", "list | put NAME KEY=VALUE... | delete NAME",
     "the Kafka clusters",
     "shuntctl cluster put a bootstrap.servers=k1:9092,k2:9092 "
     "security.protocol=ssl\n"
     "shuntctl cluster put b bootstrap.servers=k3:9092 "
     "'sasl.password=${file:/run/secrets/kafka}'",
     cluster_words, CHANGE_OPTIONS, ctl_cluster},
    {"flow",
     "list | put SOURCE TARGET [KEY=VALUE...] | delete "
     "'SOURCE->TARGET'",
     "which cluster is replicated to which, and who maps its offsets",
     "shuntctl flow put a b mappers=http://127.0.0.1:7071", flow_words,
     CHANGE_OPTIONS, ctl_flow},
    {"rule", "list | put ID cluster=C [KEY=VALUE...] | delete ID",
     "who is routed where",
     "shuntctl rule put billing cluster=b priority=10 cluster.code=orders "
     "group=billing\n"
     "shuntctl rule put canary cluster=b priority=20 cluster.code=orders "
     "share=5 share.by=client.id\n"
     "shuntctl rule put night cluster=b cluster.code=orders "
     "valid_from=2026-12-01T03:00:00Z --dry-run",
     rule_words, CHANGE_OPTIONS, ctl_rule},
    {"flip", "CODE --to CLUSTER",
     "move everything that asks for a cluster code",
     "shuntctl flip orders --to b --comment 'drill 17'\n"
     "shuntctl flip orders --to b --dry-run\n"
     "shuntctl flip orders --to b --fence --comment 'nobody writes to a'",
     flip_words, CHANGE_OPTIONS "to from rule fence wait.ms ", ctl_flip},
    {"clients", "[KEY=VALUE...]",
     "the live clients of all servers, where they are and how they fare",
     "shuntctl clients\n"
     "shuntctl clients cluster.code=orders state=stuck",
     client_words, " ", ctl_clients},
    {"resolve", IDENTITY, "where a client would go",
     "shuntctl resolve orders topic=orders group=billing", NULL, " ",
     ctl_resolve},
    {"explain", IDENTITY, "which rules could match, which one wins, and why",
     "shuntctl explain orders topic=orders attr.flink.id=1234", NULL, " ",
     ctl_explain},
    {"watch", IDENTITY, "follow a client's route as it is pushed, until Ctrl-C",
     "shuntctl watch orders topic=orders", NULL, " ", ctl_watch},
    {"translate",
     "TOPIC:PARTITION:OFFSET... | -f FILE | --group GROUP   --from CLUSTER "
     "--to CLUSTER",
     "which offset there is this offset here",
     "shuntctl translate orders:0:1234 --from a --to b\n"
     "shuntctl translate orders:0:1234 --from a --to b --wait 5000 --verify\n"
     "shuntctl translate orders:0 orders:1 --timestamp 2026-12-01T03:00:00Z "
     "--from a --to b\n"
     "shuntctl translate --group billing --from a --to b --explain\n"
     "shuntctl translate -f positions.csv --from a --to b --json",
     translate_words,
     " from to mapper wait explain verify timestamp group file ",
     ctl_translate},
    {"verify", "'SOURCE->TARGET'",
     "compare the mapper's answers to random positions with the records",
     "shuntctl verify 'a->b'\n"
     "shuntctl verify 'a->b' --samples 2000 --wait.ms 120000 --mapper "
     "http://127.0.0.1:7071",
     verify_words, " samples wait.ms mapper ", ctl_verify},
    {"group", "show | export [-o FILE] | import -f FILE  GROUP",
     "where a consumer group is, and where it would go on",
     "shuntctl group show billing --from a --to b\n"
     "shuntctl group export billing --from a --to b -o billing.csv\n"
     "shuntctl group import billing --from a --to b -f billing.csv --dry-run",
     group_words, LAND_OPTIONS "file output ", ctl_group},
    {"land", "GROUP [TOPIC[:PARTITION]...] --from CLUSTER --to CLUSTER",
     "write a group's mapped positions as its commits on the other cluster",
     "shuntctl land billing --from a --to b --dry-run\n"
     "shuntctl land billing --from a --to b\n"
     "shuntctl land billing orders:3 audit --from a --to b --yes --wait 5000",
     land_words, LAND_OPTIONS, ctl_land},
    {"replicator",
     "[status] ['A->B' [TOPIC]] | pause 'A->B' [TOPIC] | resume 'A->B' [TOPIC] "
     "| watch ['A->B']",
     "how copying between clusters goes, and holding it",
     "shuntctl replicator\n"
     "shuntctl replicator status 'a->b' orders\n"
     "shuntctl replicator status --problems\n"
     "shuntctl replicator pause 'a->b' orders --replicator "
     "http://r1:7072,http://r2:7072\n"
     "shuntctl replicator resume 'a->b'\n"
     "shuntctl replicator watch",
     replicator_words, " replicator problems ", ctl_replicator},
    {"history", "[show REVISION]", "the changes of the table, newest first",
     "shuntctl history --limit 5\n"
     "shuntctl history show 17",
     NULL, " limit before ", ctl_history},
    {"diff", "-f FILE | REVISION [REVISION]",
     "what differs between two revisions, or between the table and a file",
     "shuntctl diff -f table.json\n"
     "shuntctl diff 12 17\n"
     "shuntctl diff 12",
     diff_words_help, " file ", ctl_diff},
    {"restore", "REVISION", "the table as it was, as a new revision",
     "shuntctl restore 12 --dry-run", NULL, CHANGE_OPTIONS, ctl_restore},
    {"export", "[-o FILE]", "the whole table as one file, for git",
     "shuntctl export -o table.json", NULL, " output revision ", ctl_export},
    {"apply", "-f FILE", "make the table what the file says",
     "shuntctl apply -f table.json --dry-run\n"
     "shuntctl apply -f table.json --comment 'release 7'",
     apply_words, CHANGE_OPTIONS "file ", ctl_apply},
    {"servers", "", "the servers of the group, and how they are",
     "shuntctl servers", NULL, " ", ctl_servers},
};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct ctl_command *
find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void
help_all(void)
{
    (void)puts("usage: shuntctl COMMAND [WORDS] [OPTIONS]\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        (void)printf("  %-10s %s\n             e.g. %.*s\n", commands[i].name,
                     commands[i].summary,
                     (int)strcspn(commands[i].example, "\n"),
                     commands[i].example);
    (void)puts("\noptions:");
    opt_help(options, stdout);
    (void)puts("\nexit codes: 0 done, 1 refused (diff: differs), 2 usage, 3 no "
               "service answers, 4 conflict,\n            5 clients have not "
               "followed yet, 6 unknown whether the change was made");
}

static void
put_indented(const char *lines)
{
    while (*lines) {
        const int n = (int)strcspn(lines, "\n");
        (void)printf("  %.*s\n", n, lines);
        lines += n + (lines[n] == '\n');
    }
}

static void
help_command(const struct ctl_command *c)
{
    (void)printf("usage: shuntctl %s %s\n\n%s\n\nexample:\n", c->name, c->args,
                 c->summary);
    put_indented(c->example);
    if (c->more)
        (void)printf("\n%s", c->more);
    (void)puts("\noptions:");
    for (const struct opt *o = options; o->key; o++) {
        char *word = xasprintf(" %s ", o->key);
        if (strstr(common_options, word) || strstr(c->options, word))
            (void)printf("  --%-14s %-10s %s\n", o->key, o->arg, o->help);
        free(word);
    }
}

/* An option that the command doesn't know is an error, not ignored. */
static int
check_options(const struct ctl_command *c, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!str_starts_with(argv[i], "--"))
            continue;
        const int n = (int)strcspn(argv[i] + 2, "=");
        char *word = xasprintf(" %.*s ", n, argv[i] + 2);
        const bool known =
            strstr(common_options, word) || strstr(c->options, word);
        free(word);
        if (!known)
            return ctl_usage("%s has no option %.*s", c->name, n + 2, argv[i]);
    }
    return CTL_OK;
}

/* -f and -o, as everybody types them. */
static void
lengthen(int argc, char **argv)
{
    static char file[] = "--file", output[] = "--output";
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "-f") == 0)
            argv[i] = file;
        else if (strcmp(argv[i], "-o") == 0)
            argv[i] = output;
}

/* Options may stand anywhere; what is left are the words. */
static int
parse(struct ctl *ctl, int argc, char **argv, struct err *err)
{
    ctl->argv = xcalloc((size_t)argc, sizeof(*ctl->argv));
    for (int i = 0, next; i < argc;) {
        const int rc =
            opt_args(options, &ctl->conf, argc - i, argv + i, &next, err);
        if (rc)
            return rc;
        i += next;
        if (i < argc)
            ctl->argv[ctl->argc++] = argv[i];
    }
    return 0;
}

static int
dispatch(struct ctl *ctl, int argc, char **argv)
{
    if (ctl->conf.version)
        return puts("shuntctl " SHUNT_VERSION) < 0;
    const struct ctl_command *c =
        ctl->argc > 0 ? find_command(ctl->argv[0]) : NULL;
    if (ctl->argc > 0 && !c)
        return ctl_usage("there is no command %s", ctl->argv[0]);
    if (ctl->conf.help || !c) {
        c ? help_command(c) : help_all();
        return ctl->conf.help ? CTL_OK : CTL_USAGE;
    }
    const int rc = check_options(c, argc, argv);
    if (rc)
        return rc;
    struct ctl inner = *ctl;
    inner.argc--;
    inner.argv++;
    return c->run(&inner);
}

static int
set_defaults(struct ctl_conf *conf, struct err *err)
{
    const char *service = getenv("SHUNT_ROUTE_SERVICE");
    const char *replicator = getenv("SHUNT_REPLICATOR");
    const struct passwd *user = getpwuid(geteuid());
    int rc = opt_defaults(options, conf, err);
    if (!rc)
        rc = opt_set(options, conf, "author", user ? user->pw_name : "-", err);
    if (!rc && service && *service)
        rc = opt_set(options, conf, "route.service", service, err);
    if (!rc && replicator && *replicator)
        rc = opt_set(options, conf, "replicator", replicator, err);
    return rc;
}

int
main(int argc, char **argv)
{
    struct ctl ctl = {0};
    struct err err;
    int rc;
    lengthen(argc, argv);
    if (argc == 2 && strcmp(argv[1], "--help-options") == 0) {
        opt_markdown(options, stdout);
        return CTL_OK;
    }
    if (set_defaults(&ctl.conf, &err) != 0)
        rc = ctl_fail(&err);
    else if (parse(&ctl, argc, argv, &err) != 0)
        rc = ctl_usage("%s", err.text);
    else
        rc = dispatch(&ctl, argc, argv);
    opt_fini(options, &ctl.conf);
    free(ctl.argv);
    return rc;
}
