/*
 * Owns the grammar of the commands.  Each is a row of a table: its words, how
 * many follow, what it does.
 */
#include "tests/sandbox/command.h"

#include <string.h>

#include "common/base/strs.h"

#define PARTITIONS_MAX 1000
#define RTT_MS_MAX     60000

struct command {
    const char *name;
    size_t words; /* all together */
    int (*run)(struct sandbox *s, char **words, struct buf *answer,
               struct err *err);
};

static int
bad_word(struct err *err, const char *field, const char *word, const char *want)
{
    return err_field(err, ERR_INVALID, field, word, "\"%s\" is no %s", word,
                     want);
}

static struct cluster *
find_cluster(const struct sandbox *s, const char *name, struct err *err)
{
    for (size_t i = 0; i < CLUSTERS; i++)
        if (str_equal(cluster_name(s->clusters[i]), name))
            return s->clusters[i];
    (void)bad_word(err, "cluster", name, "cluster; there are a and b");
    return NULL;
}

static int
parse_int(const char *field, const char *word, int min, int max, int *out,
          struct err *err)
{
    int64_t n;
    if (!str_to_i64(word, min, max, &n))
        return err_field(err, ERR_INVALID, field, word,
                         "\"%s\" is no number of %s from %d to %d", word, field,
                         min, max);
    *out = (int)n;
    return 0;
}

/* cluster NAME down|up */
static int
run_cluster(struct sandbox *s, char **words, struct buf *answer,
            struct err *err)
{
    (void)answer;
    struct cluster *c = find_cluster(s, words[1], err);
    if (!c)
        return ERR_INVALID;
    if (str_equal(words[2], "down"))
        return cluster_set_up(c, false, err);
    if (str_equal(words[2], "up"))
        return cluster_set_up(c, true, err);
    return bad_word(err, "state", words[2],
                    "state of a cluster: down, up or slow MS");
}

/* cluster NAME slow MS */
static int
run_slow(struct sandbox *s, char **words, struct buf *answer, struct err *err)
{
    (void)answer;
    int rtt_ms = 0;
    struct cluster *c = find_cluster(s, words[1], err);
    if (!c)
        return ERR_INVALID;
    if (!str_equal(words[2], "slow"))
        return bad_word(err, "state", words[2],
                        "state of a cluster with a number: slow MS");
    const int rc =
        parse_int("milliseconds", words[3], 0, RTT_MS_MAX, &rtt_ms, err);
    return rc ? rc : cluster_set_rtt(c, rtt_ms, err);
}

static int
add_everywhere(struct sandbox *s, const char *topic, int partitions,
               struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < CLUSTERS && rc == 0; i++)
        rc = cluster_want_topic(s->clusters[i], topic, partitions, err);
    return rc;
}

/* `topic` may begin with CLUSTER/. */
static int
add_topic(struct sandbox *s, const char *topic, const char *partitions,
          struct err *err)
{
    int n = 0;
    const int rc =
        parse_int("partitions", partitions, 1, PARTITIONS_MAX, &n, err);
    if (rc)
        return rc;
    const char *slash = strchr(topic, '/');
    if (!slash)
        return add_everywhere(s, topic, n, err);
    char name[16] = "";
    const size_t len = (size_t)(slash - topic);
    if (len < sizeof(name))
        memcpy(name, topic, len);
    struct cluster *c = find_cluster(s, name, err);
    return c ? cluster_want_topic(c, slash + 1, n, err) : ERR_INVALID;
}

/* topic CLUSTER NAME PARTITIONS */
static int
run_topic(struct sandbox *s, char **words, struct buf *answer, struct err *err)
{
    (void)answer;
    int n = 0;
    struct cluster *c = find_cluster(s, words[1], err);
    if (!c)
        return ERR_INVALID;
    const int rc =
        parse_int("partitions", words[3], 1, PARTITIONS_MAX, &n, err);
    return rc ? rc : cluster_add_topic(c, words[2], n, err);
}

static int
run_status(struct sandbox *s, char **words, struct buf *answer, struct err *err)
{
    (void)words;
    (void)err;
    for (size_t i = 0; i < CLUSTERS; i++) {
        const struct cluster *c = s->clusters[i];
        buf_printf(answer, "%s %s %s slow %d\n", cluster_name(c),
                   cluster_bootstrap(c), cluster_is_up(c) ? "up" : "down",
                   cluster_rtt_ms(c));
    }
    return 0;
}

static int
run_help(struct sandbox *s, char **words, struct buf *answer, struct err *err)
{
    (void)s;
    (void)words;
    (void)err;
    buf_puts(answer, command_help());
    return 0;
}

static int
run_quit(struct sandbox *s, char **words, struct buf *answer, struct err *err)
{
    (void)words;
    (void)answer;
    (void)err;
    s->quit = true;
    return 0;
}

static const struct command commands[] = {
    {"cluster", 3, run_cluster},
    {"cluster", 4, run_slow},
    {"topic", 4, run_topic},
    {"status", 1, run_status},
    {"help", 1, run_help},
    {"quit", 1, run_quit},
    {NULL, 0, NULL},
};

const char *
command_help(void)
{
    return "  cluster CLUSTER down|up          cut all connections and refuse "
           "new ones; end it\n"
           "  cluster CLUSTER slow MS          delay every answer; 0 ends it\n"
           "  topic CLUSTER NAME PARTITIONS    make a topic\n"
           "  status                           addresses and faults\n"
           "  quit                             stop (so does Ctrl-C)\n";
}

static int
dispatch(struct sandbox *s, const struct strlist *words, struct buf *answer,
         struct err *err)
{
    bool known = false;
    for (const struct command *c = commands; c->name; c++) {
        if (!str_equal(c->name, words->v[0]))
            continue;
        known = true;
        if (c->words == words->n)
            return c->run(s, words->v, answer, err);
    }
    if (!known)
        return bad_word(err, "command", words->v[0],
                        "command; help lists them");
    return err_field(err, ERR_INVALID, "command", words->v[0],
                     "\"%s\" does not go with %zu words after it; help lists "
                     "the commands",
                     words->v[0], words->n - 1);
}

void
command_run(struct sandbox *s, const char *line, struct buf *answer)
{
    struct err err = {0};
    struct strlist words = {0};
    int rc = strlist_split(&words, line, " \t\r\n");
    if (rc == 0 && words.n == 0)
        goto out;
    rc = rc ? err_nomem(&err) : dispatch(s, &words, answer, &err);
    if (rc)
        buf_printf(answer, "error: %s\n", err.text);
    else
        buf_puts(answer, "ok\n");
out:
    strlist_fini(&words);
}

static int
add_listed(struct sandbox *s, char *item, struct err *err)
{
    char *colon = strrchr(item, ':');
    if (!colon)
        return err_field(err, ERR_INVALID, "topics", item,
                         "option topics: \"%s\" is not NAME:PARTITIONS", item);
    *colon = '\0';
    return add_topic(s, item, colon + 1, err);
}

int
command_topics(struct sandbox *s, const char *list, struct err *err)
{
    struct strlist items = {0};
    int rc = strlist_split(&items, list, ",");
    if (rc)
        rc = err_nomem(err);
    for (size_t i = 0; i < items.n && rc == 0; i++)
        rc = add_listed(s, items.v[i], err);
    strlist_fini(&items);
    return rc;
}
