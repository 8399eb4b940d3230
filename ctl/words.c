/* Pure: words in, JSON out.  The services check what the values mean. */
#include "ctl/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"

enum word_kind {
    WORD_STR,
    WORD_LIST,
    WORD_INT,
    WORD_BOOL,
    WORD_DIMENSION, /* "attr.NAME" is called "attributes.NAME" in JSON */
};

struct word_key {
    const char *key; /* on the command line; "attr.*" takes any suffix */
    enum word_kind kind;
    const char *group; /* member object it goes to; NULL: the top */
    const char *name;  /* property there; NULL: the key, or the suffix */
};

static const struct word_key cluster_keys[] = {
    {"bootstrap.servers", WORD_STR, NULL, NULL},
    {"*", WORD_STR, "properties", NULL},
    {0},
};
static const struct word_key flow_keys[] = {
    {"policy", WORD_STR, NULL, NULL},
    {"separator", WORD_STR, NULL, NULL},
    {"offset-syncs.topic.location", WORD_STR, NULL, NULL},
    {"mappers", WORD_LIST, NULL, NULL},
    {0},
};
static const struct word_key rule_keys[] = {
    {"cluster", WORD_STR, NULL, NULL},
    {"fence", WORD_BOOL, NULL, NULL},
    {"standby", WORD_STR, NULL, NULL},
    {"priority", WORD_INT, NULL, NULL},
    {"enabled", WORD_BOOL, NULL, NULL},
    {"comment", WORD_STR, NULL, NULL},
    {"cluster.code", WORD_LIST, "match", NULL},
    {"role", WORD_LIST, "match", NULL},
    {"topic", WORD_LIST, "match", NULL},
    {"group", WORD_LIST, "match", NULL},
    {"client.id", WORD_LIST, "match", NULL},
    {"attr.*", WORD_LIST, "match.attributes", NULL},
    {"not.cluster.code", WORD_LIST, "match.not", "cluster.code"},
    {"not.role", WORD_LIST, "match.not", "role"},
    {"not.topic", WORD_LIST, "match.not", "topic"},
    {"not.group", WORD_LIST, "match.not", "group"},
    {"not.client.id", WORD_LIST, "match.not", "client.id"},
    {"not.attr.*", WORD_LIST, "match.not.attributes", NULL},
    {"share", WORD_INT, "match", NULL},
    {"share.by", WORD_DIMENSION, "match", NULL},
    {"valid_from", WORD_STR, NULL, NULL},
    {"valid_until", WORD_STR, NULL, NULL},
    {"prop.*", WORD_STR, "properties", NULL},
    {0},
};
static const struct word_key identity_keys[] = {
    {"role", WORD_STR, NULL, NULL},
    {"topic", WORD_LIST, NULL, "topics"},
    {"group", WORD_STR, NULL, NULL},
    {"client.id", WORD_STR, NULL, NULL},
    {"attr.*", WORD_STR, "attributes", NULL},
    {0},
};

/* Out of memory ends a command line tool. */
static struct json_t *
subobject(struct json_t *obj, const char *name)
{
    if (!js_any(obj, name))
        must(js_put_take(obj, name, js_object()));
    return js_any(obj, name);
}

static struct json_t *
place_for(struct json_t *obj, const char *group)
{
    if (!group)
        return obj;
    for (const char *dot; (dot = strchr(group, '.')); group = dot + 1) {
        char first[32];
        (void)snprintf(first, sizeof(first), "%.*s", (int)(dot - group), group);
        obj = subobject(obj, first);
    }
    return subobject(obj, group);
}

static const struct word_key *
find_key(const struct word_key *keys, const char *key, const char **suffix)
{
    for (; keys->key; keys++) {
        const size_t n = strlen(keys->key);
        const bool open = keys->key[n - 1] == '*';
        *suffix = open ? key + n - 1 : key;
        if (open ? strncmp(key, keys->key, n - 1) == 0 && **suffix
                 : strcmp(key, keys->key) == 0)
            return keys;
    }
    return NULL;
}

static int
put_word(struct json_t *to, const char *name, const struct word_key *k,
         const char *value, struct err *err)
{
    if (k->kind == WORD_INT) {
        int64_t number;
        if (!str_to_i64(value, INT32_MIN, INT32_MAX, &number))
            return err_field(err, ERR_INVALID, k->key, value,
                             "%s=%s: not a whole number", k->key, value);
        must(js_put_int(to, name, number));
    } else if (k->kind == WORD_BOOL) {
        const bool on = strcmp(value, "true") == 0;
        if (!on && strcmp(value, "false") != 0)
            return err_field(err, ERR_INVALID, k->key, value,
                             "%s=%s: neither true nor false", k->key, value);
        must(js_put_bool(to, name, on));
    } else if (k->kind == WORD_LIST) {
        struct strlist list = {0};
        must(strlist_split(&list, value, ","));
        must(js_put_strs(to, name, &list));
        strlist_fini(&list);
    } else if (k->kind == WORD_DIMENSION && str_starts_with(value, "attr.")) {
        char *attribute = xasprintf("attributes.%s", value + 5);
        must(js_put_str(to, name, attribute));
        free(attribute);
    } else {
        must(js_put_str(to, name, value));
    }
    return 0;
}

static int
take_word(struct json_t *obj, const struct word_key *keys, char *word,
          struct err *err)
{
    char *eq = strchr(word, '=');
    if (!eq)
        return err_field(err, ERR_INVALID, word, NULL,
                         "\"%s\" is not KEY=VALUE", word);
    char *key = xasprintf("%.*s", (int)(eq - word), word);
    const char *suffix;
    const struct word_key *k = find_key(keys, key, &suffix);
    int rc;
    if (!k)
        rc =
            err_field(err, ERR_INVALID, key, eq + 1, "unknown key \"%s\"", key);
    else
        rc = put_word(place_for(obj, k->group), k->name ? k->name : suffix, k,
                      eq + 1, err);
    free(key);
    return rc;
}

static int
take_words(struct json_t *obj, const struct word_key *keys, int n, char **words,
           struct json_t **out, struct err *err)
{
    for (int i = 0; i < n; i++) {
        const int rc = take_word(obj, keys, words[i], err);
        if (rc) {
            js_free(obj);
            return rc;
        }
    }
    *out = obj;
    return 0;
}

int
words_cluster(const char *name, int n, char **words, struct json_t **out,
              struct err *err)
{
    struct json_t *obj = js_object();
    must(js_put_str(obj, "name", name));
    return take_words(obj, cluster_keys, n, words, out, err);
}

int
words_flow(const char *source, const char *target, int n, char **words,
           struct json_t **out, struct err *err)
{
    struct json_t *obj = js_object();
    must(js_put_str(obj, "source", source));
    must(js_put_str(obj, "target", target));
    return take_words(obj, flow_keys, n, words, out, err);
}

int
words_rule(const char *id, int n, char **words, struct json_t **out,
           struct err *err)
{
    struct json_t *obj = js_object();
    must(js_put_str(obj, "id", id));
    return take_words(obj, rule_keys, n, words, out, err);
}

int
words_identity(const char *cluster_code, int n, char **words,
               struct json_t **out, struct err *err)
{
    struct json_t *obj = js_object();
    must(js_put_str(obj, "cluster.code", cluster_code));
    must(js_put_str(obj, "role", "consumer"));
    return take_words(obj, identity_keys, n, words, out, err);
}

static void
put_encoded(struct buf *b, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *value; value++) {
        const unsigned char c = (unsigned char)*value;
        if (strchr(plain, c))
            buf_append(b, value, 1);
        else
            buf_printf(b, "%%%02X", c);
    }
}

char *
words_path(const char *before, const char *value, const char *after)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    buf_puts(&b, before);
    put_encoded(&b, value);
    buf_puts(&b, after);
    return must_have(buf_take(&b));
}

char *
words_query_take(char *path, const char *key, const char *value)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    buf_printf(&b, "%s%s%s=", path, strchr(path, '?') ? "&" : "?", key);
    put_encoded(&b, value);
    free(path);
    return must_have(buf_take(&b));
}

int
words_filter(int n, char **words, char **out, struct err *err)
{
    static const char *const known[] = {
        "cluster.code", "group", "cluster",  "state",     "topic",
        "name",         "host",  "instance", "connected", "behind",
    };
    char *path = xstrdup("/v1/clients");
    for (int i = 0; i < n; i++) {
        const size_t len = strcspn(words[i], "=");
        char *key = xasprintf("%.*s", (int)len, words[i]);
        size_t k = 0;
        while (k < sizeof(known) / sizeof(*known) && strcmp(known[k], key) != 0)
            k++;
        const bool good =
            words[i][len] == '=' && k < sizeof(known) / sizeof(*known);
        if (good)
            path = words_query_take(path, key, words[i] + len + 1);
        else
            (void)err_field(err, ERR_INVALID, key, NULL,
                            "\"%s\" is no filter: cluster.code=, group=, "
                            "cluster=, state=, topic=, name=, host=, "
                            "instance=, connected=, behind=",
                            words[i]);
        free(key);
        if (!good) {
            free(path);
            return ERR_INVALID;
        }
    }
    *out = path;
    return 0;
}
