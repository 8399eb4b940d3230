/*
 * Owns the ensemble, and what stands between it and the newest table.
 *
 * Invariants: `newest` holds only what is in ZooKeeper, and every revision of
 * it, in order.  Nothing is proposed while ZooKeeper is known to have more than
 * this server, because then it would be judged against an old table.
 *
 * Threads: the writer's; `lock` guards `trouble`, which any thread reads.
 */
#include "route-service/group.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/history.h"
#include "route-service/snapshot.h"

#define AT_ONCE  32 /* change sets read in one go */
#define START_MS 10000

struct group {
    struct ensemble *e;
    struct newest *newest; /* borrowed */
    group_seen_fn seen;
    void *arg;
    int64_t snapshot_changes;
    bool running; /* past the start: a group that is gone is not made anew */
    atomic_bool joined;
    pthread_mutex_t lock;
    struct err trouble; /* code 0: none */
};

/* ---- trouble ------------------------------------------------------------- */

/* Keeps `err` as the reason why this server isn't ready; 0: it is again. */
static void
set_trouble(struct group *g, int rc, const struct err *err)
{
    must(pthread_mutex_lock(&g->lock));
    const bool news = rc && strcmp(g->trouble.text, err->text) != 0;
    const bool over = rc == 0 && g->trouble.code != 0;
    if (rc)
        g->trouble = *err;
    else
        g->trouble = (struct err){0};
    must(pthread_mutex_unlock(&g->lock));
    if (news)
        log_error("not in step with the group: %s", err->text);
    if (over)
        log_info("in step with the group again");
}

int
group_ready(struct group *g, struct err *err)
{
    const int rc = ensemble_up(g->e, err);
    if (rc)
        return rc;
    must(pthread_mutex_lock(&g->lock));
    const struct err trouble = g->trouble;
    must(pthread_mutex_unlock(&g->lock));
    if (trouble.code)
        return err_set(err, ERR_UNAVAILABLE, "%s", trouble.text);
    if (!atomic_load(&g->joined))
        return err_set(err, ERR_UNAVAILABLE,
                       "not yet a part of the group in ZooKeeper");
    return 0;
}

/* ---- following ----------------------------------------------------------- */

static void
steps_fini(struct newest_step *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        touched_fini(&v[i].touched);
        table_unref(v[i].table);
    }
}

/* Replays the change sets, each on the table before it. */
static int
make_steps(const struct group *g, const struct ensemble_change *c, size_t n,
           struct newest_step *v, size_t *made, struct err *err)
{
    struct table *t = table_ref(g->newest->table);
    int rc = 0;
    for (*made = 0; *made < n && rc == 0; *made += rc == 0) {
        struct newest_step *s = &v[*made];
        const struct ensemble_change *from = &c[*made];
        *s = (struct newest_step){.text = from->text, .len = from->len};
        rc = history_replay(&t, from->revision, from->text, from->len,
                            &s->touched, err);
        if (rc == 0)
            s->table = table_ref(t);
    }
    table_unref(t);
    return rc;
}

static int
take_changes(struct group *g, const struct ensemble_change *c, size_t n,
             struct err *err)
{
    struct newest_step v[AT_ONCE];
    size_t made;
    int rc = make_steps(g, c, n, v, &made, err);
    if (rc == 0)
        rc = newest_append(g->newest, v, n, err);
    for (size_t i = 0; i < n && rc == 0 && g->seen; i++)
        g->seen(c[i].id, v[i].table, g->arg);
    steps_fini(v, made);
    return rc;
}

static int
take_snapshot(struct group *g, int64_t revision, const char *text, size_t len,
              struct err *err)
{
    struct table *t = NULL;
    int rc = table_from_snapshot(text, len, &t, err);
    if (rc)
        return rc;
    if (t->revision != revision)
        rc = err_set(err, ERR_CORRUPT,
                     "the snapshot of revision %lld in ZooKeeper holds "
                     "revision %lld",
                     (long long)revision, (long long)t->revision);
    if (rc == 0)
        rc = newest_jump(g->newest, t, text, len, err);
    table_unref(t);
    return rc;
}

/* Change sets that are missing here are not in ZooKeeper any more. */
static int
jump(struct group *g, struct err *err)
{
    int64_t revision;
    char *text = NULL;
    size_t len;
    int rc = ensemble_snapshot(g->e, &revision, &text, &len, err);
    if (rc)
        return rc;
    const int64_t own = g->newest->table->revision;
    if (revision <= own)
        rc = err_set(err, ERR_CORRUPT,
                     "change %lld is not in ZooKeeper, nor a snapshot that is "
                     "newer",
                     (long long)own + 1);
    else
        rc = take_snapshot(g, revision, text, len, err);
    free(text);
    if (rc == 0)
        log_info("from revision %lld to %lld by a snapshot", (long long)own,
                 (long long)revision);
    return rc;
}

static int
follow_some(struct group *g, struct err *err)
{
    struct ensemble_change c[AT_ONCE];
    size_t n;
    const int64_t from = g->newest->table->revision + 1;
    int rc = ensemble_read(g->e, from, AT_ONCE, c, &n, err);
    if (rc == ERR_NOTFOUND)
        return jump(g, err);
    if (rc)
        return rc;
    rc = take_changes(g, c, n, err);
    ensemble_changes_fini(c, n);
    return rc;
}

int
group_follow(struct group *g, struct err *err)
{
    struct err why;
    int rc = 0;
    while (rc == 0 && g->newest->table->revision < ensemble_head(g->e))
        rc = follow_some(g, &why);
    if (rc == 0 || ensemble_up(g->e, NULL) == 0)
        set_trouble(g, rc, &why);
    return rc ? err_set(err, rc, "%s", why.text) : 0;
}

int
group_refresh(struct group *g, struct err *err)
{
    int rc;
    if ((rc = group_ready(g, err)) || (rc = ensemble_look(g->e, err)))
        return rc;
    return group_follow(g, err);
}

/* ---- joining ------------------------------------------------------------- */

static int
found(struct group *g, char id[UID_SIZE], struct err *err)
{
    size_t len;
    char *text = table_snapshot(g->newest->table, &len);
    int rc = ensemble_found(g->e, store_id(g->newest->store),
                            g->newest->table->revision, text, len, err);
    free(text);
    if (rc == 0)
        log_info("a new group in ZooKeeper, with the table of this server");
    if (rc == 0 || rc == ERR_CONFLICT) /* somebody was faster */
        rc = ensemble_join(g->e, id, err);
    return rc;
}

static int
check_id(struct group *g, const char *id, struct err *err)
{
    struct store *store = g->newest->store;
    if (strcmp(id, store_id(store)) == 0)
        return 0;
    if (g->newest->table->revision == 0)
        return store_set_id(store, id, err);
    return err_set(err, ERR_CONFLICT,
                   "data.dir holds another table (%s) than the group in "
                   "ZooKeeper (%s): to join it, move data.dir away, its table "
                   "comes from the group; to keep this table, give another "
                   "zookeeper.root",
                   store_id(store), id);
}

struct last {
    char *text;
    size_t len;
};

static int
copy_last(int64_t revision, const char *text, size_t len, void *arg,
          struct err *err)
{
    struct last *l = arg;
    (void)revision;
    (void)err;
    l->text = xmalloc(len + 1);
    memcpy(l->text, text, len);
    l->len = len;
    return 0;
}

/* The newest change set here must be the group's, where it can be looked up. */
static int
check_last(struct group *g, struct err *err)
{
    const int64_t own = g->newest->table->revision;
    struct last l = {0};
    struct ensemble_change c;
    size_t n = 0;
    int rc = store_each_back(g->newest->store, own + 1, 1, copy_last, &l, err);
    if (rc == 0 && l.text)
        rc = ensemble_read(g->e, own, 1, &c, &n, err);
    if (rc == 0 && n > 0 &&
        (c.len != l.len || memcmp(c.text, l.text, l.len) != 0))
        rc = err_set(err, ERR_CONFLICT,
                     "revision %lld of data.dir is not that of the group in "
                     "ZooKeeper: changes were made here without the group; "
                     "move data.dir away, its table comes from the group",
                     (long long)own);
    ensemble_changes_fini(&c, n);
    free(l.text);
    return rc == ERR_NOTFOUND ? 0 : rc;
}

static int
check_revision(struct group *g, struct err *err)
{
    const int64_t own = g->newest->table->revision;
    const int64_t head = ensemble_head(g->e);
    if (own > head)
        return err_set(err, ERR_CONFLICT,
                       "data.dir holds revision %lld, the group in ZooKeeper "
                       "only %lld: to follow the group, move data.dir away; to "
                       "keep this table, delete zookeeper.root in ZooKeeper, "
                       "start this server first, and the others with an empty "
                       "data.dir",
                       (long long)own, (long long)head);
    return own > 0 ? check_last(g, err) : 0;
}

static int
join(struct group *g, struct err *err)
{
    char id[UID_SIZE] = "";
    int rc = ensemble_join(g->e, id, err);
    if (rc == ERR_NOTFOUND && !g->running)
        rc = found(g, id, err);
    if (rc || (rc = check_id(g, id, err)) || (rc = check_revision(g, err)))
        return rc;
    atomic_store(&g->joined, true);
    return group_follow(g, err);
}

/* ---- life ---------------------------------------------------------------- */

/* Waiting for ZooKeeper, and for the answers of one that has just started. */
static int
first_join(struct group *g, int64_t wait_ms, struct err *err)
{
    struct err why = {0};
    int rc = ensemble_wait(g->e, wait_ms, &why);
    if (rc == 0)
        rc = join(g, &why);
    if (rc != ERR_UNAVAILABLE && rc != ERR_TIMEOUT)
        return rc ? err_set(err, rc, "%s", why.text) : 0;
    if (g->newest->table->revision == 0)
        return err_set(err, ERR_UNAVAILABLE,
                       "%s: a server without a table can't begin without it",
                       why.text);
    log_warn("%s: going on with the table in data.dir", why.text);
    return 0;
}

int
group_open(const struct ensemble_conf *conf, struct newest *newest,
           void (*wake)(void *arg), void *arg, struct group **out,
           struct err *err)
{
    int rc = ensemble_check(conf, err);
    if (rc)
        return rc;
    struct group *g = xcalloc(1, sizeof(*g));
    must(pthread_mutex_init(&g->lock, NULL));
    g->newest = newest;
    g->snapshot_changes = conf->snapshot_changes;
    g->e = ensemble_open(conf, wake, arg);
    rc = first_join(
        g, conf->session_ms < START_MS ? conf->session_ms : START_MS, err);
    g->running = true;
    if (rc) {
        group_close(g);
        return rc;
    }
    *out = g;
    return 0;
}

void
group_close(struct group *g)
{
    if (!g)
        return;
    ensemble_close(g->e);
    (void)pthread_mutex_destroy(&g->lock); /* nobody is left to use it */
    free(g);
}

void
group_on_seen(struct group *g, group_seen_fn fn, void *arg)
{
    g->seen = fn;
    g->arg = arg;
}

void
group_tend(struct group *g)
{
    struct err err;
    int rc = 0;
    if (ensemble_tend(g->e)) /* a new session: look again whom it is with */
        atomic_store(&g->joined, false);
    if (ensemble_up(g->e, NULL))
        return;
    if (!atomic_load(&g->joined)) {
        rc = join(g, &err);
        if (rc && ensemble_up(g->e, NULL) == 0)
            set_trouble(g, rc, &err);
    }
    if (!atomic_load(&g->joined))
        return;
    ensemble_mingle(g->e);
    rc = group_follow(g, &err); /* it has said why, if it failed */
    (void)rc;
}

int
group_propose(struct group *g, const char *id, const struct newest_step *step,
              struct err *err)
{
    struct err why;
    const int rc = group_ready(g, &why);
    if (rc)
        return err_set(err, rc, "the change is not made: %s", why.text);
    return ensemble_propose(g->e, step->table->revision, id, step->text,
                            step->len, err);
}

bool
group_watching(const struct group *g)
{
    return ensemble_watching(g->e);
}

void
group_servers(struct group *g, struct props *out)
{
    ensemble_servers(g->e, out);
}

void
group_compact(struct group *g, const struct table *t)
{
    struct err err;
    int64_t last;
    int rc = ensemble_snapshot_revision(g->e, &last, &err);
    if (rc || t->revision - last < g->snapshot_changes)
        return; /* the next change tries again */
    size_t len;
    char *text = table_snapshot(t, &len);
    rc = ensemble_compact(g->e, t->revision, text, len,
                          t->revision - g->snapshot_changes / 2, &err);
    free(text);
    if (rc && rc != ERR_BUSY)
        log_warn("no snapshot of revision %lld in ZooKeeper: %s",
                 (long long)t->revision, err.text);
}
