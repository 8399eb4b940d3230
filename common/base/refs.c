/*
 * The form of references (what they stand for: refs_expand.c).  Pure; any
 * thread.  A path holds no colon and no
 * closing brace, so that where it ends is never a guess.
 */
#include "common/base/refs.h"

#include <ctype.h>
#include <string.h>

#include "common/base/strs.h"

#define FORMS "${file:/path}, ${file:/path:key} or ${env:NAME}"

static int
malformed(struct err *err, const char *what)
{
    return err_set(err, ERR_INVALID, "a reference %s: it must be one of " FORMS,
                   what);
}

static bool
is_variable(const char *s, size_t len)
{
    if (len == 0 || isdigit((unsigned char)*s))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return false;
    return true;
}

static bool
is_printed(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < ' ')
            return false;
    return true;
}

static int
parse_file(const char *path, size_t len, struct ref *out, struct err *err)
{
    const char *colon = memchr(path, ':', len);
    const size_t path_len = colon ? (size_t)(colon - path) : len;
    if (path_len < 2 || *path != '/')
        return malformed(err, "to a file has no absolute path");
    if (!is_printed(path, len))
        return malformed(err, "holds a control character");
    *out = (struct ref){
        .kind = REF_FILE, .name = path, .name_len = path_len, .key = NULL};
    if (!colon)
        return 0;
    out->key = colon + 1;
    out->key_len = len - path_len - 1;
    if (out->key_len == 0 || memchr(out->key, ':', out->key_len))
        return malformed(err, "to a file has no key behind the path's colon, "
                              "or a second colon");
    return 0;
}

int
ref_parse(const char *text, struct ref *out, struct err *err)
{
    static const char file[] = "${file:";
    static const char env[] = "${env:";
    const char *close = strchr(text, '}');
    int rc;
    if (!close)
        return malformed(err, "is not closed");
    if (str_starts_with(text, file)) {
        const char *path = text + sizeof(file) - 1;
        if ((rc = parse_file(path, (size_t)(close - path), out, err)))
            return rc;
    } else if (str_starts_with(text, env)) {
        const char *name = text + sizeof(env) - 1;
        *out = (struct ref){.kind = REF_ENV, .name = name};
        out->name_len = (size_t)(close - name);
        if (!is_variable(name, out->name_len))
            return malformed(err, "to the environment has no variable's name");
    } else {
        return malformed(err, "is neither to a file nor to the environment");
    }
    out->end = close + 1;
    return 0;
}

int
refs_check(const char *text, struct err *err)
{
    struct ref ref;
    for (const char *at = strstr(text, "${"); at; at = strstr(ref.end, "${")) {
        const int rc = ref_parse(at, &ref, err);
        if (rc)
            return rc;
    }
    return 0;
}

bool
refs_is_one(const char *text)
{
    struct ref ref;
    return str_starts_with(text, "${") && ref_parse(text, &ref, NULL) == 0 &&
           *ref.end == '\0';
}
