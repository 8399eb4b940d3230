/*
 * Texts of a .properties file, and of sasl.jaas.config.
 *
 * The parser must find what a plain reading finds, one character at a time, as
 * java.util.Properties does it; what is written out again with every special
 * character escaped must be read as the same.  JAAS: no crash, and an answer or
 * an error, never both.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "replicator/jaas.h"
#include "replicator/properties.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX ((size_t)1 << 16)

/* ---- a plain reading ------------------------------------------------------ */

struct plain {
    const uint8_t *at, *end;
    struct buf line;
};

static bool
is_white(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool
is_end(uint8_t c)
{
    return c == '\n' || c == '\r';
}

static void
skip_comment(struct plain *p)
{
    while (p->at < p->end && !is_end(*p->at))
        p->at++;
}

/* The next logical line, which may be empty; false: nothing is left. */
static bool
next_line(struct plain *p)
{
    bool skip = true, escaped = false, appended = false;
    buf_reset(&p->line);
    while (p->at < p->end) {
        const uint8_t c = *p->at++;
        if (skip && is_white(c))
            continue;
        if (skip && is_end(c) && !appended)
            continue;
        skip = appended = false;
        if (p->line.len == 0 && (c == '#' || c == '!')) {
            skip_comment(p);
            skip = true;
        } else if (!is_end(c)) {
            buf_append(&p->line, &c, 1);
            escaped = c == '\\' && !escaped;
        } else if (p->line.len == 0) {
            skip = true;
        } else if (!escaped) {
            return true;
        } else {
            p->line.data[--p->line.len] = '\0';
            escaped = false;
            skip = appended = true;
            if (c == '\r' && p->at < p->end && *p->at == '\n')
                p->at++;
        }
    }
    if (escaped && p->line.len > 0)
        p->line.data[--p->line.len] = '\0';
    return p->line.len > 0;
}

static size_t
length_of_key(const char *s, size_t len)
{
    bool escaped = false;
    for (size_t i = 0; i < len; i++) {
        if (!escaped && (s[i] == '=' || s[i] == ':' || is_white((uint8_t)s[i])))
            return i;
        escaped = s[i] == '\\' && !escaped;
    }
    return len;
}

static size_t
start_of_value(const char *s, size_t len, size_t at)
{
    bool seen = false;
    for (; at < len; at++) {
        if (is_white((uint8_t)s[at]))
            continue;
        if (seen || (s[at] != '=' && s[at] != ':'))
            break;
        seen = true;
    }
    return at;
}

/* Without \u, which the targets' seeds and unit tests hold. */
static void
plain_text(const char *s, size_t len, struct buf *out)
{
    buf_reset(out);
    buf_puts(out, "");
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (c == '\\' && i + 1 < len) {
            c = s[++i];
            c = c == 't'   ? '\t'
                : c == 'n' ? '\n'
                : c == 'r' ? '\r'
                : c == 'f' ? '\f'
                           : c;
        }
        buf_append(out, &c, 1);
    }
}

static void
check_one(const struct property *p, const struct buf *line)
{
    struct buf text;
    const size_t key = length_of_key(line->data, line->len);
    const size_t value = start_of_value(line->data, line->len, key);
    buf_init(&text, TEXT_MAX);
    plain_text(line->data, key, &text);
    FUZZ_CHECK(strcmp(p->key, text.data) == 0, "\"%s\" is not \"%s\"", p->key,
               text.data);
    plain_text(line->data + value, line->len - value, &text);
    FUZZ_CHECK(strcmp(p->value, text.data) == 0, "\"%s\" is not \"%s\"",
               p->value, text.data);
    buf_fini(&text);
}

static void
check_all(const struct properties *props, const uint8_t *data, size_t size)
{
    struct plain p = {.at = data, .end = data + size};
    size_t n = 0;
    buf_init(&p.line, TEXT_MAX);
    while (next_line(&p)) {
        FUZZ_CHECK(n < props->n, "only %zu properties", props->n);
        check_one(&props->v[n++], &p.line);
    }
    FUZZ_CHECK(n == props->n, "%zu properties instead of %zu", props->n, n);
    buf_fini(&p.line);
}

/* ---- there and back ------------------------------------------------------- */

/* A backslash before a letter that it would change is left out. */
static void
put_escaped(struct buf *to, const char *s)
{
    static const char special[] = "\t\n\r\f", names[] = "tnrf";
    for (; *s; s++) {
        const char *of = strchr(special, *s);
        if (!strchr("tnrfu", *s))
            buf_puts(to, "\\");
        buf_append(to, of ? &names[of - special] : s, 1);
    }
}

static void
check_round_trip(const struct properties *props)
{
    struct buf b;
    struct properties again;
    struct err err = {0};
    buf_init(&b, 16 * TEXT_MAX);
    buf_puts(&b, "");
    for (size_t i = 0; i < props->n; i++) {
        put_escaped(&b, props->v[i].key);
        buf_puts(&b, "=");
        put_escaped(&b, props->v[i].value);
        buf_puts(&b, "\n");
    }
    const int rc = properties_parse(b.data, b.len, &again, &err);
    FUZZ_CHECK(rc == 0, "%s in: %s", err.text, b.data);
    FUZZ_CHECK(again.n == props->n, "%zu, not %zu", again.n, props->n);
    for (size_t i = 0; i < again.n; i++)
        FUZZ_CHECK(strcmp(again.v[i].key, props->v[i].key) == 0 &&
                       strcmp(again.v[i].value, props->v[i].value) == 0,
                   "%s = %s", again.v[i].key, again.v[i].value);
    properties_fini(&again);
    buf_fini(&b);
}

static void
check_jaas(const uint8_t *data, size_t size)
{
    struct jaas j;
    struct err err = {0};
    char *text = strndup((const char *)data, size);
    if (jaas_parse(text, &j, &err) == 0) {
        FUZZ_CHECK(j.module && *j.module, "no module in %s", text);
        jaas_fini(&j);
    } else {
        FUZZ_CHECK(!j.module && j.options.n == 0 && err.text[0], "%s", text);
    }
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct properties props;
    struct err err = {0};
    if (size > TEXT_MAX / 2)
        return 0;
    check_jaas(data, size);
    if (properties_parse((const char *)data, size, &props, &err) != 0) {
        FUZZ_CHECK(err.code == ERR_PARSE && !props.v, "%s", err.text);
        return 0;
    }
    if (!memmem(data, size, "\\u", 2))
        check_all(&props, data, size);
    check_round_trip(&props);
    properties_fini(&props);
    return 0;
}
