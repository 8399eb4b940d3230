/*
 * What references stand for.  No state; any thread; reads files and the
 * environment.  Copies of secrets are overwritten before they are freed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/refs.h"

/* A piece of a text; not terminated. */
struct piece {
    const char *s;
    size_t len;
};

void
refs_wipe_take(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

static struct piece
trimmed(struct piece p)
{
    while (p.len > 0 && is_blank(*p.s)) {
        p.s++;
        p.len--;
    }
    while (p.len > 0 && is_blank(p.s[p.len - 1]))
        p.len--;
    return p;
}

/* The value in a line of `key`; false: the line is another key's. */
static bool
value_in(struct piece line, const struct ref *ref, struct piece *value)
{
    line = trimmed(line);
    const char *eq = line.len > 0 ? memchr(line.s, '=', line.len) : NULL;
    if (!eq || *line.s == '#' || *line.s == '!')
        return false;
    const struct piece key =
        trimmed((struct piece){line.s, (size_t)(eq - line.s)});
    if (key.len != ref->key_len || memcmp(key.s, ref->key, key.len) != 0)
        return false;
    *value =
        trimmed((struct piece){eq + 1, line.len - (size_t)(eq + 1 - line.s)});
    return true;
}

static bool
find_value(const char *text, const struct ref *ref, struct piece *value)
{
    bool found = false;
    while (*text) {
        const size_t len = strcspn(text, "\n");
        found |= value_in((struct piece){text, len}, ref, value);
        text += len + (text[len] == '\n');
    }
    return found;
}

static struct piece
without_line_end(struct piece p)
{
    if (p.len > 0 && p.s[p.len - 1] == '\n')
        p.len--;
    if (p.len > 0 && p.s[p.len - 1] == '\r')
        p.len--;
    return p;
}

static int
copy(struct piece p, char **out, struct err *err)
{
    *out = strndup(p.s, p.len);
    return *out ? 0 : err_nomem(err);
}

static int
cannot(struct err *err, int code, const char *at, const struct ref *ref,
       const char *why)
{
    return err_set(err, code, "the reference %.*s cannot be resolved: %s",
                   (int)(ref->end - at), at, why);
}

static int
value_of_file(const char *text, size_t len, const char *at,
              const struct ref *ref, char **out, struct err *err)
{
    struct piece value = without_line_end((struct piece){text, len});
    if (memchr(text, '\0', len))
        return cannot(err, ERR_CORRUPT, at, ref, "the file holds a NUL byte");
    if (ref->key && !find_value(text, ref, &value))
        return cannot(err, ERR_NOTFOUND, at, ref,
                      "the file has no line with this key");
    return copy(value, out, err);
}

static int
expand_file(const char *at, const struct ref *ref, char **out, struct err *err)
{
    char *path = strndup(ref->name, ref->name_len);
    char *text = NULL;
    size_t len = 0;
    struct err why = {0};
    if (!path)
        return err_nomem(err);
    int rc = file_read(path, REFS_FILE_MAX, &text, &len, &why);
    if (rc)
        rc = cannot(err, rc, at, ref, why.text);
    else
        rc = value_of_file(text, len, at, ref, out, err);
    if (text)
        explicit_bzero(text, len);
    free(text);
    free(path);
    return rc;
}

static int
expand_env(const char *at, const struct ref *ref, char **out, struct err *err)
{
    char *name = strndup(ref->name, ref->name_len);
    if (!name)
        return err_nomem(err);
    const char *value = getenv(name);
    free(name);
    if (!value)
        return cannot(err, ERR_NOTFOUND, at, ref,
                      "this process has no such environment variable");
    return copy((struct piece){value, strlen(value)}, out, err);
}

/* `to` grown by a piece; the old text is wiped.  False: no memory. */
static bool
append(char **to, struct piece p)
{
    const size_t used = strlen(*to);
    char *more = malloc(used + p.len + 1);
    if (!more)
        return false;
    memcpy(more, *to, used);
    memcpy(more + used, p.s, p.len);
    more[used + p.len] = '\0';
    refs_wipe_take(*to);
    *to = more;
    return true;
}

/* Appends what the reference at `at` stands for. */
static int
append_ref(char **to, const char *at, struct ref *ref, struct err *err)
{
    char *value = NULL;
    int rc = ref_parse(at, ref, err);
    if (!rc)
        rc = ref->kind == REF_FILE ? expand_file(at, ref, &value, err)
                                   : expand_env(at, ref, &value, err);
    if (!rc && !append(to, (struct piece){value, strlen(value)}))
        rc = err_nomem(err);
    refs_wipe_take(value);
    return rc;
}

int
refs_expand(const char *text, char **out, struct err *err)
{
    char *made = strdup("");
    int rc = made ? 0 : err_nomem(err);
    while (!rc) {
        const char *at = strstr(text, "${");
        const size_t plain = at ? (size_t)(at - text) : strlen(text);
        struct ref ref = {.end = text};
        if (!append(&made, (struct piece){text, plain}))
            rc = err_nomem(err);
        if (rc || !at)
            break;
        rc = append_ref(&made, at, &ref, err);
        text = ref.end;
    }
    if (rc)
        refs_wipe_take(made);
    else
        *out = made;
    return rc;
}
