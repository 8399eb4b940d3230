#include "common/base/strs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
strlist_add_len(struct strlist *l, const char *s, size_t len)
{
    char **v = reallocarray(l->v, l->n + 1, sizeof(*v));
    if (!v)
        return ERR_NOMEM;
    l->v = v;
    l->v[l->n] = strndup(s, len);
    if (!l->v[l->n])
        return ERR_NOMEM;
    l->n++;
    return 0;
}

int
strlist_add(struct strlist *l, const char *s)
{
    return strlist_add_len(l, s, strlen(s));
}

int
strlist_copy(struct strlist *to, const struct strlist *from)
{
    *to = (struct strlist){0};
    for (size_t i = 0; i < from->n; i++) {
        if (strlist_add(to, from->v[i]) != 0) {
            strlist_fini(to);
            return ERR_NOMEM;
        }
    }
    return 0;
}

int
strlist_split(struct strlist *l, const char *s, const char *separators)
{
    static const char blanks[] = " \t\r\n";
    while (*s) {
        size_t len = strcspn(s, separators);
        const char *next = s + len + (s[len] != '\0');
        const size_t lead = strspn(s, blanks);
        s += lead < len ? lead : len;
        len -= lead < len ? lead : len;
        while (len > 0 && strchr(blanks, s[len - 1]))
            len--;
        if (len > 0 && strlist_add_len(l, s, len) != 0)
            return ERR_NOMEM;
        s = next;
    }
    return 0;
}

bool
strlist_has(const struct strlist *l, const char *s)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], s) == 0)
            return true;
    return false;
}

bool
strlist_equal(const struct strlist *a, const struct strlist *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void
strlist_sort(struct strlist *l)
{
    if (l->n > 1)
        qsort(l->v, l->n, sizeof(*l->v), by_name);
}

void
strlist_fini(struct strlist *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
    *l = (struct strlist){0};
}

static struct prop *
find(const struct props *p, const char *key)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i].key, key) == 0)
            return &p->v[i];
    return NULL;
}

int
props_set(struct props *p, const char *key, const char *value)
{
    char *value_copy = strdup(value);
    if (!value_copy)
        return ERR_NOMEM;
    struct prop *old = find(p, key);
    if (old) {
        free(old->value);
        old->value = value_copy;
        return 0;
    }
    char *key_copy = strdup(key);
    struct prop *v = key_copy ? reallocarray(p->v, p->n + 1, sizeof(*v)) : NULL;
    if (!v) {
        free(key_copy);
        free(value_copy);
        return ERR_NOMEM;
    }
    p->v = v;
    p->v[p->n++] = (struct prop){.key = key_copy, .value = value_copy};
    return 0;
}

const char *
props_get(const struct props *p, const char *key)
{
    const struct prop *found = find(p, key);
    return found ? found->value : NULL;
}

int
props_copy(struct props *to, const struct props *from)
{
    *to = (struct props){0};
    for (size_t i = 0; i < from->n; i++) {
        if (props_set(to, from->v[i].key, from->v[i].value) != 0) {
            props_fini(to);
            return ERR_NOMEM;
        }
    }
    return 0;
}

static int
by_key(const void *a, const void *b)
{
    const struct prop *x = a;
    const struct prop *y = b;
    return strcmp(x->key, y->key);
}

void
props_sort(struct props *p)
{
    if (p->n > 1)
        qsort(p->v, p->n, sizeof(*p->v), by_key);
}

bool
props_equal(const struct props *a, const struct props *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_equal(a->v[i].value, props_get(b, a->v[i].key)))
            return false;
    return true;
}

void
props_fini(struct props *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].key);
        free(p->v[i].value);
    }
    free(p->v);
    *p = (struct props){0};
}

bool
str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    if (*s != '-' && (*s < '0' || *s > '9'))
        return false;
    errno = 0;
    const long long v = strtoll(s, &end, 10);
    if (errno || end == s || *end || v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool
str_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
str_ends_with(const char *s, const char *suffix)
{
    const size_t n = strlen(s), k = strlen(suffix);
    return n >= k && strcmp(s + n - k, suffix) == 0;
}

bool
str_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}
