/*
 * See cache.h.  No state.  A file holds the identity that it was written for:
 * a hash in a name proves nothing, and a file copied between machines or
 * cut by a full disk must not route anybody.
 */
#include "sdk/src/control/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/js.h"

#define CACHE_FORMAT   1
#define CACHE_MAX_SIZE ((size_t)16 << 20)

static char *
identity_text(const struct pt_identity *identity)
{
    struct json_t *j = pt_identity_encode(identity);
    char *text = j ? js_dump(j) : NULL;
    js_free(j);
    return text;
}

/* FNV-1a: only to tell the files of one folder apart. */
static uint64_t
hash_of(const char *s)
{
    uint64_t h = 14695981039346656037U;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211U;
    return h;
}

/* What of a cluster code may stand in a file name. */
static void
put_safe(char *to, size_t size, const char *s)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t n = 0;
    for (; *s && n + 1 < size; s++)
        to[n++] = strchr(safe, *s) ? *s : '_';
    to[n] = '\0';
}

char *
cache_path(const char *dir, const struct pt_identity *identity)
{
    char code[33];
    char *path = NULL;
    char *text = identity_text(identity);
    if (!text)
        return NULL;
    put_safe(code, sizeof(code), identity->cluster_code);
    if (asprintf(&path, "%s/%s-%016llx.json", dir, code,
                 (unsigned long long)hash_of(text)) < 0)
        path = NULL;
    free(text);
    return path;
}

static int
check_identity(const struct json_t *root, const struct pt_identity *identity,
               struct err *err)
{
    struct pt_identity stored = {0};
    int rc =
        pt_identity_decode(js_any(root, "identity"), "identity", &stored, err);
    if (rc)
        return rc;
    char *want = identity_text(identity);
    char *have = identity_text(&stored);
    if (!want || !have)
        rc = err_nomem(err);
    else if (strcmp(want, have) != 0)
        rc = err_set(err, ERR_CORRUPT, "it was written for another client: %s",
                     have);
    free(want);
    free(have);
    pt_identity_fini(&stored);
    return rc;
}

static int
decode(const char *text, size_t len, const struct pt_identity *identity,
       struct pt_answer *out, struct err *err)
{
    struct json_t *root = NULL;
    int64_t format = 0;
    int rc = js_parse(text, len, &root, err);
    if (rc)
        return rc;
    rc = js_expect_object(root, "", err);
    if (!rc)
        rc = js_get_int(root, "", "format", JS_REQUIRED, CACHE_FORMAT,
                        CACHE_FORMAT, &format, err);
    if (!rc)
        rc = check_identity(root, identity, err);
    if (!rc)
        rc = pt_answer_decode(js_any(root, "answer"), out, err);
    js_free(root);
    return rc;
}

int
cache_load(const char *dir, const struct pt_identity *identity,
           struct pt_answer *out, struct err *err)
{
    char *text = NULL;
    size_t len;
    char *path = cache_path(dir, identity);
    if (!path)
        return err_nomem(err);
    int rc = file_read(path, CACHE_MAX_SIZE, &text, &len, err);
    if (!rc) {
        struct err why = {0};
        rc = decode(text, len, identity, out, &why);
        if (rc && rc != ERR_NOMEM)
            rc = err_set(err, ERR_CORRUPT, "the route in %s is not used: %s",
                         path, why.text);
    }
    free(text);
    free(path);
    return rc;
}

static char *
encode(const struct pt_identity *identity, const struct pt_answer *answer)
{
    struct json_t *root = js_object();
    int rc = js_put_int(root, "format", CACHE_FORMAT);
    rc |= js_put_take(root, "identity", pt_identity_encode(identity));
    rc |= js_put_take(root, "answer", pt_answer_encode(answer));
    char *text = rc ? NULL : js_dump_pretty(root);
    js_free(root);
    return text;
}

int
cache_store(const char *dir, const struct pt_identity *identity,
            const struct pt_answer *answer, struct err *err)
{
    char *path = cache_path(dir, identity);
    char *text = encode(identity, answer);
    int rc = path && text ? file_make_dir(dir, err) : err_nomem(err);
    if (!rc)
        rc = file_replace(path, text, strlen(text), err);
    free(path);
    free(text);
    return rc;
}
