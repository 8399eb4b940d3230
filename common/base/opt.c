#include "common/base/opt.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/strs.h"

#define CONFIG_FILE_MAX_BYTES ((size_t)1 << 20)

static void *
field(const struct opt *o, void *conf)
{
    return (char *)conf + o->offset;
}

const struct opt *
opt_find(const struct opt *table, const char *key)
{
    for (const struct opt *o = table; o->key; o++)
        if (strcmp(o->key, key) == 0)
            return o;
    return NULL;
}

static int
set_str(const struct opt *o, void *conf, const char *value, struct err *err)
{
    char *copy = strdup(value);
    if (!copy)
        return err_nomem(err);
    char **to = field(o, conf);
    free(*to);
    *to = copy;
    return 0;
}

static int
set_int(const struct opt *o, void *conf, const char *value, struct err *err)
{
    if (!str_to_i64(value, o->min, o->max, field(o, conf)))
        return err_field(err, ERR_INVALID, o->key, value,
                         "option %s: \"%s\" is not a whole number from %lld "
                         "to %lld",
                         o->key, value, (long long)o->min, (long long)o->max);
    return 0;
}

static int
set_bool(const struct opt *o, void *conf, const char *value, struct err *err)
{
    const bool on = strcmp(value, "true") == 0;
    if (!on && strcmp(value, "false") != 0)
        return err_field(err, ERR_INVALID, o->key, value,
                         "option %s: \"%s\" is neither true nor false", o->key,
                         value);
    *(bool *)field(o, conf) = on;
    return 0;
}

int
opt_set(const struct opt *table, void *conf, const char *key, const char *value,
        struct err *err)
{
    const struct opt *o = opt_find(table, key);
    if (!o)
        return err_field(err, ERR_NOTFOUND, key, value,
                         "unknown option \"%s\"; --help lists all", key);
    switch (o->type) {
    case OPT_STR:
        return set_str(o, conf, value, err);
    case OPT_INT:
        return set_int(o, conf, value, err);
    case OPT_BOOL:
        return set_bool(o, conf, value, err);
    default:
        return err_set(err, ERR_UNSUPPORTED, "option %s has no type", key);
    }
}

int
opt_defaults(const struct opt *table, void *conf, struct err *err)
{
    for (const struct opt *o = table; o->key; o++) {
        const int rc = o->def ? opt_set(table, conf, o->key, o->def, err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static char *
trim(char *s)
{
    s += strspn(s, " \t\r");
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r", s[n - 1]))
        n--;
    s[n] = '\0';
    return s;
}

static int
load_line(const struct opt *table, void *conf, char *line, struct err *err)
{
    line = trim(line);
    if (!*line || *line == '#')
        return 0;
    char *eq = strchr(line, '=');
    if (!eq)
        return err_set(err, ERR_PARSE, "\"%s\" is not key = value", line);
    *eq = '\0';
    return opt_set(table, conf, trim(line), trim(eq + 1), err);
}

int
opt_load_file(const struct opt *table, void *conf, const char *path,
              struct err *err)
{
    char *text;
    size_t len;
    int rc = file_read(path, CONFIG_FILE_MAX_BYTES, &text, &len, err);
    if (rc)
        return rc;
    int number = 1;
    for (char *line = text, *next; line && rc == 0; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        struct err why;
        rc = load_line(table, conf, line, &why);
        if (rc)
            err_field(err, rc, why.field, why.value, "%s:%d: %s", path, number,
                      why.text);
    }
    free(text);
    return rc;
}

static int
one_arg(const struct opt *table, void *conf, int argc, char **argv, int *i,
        struct err *err)
{
    char key[128];
    const char *word = argv[*i] + 2;
    const size_t n = strcspn(word, "=");
    if (n >= sizeof(key))
        return err_set(err, ERR_NOTFOUND, "unknown option \"%s\"", argv[*i]);
    memcpy(key, word, n);
    key[n] = '\0';
    const char *value = word[n] ? word + n + 1 : NULL;
    const bool config = strcmp(key, "config") == 0;
    const struct opt *o = opt_find(table, key);
    if (!value && o && o->type == OPT_BOOL)
        value = "true";
    if (!value && (o || config)) {
        if (*i + 1 >= argc)
            return err_field(err, ERR_INVALID, key, NULL,
                             "option --%s needs a value", key);
        value = argv[++*i];
    }
    ++*i;
    return config ? opt_load_file(table, conf, value, err)
                  : opt_set(table, conf, key, value ? value : "", err);
}

int
opt_args(const struct opt *table, void *conf, int argc, char **argv, int *next,
         struct err *err)
{
    int i = 1;
    while (i < argc && str_starts_with(argv[i], "--")) {
        if (argv[i][2] == '\0') {
            i++;
            break;
        }
        const int rc = one_arg(table, conf, argc, argv, &i, err);
        if (rc)
            return rc;
    }
    *next = i;
    return 0;
}

void
opt_help(const struct opt *table, FILE *to)
{
    for (const struct opt *o = table; o->key; o++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "--%s %s", o->key,
                       o->arg ? o->arg : "");
        (void)fprintf(to, "  %-34s %s", left, o->help);
        if (o->def && *o->def)
            (void)fprintf(to, " [%s]", o->def);
        (void)fputc('\n', to);
    }
}

void
opt_markdown(const struct opt *table, FILE *to)
{
    (void)fputs("| option | default | range | meaning |\n|---|---|---|---|\n",
                to);
    for (const struct opt *o = table; o->key; o++) {
        (void)fprintf(to, "| `%s` | %s | ", o->key,
                      o->def && *o->def ? o->def : "-");
        if (o->type == OPT_INT)
            (void)fprintf(to, "%lld to %lld", (long long)o->min,
                          (long long)o->max);
        else
            (void)fputs(o->type == OPT_BOOL ? "true, false" : "text", to);
        (void)fprintf(to, " | %s |\n", o->help);
    }
}

void
opt_fini(const struct opt *table, void *conf)
{
    for (const struct opt *o = table; o->key; o++) {
        if (o->type != OPT_STR)
            continue;
        char **s = field(o, conf);
        free(*s);
        *s = NULL;
    }
}
