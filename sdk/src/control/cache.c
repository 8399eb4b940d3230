/*
 * See cache.h.  No state.  A file holds the owner that it was written for:
 * a hash in a name proves nothing, and a file copied between machines or
 * cut by a full disk must not route anybody.
 */
#include "sdk/src/control/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/js.h"

#define CACHE_FORMAT   2
#define CACHE_MAX_SIZE ((size_t)16 << 20)

static struct json_t *
owner_encode(const struct cache_owner *owner)
{
    struct json_t *j = js_object();
    struct strlist servers;
    int rc = strlist_copy(&servers, owner->servers);
    if (rc == 0)
        strlist_sort(&servers);
    rc |= js_put_strs(j, "servers", &servers);
    rc |= js_put_take(j, "identity", pt_identity_encode(owner->identity));
    strlist_fini(&servers);
    if (rc == 0)
        return j;
    js_free(j);
    return NULL;
}

static char *
owner_text(const struct cache_owner *owner)
{
    struct json_t *j = owner_encode(owner);
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
cache_path(const char *dir, const struct cache_owner *owner)
{
    char code[33];
    char *path = NULL;
    char *text = owner_text(owner);
    if (!text)
        return NULL;
    put_safe(code, sizeof(code), owner->identity->cluster_code);
    if (asprintf(&path, "%s/%s-%016llx.json", dir, code,
                 (unsigned long long)hash_of(text)) < 0)
        path = NULL;
    free(text);
    return path;
}

static int
check_owner(const struct json_t *root, const struct cache_owner *owner,
            struct err *err)
{
    const struct json_t *stored = js_any(root, "owner");
    char *want = owner_text(owner);
    char *have = stored ? js_dump(stored) : NULL;
    int rc = 0;
    if (!want || (stored && !have))
        rc = err_nomem(err);
    else if (!str_equal(want, have))
        rc = err_set(err, ERR_CORRUPT,
                     "it was written for another client or route service: %s",
                     have ? have : "it does not say whom");
    free(want);
    free(have);
    return rc;
}

static int
decode(const char *text, size_t len, const struct cache_owner *owner,
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
        rc = check_owner(root, owner, err);
    if (!rc)
        rc = pt_answer_decode(js_any(root, "answer"), out, err);
    js_free(root);
    return rc;
}

int
cache_load(const char *dir, const struct cache_owner *owner,
           struct pt_answer *out, struct err *err)
{
    char *text = NULL;
    size_t len;
    char *path = cache_path(dir, owner);
    if (!path)
        return err_nomem(err);
    int rc = file_read(path, CACHE_MAX_SIZE, &text, &len, err);
    if (!rc) {
        struct err why = {0};
        rc = decode(text, len, owner, out, &why);
        if (rc && rc != ERR_NOMEM)
            rc = err_set(err, ERR_CORRUPT, "the route in %s is not used: %s",
                         path, why.text);
    }
    free(text);
    free(path);
    return rc;
}

static char *
encode(const struct cache_owner *owner, const struct pt_answer *answer)
{
    struct json_t *root = js_object();
    int rc = js_put_int(root, "format", CACHE_FORMAT);
    rc |= js_put_take(root, "owner", owner_encode(owner));
    rc |= js_put_take(root, "answer", pt_answer_encode(answer));
    char *text = rc ? NULL : js_dump_pretty(root);
    js_free(root);
    return text;
}

int
cache_store(const char *dir, const struct cache_owner *owner,
            const struct pt_answer *answer, struct err *err)
{
    char *path = cache_path(dir, owner);
    char *text = encode(owner, answer);
    int rc = path && text ? file_make_dir(dir, err) : err_nomem(err);
    if (!rc)
        rc = file_replace(path, text, strlen(text), err);
    free(path);
    free(text);
    return rc;
}
