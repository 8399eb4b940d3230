#include "ctl/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/xmem.h"

/* The members of an object at all depths: "match.topic" -> "[\"orders\"]". */
struct leaf {
    char *path, *text;
};

struct leaves {
    struct leaf *v;
    size_t n;
};

struct walk {
    struct leaves *to;
    const char *path;
};

static const struct json_t *
member(const struct json_t *obj, const char *key)
{
    const struct json_t *v = js_any(obj, key);
    return js_expect_object(v, "", NULL) == 0 ? v : NULL;
}

static int
add_member(const char *key, struct json_t *value, void *arg)
{
    const struct walk *w = arg;
    char *path = *w->path ? xasprintf("%s.%s", w->path, key) : xstrdup(key);
    if (js_expect_object(value, "", NULL) == 0) {
        struct walk inner = {w->to, path};
        js_each(value, add_member, &inner);
        free(path);
        return 0;
    }
    char *text = js_dump(value);
    if (!text)
        abort(); /* out of memory */
    w->to->v = xreallocarray(w->to->v, w->to->n + 1, sizeof(*w->to->v));
    w->to->v[w->to->n++] = (struct leaf){path, text};
    return 0;
}

static int
compare(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static struct leaves
leaves_of(const struct json_t *obj)
{
    struct leaves l = {0};
    struct walk w = {&l, ""};
    js_each(obj, add_member, &w);
    if (l.n > 1)
        qsort(l.v, l.n, sizeof(*l.v), compare);
    return l;
}

static void
leaves_fini(struct leaves *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].path);
        free(l->v[i].text);
    }
    free(l->v);
}

static void
put_leaf(struct buf *to, char sign, const char *color, const char *plain,
         const struct leaf *l)
{
    buf_printf(to, "%s%c   %s: %s%s\n", color, sign, l->path, l->text, plain);
}

static void
put_differences(struct buf *to, const struct leaves *was,
                const struct leaves *is, const struct diff_colors *c)
{
    size_t i = 0, k = 0;
    while (i < was->n || k < is->n) {
        const int order = i == was->n  ? 1
                          : k == is->n ? -1
                                       : strcmp(was->v[i].path, is->v[k].path);
        const bool same =
            order == 0 && strcmp(was->v[i].text, is->v[k].text) == 0;
        if (order <= 0 && !same)
            put_leaf(to, '-', c->removed, c->plain, &was->v[i]);
        if (order >= 0 && !same)
            put_leaf(to, '+', c->added, c->plain, &is->v[k]);
        i += order <= 0;
        k += order >= 0;
    }
}

static const char *
text_of(const struct json_t *obj, const char *key)
{
    const char *s = js_str(js_any(obj, key));
    return s ? s : "?";
}

static void
put_whole(struct buf *to, char sign, const char *color, const char *plain,
          const struct json_t *change, const struct json_t *object)
{
    char *text = js_dump(object);
    buf_printf(to, "%s%c %s %s %s%s\n", color, sign, text_of(change, "kind"),
               text_of(change, "key"), text ? text : "", plain);
    free(text);
}

static void
put_change(struct buf *to, const struct json_t *change,
           const struct diff_colors *c)
{
    const struct json_t *before = member(change, "before");
    const struct json_t *after = member(change, "after");
    if (!before && after) {
        put_whole(to, '+', c->added, c->plain, change, after);
        return;
    }
    if (!after) {
        put_whole(to, '-', c->removed, c->plain, change, before);
        return;
    }
    struct leaves was = leaves_of(before);
    struct leaves is = leaves_of(after);
    buf_printf(to, "  %s %s\n", text_of(change, "kind"),
               text_of(change, "key"));
    put_differences(to, &was, &is, c);
    leaves_fini(&was);
    leaves_fini(&is);
}

void
diff_render(struct buf *to, const struct json_t *changed,
            const struct diff_colors *colors)
{
    for (size_t i = 0; i < js_len(changed); i++)
        put_change(to, js_at(changed, i), colors);
}

struct diff_count
diff_count(const struct json_t *changed)
{
    struct diff_count n = {0};
    for (size_t i = 0; i < js_len(changed); i++) {
        const struct json_t *change = js_at(changed, i);
        const bool before = member(change, "before") != NULL;
        const bool after = member(change, "after") != NULL;
        n.added += !before && after;
        n.changed += before && after;
        n.deleted += !after;
    }
    return n;
}

void
diff_words(const struct json_t *changed, char *to, size_t size)
{
    const struct diff_count n = diff_count(changed);
    (void)snprintf(to, size, "%zu added, %zu changed, %zu deleted", n.added,
                   n.changed, n.deleted);
}
