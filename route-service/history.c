/*
 * A table at a revision is the base of the store and the change sets after it.
 *
 * Threads: any; `lock` guards the tables made lately, and is held while one is
 * made, because only one thread may build on a table at a time.
 */
#include "route-service/history.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/snapshot.h"

#define KEPT   2 /* one can be as large as the table in force */
#define ENOUGH 1 /* ends a walk through the store */

struct history {
    struct store *store;
    pthread_mutex_t lock;
    struct table *kept[KEPT]; /* in no order; NULL: none */
    size_t next;              /* the one to give up */
};

/* ---- replay -------------------------------------------------------------- */

static int
apply(struct table **t, int64_t revision, const struct json_t *j,
      struct touched *touched, struct err *err)
{
    struct change c;
    struct table *after = NULL;
    struct touched what = {0};
    int rc = change_decode_stored(j, &c, err);
    if (rc)
        return rc;
    rc = change_apply(&c, *t, &after, &what, err);
    change_fini(&c);
    if (rc)
        return rc;
    if (after == *t || after->revision != revision)
        rc = err_set(err, ERR_CORRUPT, "it does not follow revision %lld",
                     (long long)(*t)->revision);
    if (rc || !touched)
        touched_fini(&what);
    else
        *touched = what;
    table_unref(rc ? after : *t);
    if (rc == 0)
        *t = after;
    return rc;
}

int
history_replay(struct table **t, int64_t revision, const char *text, size_t len,
               struct touched *touched, struct err *err)
{
    struct json_t *j = NULL;
    struct err why;
    int rc = js_parse(text, len, &j, &why);
    if (rc == 0)
        rc = apply(t, revision, j, touched, &why);
    js_free(j);
    if (rc)
        return err_set(err, ERR_CORRUPT, "change %lld can't be used: %s",
                       (long long)revision, why.text);
    return 0;
}

struct walk {
    struct table *t;
    int64_t until;
};

static int
begin(int64_t revision, const char *text, size_t len, void *arg,
      struct err *err)
{
    struct walk *w = arg;
    if (revision <= w->t->revision)
        return 0;
    if (revision > w->until)
        return err_set(err, ERR_NOTFOUND,
                       "revision %lld is not kept any more: the oldest is %lld",
                       (long long)w->until, (long long)revision);
    struct table *base = NULL;
    struct err why;
    if (table_from_snapshot(text, len, &base, &why))
        return err_set(err, ERR_CORRUPT, "table %lld can't be used: %s",
                       (long long)revision, why.text);
    table_unref(w->t);
    w->t = base;
    return 0;
}

static int
step(int64_t revision, const char *text, size_t len, void *arg, struct err *err)
{
    struct walk *w = arg;
    if (revision <= w->t->revision)
        return 0;
    if (revision > w->until)
        return ENOUGH;
    return history_replay(&w->t, revision, text, len, NULL, err);
}

/* Takes the reference `from`; *out is made of it, or NULL. */
static int
walk_take(struct store *store, struct table *from, int64_t until,
          struct table **out, struct err *err)
{
    struct walk w = {from, until};
    struct err why;
    int rc = store_load(store, begin, step, &w, &why);
    if (rc == 0 || rc == ENOUGH) {
        *out = w.t;
        return 0;
    }
    table_unref(w.t);
    if (rc == ERR_CORRUPT)
        return err_set(err, rc, "%.400s: restore data.dir from a copy",
                       why.text);
    return err_set(err, rc, "%s", why.text);
}

int
history_load(struct store *store, struct table **out, struct err *err)
{
    return walk_take(store, table_empty(), INT64_MAX, out, err);
}

/* ---- past tables --------------------------------------------------------- */

struct history *
history_new(struct store *store)
{
    struct history *h = xcalloc(1, sizeof(*h));
    h->store = store;
    must(pthread_mutex_init(&h->lock, NULL));
    return h;
}

void
history_free(struct history *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < KEPT; i++)
        table_unref(h->kept[i]);
    (void)pthread_mutex_destroy(&h->lock); /* nobody is left to use it */
    free(h);
}

/* The newest kept one that is not newer; a new reference. */
static struct table *
nearest(const struct history *h, int64_t revision)
{
    struct table *best = NULL;
    for (size_t i = 0; i < KEPT; i++) {
        struct table *t = h->kept[i];
        if (t && t->revision <= revision &&
            (!best || t->revision > best->revision))
            best = t;
    }
    return best ? table_ref(best) : table_empty();
}

static void
keep(struct history *h, struct table *t)
{
    for (size_t i = 0; i < KEPT; i++)
        if (h->kept[i] && h->kept[i]->revision == t->revision)
            return;
    table_unref(h->kept[h->next]);
    h->kept[h->next] = table_ref(t);
    h->next = (h->next + 1) % KEPT;
}

static int
check_kept(const struct history *h, int64_t revision, struct err *err)
{
    int64_t first, last;
    const int rc = store_range(h->store, &first, &last, err);
    if (rc)
        return rc;
    if (revision > last)
        return err_set(err, ERR_NOTFOUND,
                       "there is no revision %lld yet: %lld is the newest",
                       (long long)revision, (long long)last);
    if (revision < first - 1)
        return err_set(err, ERR_NOTFOUND,
                       "revision %lld is not kept any more: the oldest is %lld",
                       (long long)revision, (long long)(first - 1));
    return 0;
}

int
history_table(struct history *h, int64_t revision, struct table **out,
              struct err *err)
{
    int rc = check_kept(h, revision, err);
    if (rc)
        return rc;
    must(pthread_mutex_lock(&h->lock));
    struct table *t = NULL;
    rc = walk_take(h->store, nearest(h, revision), revision, &t, err);
    if (rc == 0) {
        keep(h, t);
        *out = t;
    }
    must(pthread_mutex_unlock(&h->lock));
    return rc;
}
