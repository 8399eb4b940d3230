/*
 * Owns nothing but the list that it makes.  Two steps: a scanner joins natural
 * lines into a logical one (continuations, comments), then key and value are
 * cut out of it and their escapes resolved.  The order matters: a backslash
 * keeps its meaning until the second step.
 */
#include "replicator/properties.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xmem.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)

struct scan {
    const char *p, *end;
    size_t line; /* number of the natural line at p */
};

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static void
skip_blanks(struct scan *s)
{
    while (s->p < s->end && is_blank(*s->p))
        s->p++;
}

/* Steps over \n, \r or \r\n. */
static void
skip_line_end(struct scan *s)
{
    if (s->p == s->end)
        return;
    if (*s->p == '\r' && s->p + 1 < s->end && s->p[1] == '\n')
        s->p++;
    s->p++;
    s->line++;
}

/* Appends up to the line end. True: an odd number of backslashes ends it. */
static bool
take_natural_line(struct scan *s, struct buf *to)
{
    const char *from = s->p;
    size_t slashes = 0;
    for (; s->p < s->end && *s->p != '\n' && *s->p != '\r'; s->p++)
        slashes = *s->p == '\\' ? slashes + 1 : 0;
    const bool goes_on = slashes % 2 == 1;
    buf_append(to, from, (size_t)(s->p - from) - goes_on);
    skip_line_end(s);
    return goes_on;
}

/* One logical line without leading blanks; empty for comments, which do not
 * continue, and may follow a line that is nothing but a backslash. */
static void
take_logical_line(struct scan *s, struct buf *to)
{
    bool goes_on = true;
    buf_reset(to);
    while (goes_on && s->p < s->end) {
        skip_blanks(s);
        const bool comment =
            to->len == 0 && s->p < s->end && (*s->p == '#' || *s->p == '!');
        goes_on = take_natural_line(s, to) && !comment;
        if (comment)
            buf_reset(to);
    }
}

static int
hex4(const char *p, const char *end, uint32_t *out)
{
    if (end - p < 4)
        return ERR_PARSE;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        const char c = (char)(p[i] >= 'A' && p[i] <= 'F' ? p[i] | 0x20 : p[i]);
        const char *d = c ? strchr(digits, c) : NULL;
        if (!d)
            return ERR_PARSE;
        *out = *out << 4 | (uint32_t)(d - digits);
    }
    return 0;
}

static void
put_utf8(struct buf *to, uint32_t c)
{
    const char b[4] = {(char)(c >> 18 | 0xf0), (char)((c >> 12 & 0x3f) | 0x80),
                       (char)((c >> 6 & 0x3f) | 0x80),
                       (char)((c & 0x3f) | 0x80)};
    const char two = (char)(c >> 6 | 0xc0), three = (char)(c >> 12 | 0xe0);
    const char one = (char)c;
    if (c < 0x80) {
        buf_append(to, &one, 1);
    } else if (c < 0x800) {
        buf_append(to, &two, 1);
        buf_append(to, b + 3, 1);
    } else if (c < 0x10000) {
        buf_append(to, &three, 1);
        buf_append(to, b + 2, 2);
    } else {
        buf_append(to, b, 4);
    }
}

/* `p` stands behind "\u"; a surrogate must be followed by its other half. */
static int
take_unicode(const char **p, const char *end, struct buf *to, struct err *err)
{
    uint32_t c, low;
    if (hex4(*p, end, &c) != 0)
        return err_set(err, ERR_PARSE,
                       "\\u is not followed by four "
                       "hexadecimal digits");
    *p += 4;
    if (c == 0)
        return err_set(err, ERR_PARSE, "\\u0000 is not allowed");
    if (c >= 0xd800 && c <= 0xdfff) {
        if (c >= 0xdc00 || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' ||
            hex4(*p + 2, end, &low) != 0 || low < 0xdc00 || low > 0xdfff)
            return err_set(err, ERR_PARSE, "\\u%04x is half a character",
                           (unsigned)c);
        *p += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(to, c);
    return 0;
}

static int
unescape(const char *p, const char *end, char **out, struct err *err)
{
    static const char names[] = "tnrf", chars[] = "\t\n\r\f";
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    buf_puts(&b, "");
    int rc = 0;
    while (p < end && rc == 0) {
        if (*p != '\\' || p + 1 == end) {
            buf_append(&b, p++, 1);
            continue;
        }
        const char c = p[1];
        const char *named = strchr(names, c);
        p += 2;
        if (c == 'u')
            rc = take_unicode(&p, end, &b, err);
        else
            buf_append(&b, named ? &chars[named - names] : &c, 1);
    }
    *out = rc == 0 ? buf_take(&b) : NULL;
    buf_fini(&b);
    if (rc == 0 && !*out)
        return err_nomem(err);
    return rc;
}

/* The end of the key: the first unescaped separator. */
static const char *
key_end(const char *p, const char *end)
{
    for (; p < end; p++) {
        if (*p == '=' || *p == ':' || is_blank(*p))
            return p;
        if (*p == '\\' && p + 1 < end)
            p++;
    }
    return end;
}

static const char *
value_start(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    if (p < end && (*p == '=' || *p == ':'))
        p++;
    while (p < end && is_blank(*p))
        p++;
    return p;
}

static int
add(struct properties *out, const struct buf *b, size_t line, struct err *err)
{
    const char *end = b->data + b->len;
    const char *k = key_end(b->data, end);
    struct property p = {.line = line};
    if (memchr(b->data, '\0', b->len))
        return err_set(err, ERR_PARSE, "a zero byte");
    if (k == b->data)
        return err_set(err, ERR_PARSE, "no key before \"%.40s\"", b->data);
    int rc = unescape(b->data, k, &p.key, err);
    if (rc == 0)
        rc = unescape(value_start(k, end), end, &p.value, err);
    if (rc != 0) {
        free(p.key);
        return rc;
    }
    out->v = xreallocarray(out->v, out->n + 1, sizeof(p));
    out->v[out->n++] = p;
    return 0;
}

int
properties_parse(const char *text, size_t len, struct properties *out,
                 struct err *err)
{
    struct scan s = {.p = text, .end = text + len, .line = 1};
    struct buf b;
    struct err why = {0};
    int rc = 0;
    *out = (struct properties){0};
    buf_init(&b, LINE_MAX_BYTES);
    while (s.p < s.end && rc == 0) {
        const size_t line = s.line;
        take_logical_line(&s, &b);
        if (buf_failed(&b))
            rc = err_set(&why, ERR_PARSE, "longer than 1 MiB");
        else if (b.len > 0)
            rc = add(out, &b, line, &why);
        if (rc != 0)
            rc = err_set(err, rc, "line %zu: %s", line, why.text);
    }
    buf_fini(&b);
    if (rc != 0)
        properties_fini(out);
    return rc;
}

const char *
property_shown(const struct property *p)
{
    return p->shown ? p->shown : p->value;
}

static bool
is_secret(const char *key)
{
    static const char *const words[] = {"password",     "secret",     "jaas",
                                        "keystore.key", "credential", "token"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(key, words[i]))
            return true;
    return false;
}

/* "${...}" and nothing beside it. */
static bool
is_reference(const char *s)
{
    const char *close = s ? strchr(s, '}') : NULL;
    return close && !close[1] && s[0] == '$' && s[1] == '{';
}

void
properties_hide_secrets(struct properties *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (!is_secret(p->v[i].key) || is_reference(p->v[i].shown))
            continue;
        free(p->v[i].shown);
        p->v[i].shown = xstrdup("(hidden)");
    }
}

void
properties_fini(struct properties *p)
{
    for (size_t i = 0; i < p->n; i++) {
        explicit_bzero(p->v[i].value, strlen(p->v[i].value));
        free(p->v[i].key);
        free(p->v[i].value);
        free(p->v[i].shown);
    }
    free(p->v);
    *p = (struct properties){0};
}
