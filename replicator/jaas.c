/*
 * Owns nothing but what it makes.  `MODULE FLAG (NAME=VALUE)* ;` where a value
 * may stand in quotes, with the escapes of Java's StreamTokenizer.
 */
#include "replicator/jaas.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/refs.h"
#include "common/base/xmem.h"

static void
skip_blanks(const char **at)
{
    while (isspace((unsigned char)**at))
        ++*at;
}

static bool
is_word(char c)
{
    return c && !isspace((unsigned char)c) && !strchr("=;\"'", c);
}

/* NULL: there is none. */
static char *
take_word(const char **at)
{
    const char *from = *at;
    while (is_word(**at))
        ++*at;
    return *at > from ? xasprintf("%.*s", (int)(*at - from), from) : NULL;
}

/* Behind a backslash: one character, or up to three octal digits. */
static char
take_escape(const char **at)
{
    static const char names[] = "abfnrtv", chars[] = "\a\b\f\n\r\t\v";
    const char c = *(*at)++;
    const char *named = strchr(names, c);
    if (named)
        return chars[named - names];
    if (c < '0' || c > '7')
        return c;
    int value = c - '0';
    for (int i = 0; i < (c <= '3' ? 2 : 1) && **at >= '0' && **at <= '7'; i++)
        value = value * 8 + (*(*at)++ - '0');
    return (char)value;
}

static char *
take_quoted(const char **at)
{
    const char quote = *(*at)++;
    char *out = xcalloc(strlen(*at) + 1, 1);
    size_t n = 0;
    while (**at && **at != quote) {
        const char c = *(*at)++;
        out[n++] = c == '\\' && **at ? take_escape(at) : c;
    }
    if (**at == quote) {
        ++*at;
        return out;
    }
    refs_wipe_take(out);
    return NULL;
}

static int
take_option(const char **at, struct jaas *out, struct err *err)
{
    char *name = take_word(at);
    if (!name)
        return err_set(err, ERR_PARSE,
                       "an option's name or the closing \";\" is missing");
    skip_blanks(at);
    char *value = NULL;
    if (**at == '=') {
        ++*at;
        skip_blanks(at);
        value = **at == '"' || **at == '\'' ? take_quoted(at) : take_word(at);
    }
    int rc = value ? props_set(&out->options, name, value)
                   : err_set(err, ERR_PARSE,
                             "the option \"%.60s\" has no =VALUE, or its quote "
                             "is not closed",
                             name);
    free(name);
    refs_wipe_take(value);
    return rc;
}

static int
parse(const char *at, struct jaas *out, struct err *err)
{
    skip_blanks(&at);
    char *class = take_word(&at);
    skip_blanks(&at);
    char *flag = take_word(&at);
    const char *dot = class ? strrchr(class, '.') : NULL;
    const char *module = dot ? dot + 1 : class;
    const bool both = module && *module && flag;
    if (both)
        out->module = xstrdup(module);
    free(class);
    free(flag);
    if (!both)
        return err_set(
            err, ERR_PARSE,
            "it does not begin with a login module and a flag, as in "
            "\"...PlainLoginModule required\"");
    for (skip_blanks(&at); *at && *at != ';'; skip_blanks(&at)) {
        const int rc = take_option(&at, out, err);
        if (rc != 0)
            return rc;
    }
    if (*at != ';')
        return err_set(err, ERR_PARSE, "the closing \";\" is missing");
    at++;
    skip_blanks(&at);
    return *at ? err_set(err, ERR_PARSE, "something stands behind the \";\"")
               : 0;
}

int
jaas_parse(const char *text, struct jaas *out, struct err *err)
{
    *out = (struct jaas){0};
    const int rc = parse(text, out, err);
    if (rc != 0)
        jaas_fini(out);
    return rc;
}

void
jaas_fini(struct jaas *j)
{
    for (size_t i = 0; i < j->options.n; i++)
        explicit_bzero(j->options.v[i].value, strlen(j->options.v[i].value));
    props_fini(&j->options);
    free(j->module);
    *j = (struct jaas){0};
}
