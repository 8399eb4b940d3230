/*
 * Owns the providers while a file is loaded.  No copy of a secret outlives the
 * call but those in the properties.
 */
#include "replicator/providers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/refs.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "replicator/pattern.h"

#define FILE_MAX_BYTES  ((size_t)1 << 20)
#define VALUE_MAX_BYTES ((size_t)1 << 20)

struct provider {
    char *name;
    int (*get)(const struct provider *p, const char *path, const char *key,
               char **out, struct err *err);
    bool limited;           /* to `allowed` */
    struct strlist allowed; /* paths without . and .. */
    struct pattern *names;  /* of variables; NULL: all */
};

struct providers {
    struct provider *v;
    size_t n;
};

/* One reference in a value; pieces are owned. */
struct reference {
    char *provider, *path, *key;
    const char *end; /* behind it */
};

static void
ref_fini(struct reference *r)
{
    free(r->provider);
    free(r->path);
    free(r->key);
}

/* ---- paths ------------------------------------------------------------- */

/* Without //, . and .., as Java's Path.normalize() of an absolute path. */
static char *
normalize(const char *path)
{
    struct strlist parts = {0}, kept = {0};
    struct buf b;
    if (strlist_split(&parts, path, "/") != 0)
        abort();
    for (size_t i = 0; i < parts.n; i++) {
        if (strcmp(parts.v[i], ".") == 0)
            continue;
        if (strcmp(parts.v[i], "..") == 0) {
            if (kept.n > 0)
                free(kept.v[--kept.n]);
        } else if (strlist_add(&kept, parts.v[i]) != 0) {
            abort();
        }
    }
    buf_init(&b, strlen(path) + 2);
    for (size_t i = 0; i < kept.n; i++)
        buf_printf(&b, "/%s", kept.v[i]);
    if (kept.n == 0)
        buf_puts(&b, "/");
    strlist_fini(&parts);
    strlist_fini(&kept);
    char *out = buf_take(&b);
    buf_fini(&b);
    return out ? out : xstrdup("/");
}

static bool
is_below(const char *path, const char *folder)
{
    const size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 &&
           (path[len] == '/' || !path[len] || strcmp(folder, "/") == 0);
}

/* The path to open; what was checked is what is opened. */
static int
allowed_path(const struct provider *p, const char *path, char **out,
             struct err *err)
{
    if (*path != '/')
        return err_set(err, ERR_INVALID, "the path \"%s\" is not absolute",
                       path);
    *out = normalize(path);
    if (!p->limited)
        return 0;
    for (size_t i = 0; i < p->allowed.n; i++)
        if (is_below(*out, p->allowed.v[i]))
            return 0;
    free(*out);
    return err_set(err, ERR_DENIED,
                   "the path \"%s\" is below none of "
                   "config.providers.%s.param.allowed.paths",
                   path, p->name);
}

/* ---- the three --------------------------------------------------------- */

static int
value_of(const struct properties *props, const char *key, char **out,
         struct err *err)
{
    const char *value = NULL;
    for (size_t i = 0; i < props->n; i++)
        if (strcmp(props->v[i].key, key) == 0)
            value = props->v[i].value;
    if (!value)
        return err_set(err, ERR_NOTFOUND, "the file has no key \"%s\"", key);
    *out = xstrdup(value);
    return 0;
}

static void
wipe_take(char *text, size_t len)
{
    if (text)
        explicit_bzero(text, len);
    free(text);
}

static int
get_from_file(const struct provider *p, const char *path, const char *key,
              char **out, struct err *err)
{
    char *at, *text = NULL;
    size_t len = 0;
    struct properties props;
    struct err why = {0};
    int rc = allowed_path(p, path, &at, err);
    if (rc != 0)
        return rc;
    rc = file_read(at, FILE_MAX_BYTES, &text, &len, err);
    free(at);
    if (rc != 0)
        return rc;
    rc = properties_parse(text, len, &props, &why);
    wipe_take(text, len);
    if (rc != 0) /* the words of the parser may show a secret */
        return err_set(err, rc, "%s is no .properties file", path);
    rc = value_of(&props, key, out, err);
    properties_fini(&props);
    return rc;
}

static int
get_from_environment(const struct provider *p, const char *path,
                     const char *key, char **out, struct err *err)
{
    if (*path)
        return err_set(err, ERR_INVALID,
                       "a variable has no path: write ${%s:%s}", p->name, key);
    if (p->names && !pattern_find(p->names, key))
        return err_set(err, ERR_DENIED,
                       "the variable \"%s\" does not match "
                       "config.providers.%s.param.allowlist.pattern",
                       key, p->name);
    const char *value = getenv(key);
    if (!value)
        return err_set(err, ERR_NOTFOUND,
                       "this process has no environment variable \"%s\"", key);
    *out = xstrdup(value);
    return 0;
}

static int
read_regular(const char *at, char **out, size_t *len, struct err *err)
{
    struct stat st;
    if (stat(at, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is not a file", at);
    return file_read(at, FILE_MAX_BYTES, out, len, err);
}

static int
get_from_directory(const struct provider *p, const char *path, const char *key,
                   char **out, struct err *err)
{
    char *folder;
    size_t len = 0;
    if (!*key || strchr(key, '/') || strcmp(key, "..") == 0)
        return err_set(err, ERR_INVALID, "\"%s\" is no name of a file", key);
    int rc = allowed_path(p, path, &folder, err);
    if (rc != 0)
        return rc;
    char *at = xasprintf("%s/%s", folder, key);
    free(folder);
    rc = read_regular(at, out, &len, err);
    free(at);
    if (rc == 0 && strlen(*out) != len) {
        wipe_take(*out, len);
        *out = NULL;
        rc = err_set(err, ERR_CORRUPT, "the file holds a zero byte");
    }
    return rc;
}

/* ---- making them ------------------------------------------------------- */

static const char *
last_value(const struct properties *props, const char *key)
{
    const char *value = NULL;
    for (size_t i = 0; i < props->n; i++)
        if (strcmp(props->v[i].key, key) == 0)
            value = props->v[i].value;
    return value;
}

static int
set_class(struct provider *p, const char *class, struct err *err)
{
    static const char package[] = "org.apache.kafka.common.config.provider.";
    if (!class)
        return err_set(err, ERR_INVALID, "is missing");
    if (str_starts_with(class, package))
        class += strlen(package);
    if (strcmp(class, "FileConfigProvider") == 0)
        p->get = get_from_file;
    else if (strcmp(class, "EnvVarConfigProvider") == 0)
        p->get = get_from_environment;
    else if (strcmp(class, "DirectoryConfigProvider") == 0)
        p->get = get_from_directory;
    else
        return err_set(err, ERR_UNSUPPORTED,
                       "\"%s\" is not supported; there are "
                       "FileConfigProvider, EnvVarConfigProvider and "
                       "DirectoryConfigProvider",
                       class);
    return 0;
}

static int
set_paths(struct provider *p, const char *list, struct err *err)
{
    struct strlist paths = {0};
    int rc = strlist_split(&paths, list ? list : "", ",");
    p->limited = paths.n > 0;
    for (size_t i = 0; i < paths.n && rc == 0; i++) {
        if (paths.v[i][0] != '/') {
            rc =
                err_set(err, ERR_INVALID, "\"%s\" is not absolute", paths.v[i]);
            break;
        }
        char *clean = normalize(paths.v[i]);
        rc = strlist_add(&p->allowed, clean);
        free(clean);
    }
    strlist_fini(&paths);
    return rc;
}

static int
set_names(struct provider *p, const char *pattern, struct err *err)
{
    return pattern ? pattern_one_new(pattern, &p->names, err) : 0;
}

static int
make_one(struct provider *p, const struct properties *props, struct err *err)
{
    static const struct {
        const char *key;
        int (*set)(struct provider *p, const char *value, struct err *err);
    } params[] = {
        {"class", set_class},
        {"param.allowed.paths", set_paths},
        {"param.allowlist.pattern", set_names},
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]) && rc == 0; i++) {
        struct err why = {0};
        char *key = xasprintf("config.providers.%s.%s", p->name, params[i].key);
        const char *value = last_value(props, key);
        rc = params[i].set(p, value, &why);
        if (rc != 0)
            rc = err_field(err, rc, key, value, "%s: %s", key, why.text);
        free(key);
    }
    return rc;
}

static void
providers_fini(struct providers *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->v[i].name);
        strlist_fini(&all->v[i].allowed);
        pattern_free(all->v[i].names);
    }
    free(all->v);
}

static int
make_all(const struct properties *props, struct providers *out, struct err *err)
{
    struct strlist names = {0};
    const char *list = last_value(props, "config.providers");
    int rc = strlist_split(&names, list ? list : "", ",");
    *out = (struct providers){.v = xcalloc(names.n + 1, sizeof(*out->v))};
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        struct provider *p = &out->v[out->n++];
        p->name = xstrdup(names.v[i]);
        rc = make_one(p, props, err);
    }
    strlist_fini(&names);
    if (rc != 0)
        providers_fini(out);
    return rc;
}

/* ---- values ------------------------------------------------------------ */

/* `at` stands at "${".  False: no reference begins there (no colon, not
 * closed), as in Java the text stays. */
static bool
ref_parse_at(const char *at, struct reference *out)
{
    const char *from = at + 2;
    const char *close = strchr(from, '}');
    const char *first =
        close ? memchr(from, ':', (size_t)(close - from)) : NULL;
    if (!first)
        return false;
    const char *second = memchr(first + 1, ':', (size_t)(close - first - 1));
    const char *key = second ? second + 1 : first + 1;
    out->provider = xasprintf("%.*s", (int)(first - from), from);
    out->path = second ? xasprintf("%.*s", (int)(second - first - 1), first + 1)
                       : xstrdup("");
    out->key = xasprintf("%.*s", (int)(close - key), key);
    out->end = close + 1;
    return true;
}

static const struct provider *
provider_of(const struct providers *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->v[i].name, name) == 0)
            return &all->v[i];
    return NULL;
}

static int
replace(const struct providers *all, const struct reference *r, struct buf *to,
        struct err *err)
{
    const struct provider *p = provider_of(all, r->provider);
    char *value = NULL;
    if (!p)
        return err_set(err, ERR_INVALID,
                       "config.providers names no provider \"%s\"",
                       r->provider);
    const int rc = p->get(p, r->path, r->key, &value, err);
    if (rc == 0)
        buf_puts(to, value);
    refs_wipe_take(value);
    return rc;
}

/* Appends the value with its references replaced; *any: there were some. */
static int
expand(const struct providers *all, const char *value, struct buf *to,
       bool *any, struct err *err)
{
    const char *at = value;
    for (const char *ref = strstr(at, "${"); ref; ref = strstr(ref, "${")) {
        struct reference r;
        struct err why = {0};
        if (!ref_parse_at(ref, &r)) {
            ref += 2;
            continue;
        }
        buf_append(to, at, (size_t)(ref - at));
        const int rc = replace(all, &r, to, &why);
        ref_fini(&r);
        if (rc != 0)
            return err_set(err, rc, "%.*s cannot be resolved: %s",
                           (int)(r.end - ref), ref, why.text);
        at = ref = r.end;
        *any = true;
    }
    buf_puts(to, at);
    return buf_failed(to)
               ? err_set(err, ERR_LIMIT, "longer than 1 MiB once resolved")
               : 0;
}

static int
resolve(const struct providers *all, struct property *p, struct err *err)
{
    struct buf b;
    struct err why = {0};
    bool any = false;
    if (!strstr(p->value, "${"))
        return 0;
    buf_init(&b, VALUE_MAX_BYTES);
    const int rc = expand(all, p->value, &b, &any, &why);
    if (rc == 0 && any) {
        free(p->shown);
        p->shown = p->value;
        p->value = xstrdup(b.data);
    }
    if (b.data)
        explicit_bzero(b.data, b.len);
    buf_fini(&b);
    if (rc == 0)
        return 0;
    return err_field(err, rc, p->key, p->value, "line %zu: %s: %s", p->line,
                     p->key, why.text);
}

int
providers_resolve(struct properties *props, struct err *err)
{
    struct providers all;
    int rc = make_all(props, &all, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < props->n && rc == 0; i++)
        if (!str_starts_with(props->v[i].key, "config.providers"))
            rc = resolve(&all, &props->v[i], err);
    providers_fini(&all);
    return rc;
}
