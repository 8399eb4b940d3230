/*
 * Owns the znodes of a group and the rules by which they change.
 *
 * Threads: as ensemble.h says; `lock` guards what is known of head, and is
 * held across nothing that waits.
 *
 * Order: a change set is made together with a move of head that expects head's
 * version, so of two servers that want the same revision one gets it, and an
 * attempt whose answer was lost can be repeated: both expect the same version,
 * so one of them at most is done.  Head's version and revision grow together;
 * a server that knows both for one moment knows the version for every revision.
 */
#include "route-service/ensemble.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/chunks.h"
#include "route-service/members.h"
#include "route-service/zk.h"
#include "route-service/zk_snapshots.h"
#include "route-service/znode.h"

/* While this server writes, it learns of the others by its own writes, which
 * find head moved: to set the watch on head again after each would cost a read
 * for every write. */
#define HUSH_MS       5    /* after a write */
#define HUSH_WRITE_MS 1000 /* while it is under way */

struct ensemble {
    struct zk *zk;
    char *root;
    struct members *members;
    atomic_int_fast64_t head; /* -1: not seen yet */
    atomic_bool gone;         /* somebody deleted it */
    int64_t joined;           /* session; writer thread's */
    bool watching;            /* writer thread's */
    pthread_mutex_t lock;
    int64_t head_revision;
    int32_t head_version; /* when head was head_revision */
};

static char *
path_to(const struct ensemble *e, const char *name)
{
    return xasprintf("%s/%s", e->root, name);
}

static char *
path_of_change(const struct ensemble *e, int64_t revision)
{
    return xasprintf("%s/changes/%020" PRId64, e->root, revision);
}

/* ---- head ---------------------------------------------------------------- */

static void
note_head(struct ensemble *e, int64_t revision, int32_t version)
{
    must(pthread_mutex_lock(&e->lock));
    const bool newer = revision > e->head_revision;
    if (newer) {
        e->head_revision = revision;
        e->head_version = version;
        atomic_store(&e->head, revision);
    }
    must(pthread_mutex_unlock(&e->lock));
}

/* ZooKeeper's thread. */
static void
on_head(const struct zk_data *d, void *arg)
{
    struct ensemble *e = arg;
    int64_t revision = 0;
    struct err err;
    atomic_store(&e->gone, d == NULL);
    if (!d)
        log_error("%s is gone from ZooKeeper: start one server anew, the one "
                  "with the newest table, to put it back",
                  e->root);
    else if (znode_head_decode(d->bytes, &revision, &err))
        log_error("%s/head: %s", e->root, err.text);
    else
        note_head(e, revision, d->version);
}

int
ensemble_look(struct ensemble *e, struct err *err)
{
    struct zk_data d = {0};
    int64_t revision = 0;
    char *path = path_to(e, "head");
    int rc = zk_get_newest(e->zk, path, &d, err);
    if (rc == 0)
        rc = znode_head_decode(d.bytes, &revision, err);
    if (rc == 0)
        note_head(e, revision, d.version);
    zk_data_fini(&d);
    free(path);
    return rc;
}

/* The version that head has while it is `revision`. */
static int
version_of(struct ensemble *e, int64_t revision, int32_t *out, struct err *err)
{
    must(pthread_mutex_lock(&e->lock));
    const int64_t ahead = e->head_revision - revision;
    *out = (int32_t)(e->head_version - ahead);
    must(pthread_mutex_unlock(&e->lock));
    return ahead == 0
               ? 0
               : err_set(err, ERR_CONFLICT,
                         "revision %" PRId64 " exists already", revision + 1);
}

/* ---- life ---------------------------------------------------------------- */

static bool
is_address(const char *s)
{
    const char *colon = strrchr(s, ':');
    int64_t port;
    return colon && colon > s && str_to_i64(colon + 1, 1, 65535, &port);
}

static int
check_addresses(const char *connect, struct err *err)
{
    struct strlist l = {0};
    int rc = strlist_split(&l, connect, ",");
    for (size_t i = 0; i < l.n && rc == 0; i++)
        if (!is_address(l.v[i]))
            rc = err_field(err, ERR_INVALID, "zookeeper.connect", l.v[i],
                           "option zookeeper.connect: \"%.100s\" is no "
                           "host:port",
                           l.v[i]);
    if (rc == 0 && l.n == 0)
        rc = err_set(err, ERR_INVALID, "option zookeeper.connect is empty");
    strlist_fini(&l);
    return rc;
}

int
ensemble_check(const struct ensemble_conf *conf, struct err *err)
{
    const size_t len = strlen(conf->root);
    if (len < 2 || len > 200 || conf->root[0] != '/' ||
        conf->root[len - 1] == '/' || strstr(conf->root, "//"))
        return err_field(err, ERR_INVALID, "zookeeper.root", conf->root,
                         "option zookeeper.root: \"%.100s\" is no path of a "
                         "znode, as /shunt",
                         conf->root);
    if (conf->auth && (!strchr(conf->auth, ':') || conf->auth[0] == ':'))
        return err_set(err, ERR_INVALID,
                       "option zookeeper.auth is not user:password");
    if (conf->creator_only && !conf->auth)
        return err_set(err, ERR_INVALID,
                       "option zookeeper.acl: creator needs zookeeper.auth");
    if (conf->server_id && strpbrk(conf->server_id, "/ "))
        return err_field(err, ERR_INVALID, "server.id", conf->server_id,
                         "option server.id: \"%.100s\" has a / or a blank",
                         conf->server_id);
    return check_addresses(conf->connect, err);
}

struct ensemble *
ensemble_open(const struct ensemble_conf *conf, void (*wake)(void *arg),
              void *arg)
{
    struct ensemble *e = xcalloc(1, sizeof(*e));
    must(pthread_mutex_init(&e->lock, NULL));
    e->root = xstrdup(conf->root);
    e->head_revision = -1;
    atomic_store(&e->head, -1);
    const struct zk_conf to = {.connect = conf->connect,
                               .auth = conf->auth,
                               .creator_only = conf->creator_only,
                               .session_ms = conf->session_ms,
                               .wake = wake,
                               .arg = arg};
    e->zk = zk_open(&to);
    e->members = members_new(e->zk, conf->root, conf->server_id, conf->url);
    return e;
}

void
ensemble_close(struct ensemble *e)
{
    if (!e)
        return;
    zk_close(e->zk);
    members_free(e->members);
    (void)pthread_mutex_destroy(&e->lock); /* nobody is left to use it */
    free(e->root);
    free(e);
}

int
ensemble_up(const struct ensemble *e, struct err *err)
{
    const int rc = zk_up(e->zk, err);
    if (rc == 0 && atomic_load(&e->gone))
        return err_set(err, ERR_UNAVAILABLE,
                       "%s is gone from ZooKeeper: start one server anew, the "
                       "one with the newest table, to put it back",
                       e->root);
    return rc;
}

int
ensemble_wait(struct ensemble *e, int64_t ms, struct err *err)
{
    return zk_wait(e->zk, ms, err);
}

int64_t
ensemble_head(const struct ensemble *e)
{
    return atomic_load(&e->head);
}

bool
ensemble_tend(struct ensemble *e)
{
    zk_tend(e->zk);
    return e->joined != zk_session(e->zk);
}

void
ensemble_mingle(struct ensemble *e)
{
    members_tend(e->members);
}

bool
ensemble_watching(const struct ensemble *e)
{
    return zk_watching(e->zk);
}

void
ensemble_servers(struct ensemble *e, struct props *out)
{
    members_list(e->members, out);
}

/* ---- joining, founding --------------------------------------------------- */

static void
watch(struct ensemble *e)
{
    if (e->watching)
        return;
    e->watching = true;
    char *head = path_to(e, "head");
    zk_watch(e->zk, head, on_head, e);
    free(head);
}

static int
read_id(const struct zk_data *d, char id[UID_SIZE], struct err *err)
{
    if (!uid_valid(d->bytes))
        return err_set(err, ERR_CORRUPT,
                       "what stands below zookeeper.root is no group of "
                       "shunt-route: give another zookeeper.root");
    memcpy(id, d->bytes, UID_SIZE);
    return 0;
}

int
ensemble_join(struct ensemble *e, char id[UID_SIZE], struct err *err)
{
    char *paths[] = {path_to(e, "id"), path_to(e, "head")};
    struct zk_data d[2] = {0};
    const int64_t session = zk_session(e->zk);
    int64_t head = 0;
    int rc;
    if ((rc = zk_get_many(e->zk, paths, 2, d, err)) == 0 &&
        (rc = read_id(&d[0], id, err)) == 0 &&
        (rc = znode_head_decode(d[1].bytes, &head, err)) == 0) {
        note_head(e, head, d[1].version);
        atomic_store(&e->gone, false);
        e->joined = session;
        watch(e);
    }
    for (size_t i = 0; i < 2; i++) {
        zk_data_fini(&d[i]);
        free(paths[i]);
    }
    return rc;
}

static int
make_if_missing(struct ensemble *e, const char *path, struct err *err)
{
    const struct zk_op op = {ZK_CREATE, path, "", 0, 0};
    const int rc = zk_write(e->zk, &op, 1, err);
    return rc == ERR_CONFLICT ? 0 : rc;
}

/* Every znode from the top down to zookeeper.root. */
static int
make_parents(struct ensemble *e, struct err *err)
{
    int rc = 0;
    for (char *slash = strchr(e->root + 1, '/'); slash && rc == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        rc = make_if_missing(e, e->root, err);
        *slash = '/';
    }
    return rc ? rc : make_if_missing(e, e->root, err);
}

static int
make_group(struct ensemble *e, const char *id, int64_t revision,
           const char *pointer, struct err *err)
{
    static const char *const names[] = {"changes",  "big",  "servers",
                                        "snapshot", "head", "id"};
    const size_t n = sizeof(names) / sizeof(names[0]);
    char *head = znode_head_encode(revision);
    const char *const data[] = {"", "", "", pointer, head, id};
    struct zk_op ops[6];
    for (size_t i = 0; i < n; i++)
        ops[i] = (struct zk_op){ZK_CREATE, path_to(e, names[i]), data[i],
                                strlen(data[i]), 0};
    const int rc = zk_write(e->zk, ops, n, err);
    for (size_t i = 0; i < n; i++)
        free((char *)(uintptr_t)ops[i].path);
    free(head);
    return rc;
}

int
ensemble_found(struct ensemble *e, const char *id, int64_t revision,
               const char *snapshot, size_t len, struct err *err)
{
    char *folder = path_to(e, "snapshots");
    char *pointer = NULL;
    int rc;
    if ((rc = make_parents(e, err)) == 0 &&
        (rc = make_if_missing(e, folder, err)) == 0 &&
        (rc = snapshots_write(e->zk, e->root, revision, snapshot, len, &pointer,
                              err)) == 0)
        rc = make_group(e, id, revision, pointer, err);
    free(pointer);
    free(folder);
    return rc;
}

/* ---- change sets --------------------------------------------------------- */

static int
put_change(struct ensemble *e, int64_t revision, int32_t version,
           const char *id, const char *folder, const char *text, size_t len,
           struct err *err)
{
    struct znode_text t = znode_describe(folder, text, len);
    (void)snprintf(t.id, sizeof(t.id), "%s", id);
    size_t n;
    char *bytes = znode_change_encode(&t, text, &n);
    char *head = path_to(e, "head");
    char *path = path_of_change(e, revision);
    char *data = znode_head_encode(revision);
    const struct zk_op ops[] = {
        {ZK_SET, head, data, strlen(data), version},
        {ZK_CREATE, path, bytes, n, 0},
    };
    zk_hush(e->zk, HUSH_WRITE_MS);
    const int rc = zk_write(e->zk, ops, 2, err);
    zk_hush(e->zk, HUSH_MS);
    if (rc == 0)
        note_head(e, revision, version + 1);
    if (rc == ERR_CONFLICT && ensemble_look(e, NULL))
        log_debug("where head is, the watch will say");
    free(bytes);
    free(data);
    free(path);
    free(head);
    return rc;
}

/* Of a change set that is too big for one znode.  Until its head line is
 * written the chunks mean nothing: what fails here was not made. */
static int
put_chunks(struct ensemble *e, const char *folder, const char *text, size_t len,
           struct err *err)
{
    const int rc = chunks_write(e->zk, folder, text, len, err);
    return rc == 0 || rc == ERR_DENIED ? rc : ERR_UNAVAILABLE;
}

static int
propose_chunks(struct ensemble *e, int64_t revision, int32_t version,
               const char *id, const char *text, size_t len, struct err *err)
{
    char name[ZNODE_NAME_SIZE];
    chunks_name(name, revision);
    char *folder = xasprintf("%s/big/%s", e->root, name);
    int rc = put_chunks(e, folder, text, len, err);
    if (rc == 0)
        rc = put_change(e, revision, version, id, name, text, len, err);
    if (rc && rc != ERR_TIMEOUT)
        (void)chunks_remove(e->zk, folder, NULL); /* compacting does it else */
    free(folder);
    return rc;
}

int
ensemble_propose(struct ensemble *e, int64_t revision, const char *id,
                 const char *text, size_t len, struct err *err)
{
    int32_t version;
    int rc = version_of(e, revision - 1, &version, err);
    if (rc)
        return rc;
    if (len > ZNODE_CHUNK)
        rc = propose_chunks(e, revision, version, id, text, len, err);
    else
        rc = put_change(e, revision, version, id, NULL, text, len, err);
    return rc == ERR_NOTFOUND ? ERR_UNAVAILABLE : rc;
}

void
ensemble_changes_fini(struct ensemble_change *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i].text);
}

static int
read_change(struct ensemble *e, int64_t revision, const struct zk_data *d,
            struct ensemble_change *out, struct err *err)
{
    struct znode_text t;
    const char *text;
    int rc = znode_change_decode(d->bytes, d->len, &t, &text, err);
    if (rc)
        return rc;
    *out = (struct ensemble_change){.revision = revision, .len = t.bytes};
    memcpy(out->id, t.id, sizeof(out->id) - 1);
    if (t.chunks == 0) {
        out->text = xasprintf("%.*s", (int)t.bytes, text);
        return 0;
    }
    char *folder = xasprintf("%s/big/%s", e->root, t.folder);
    rc = chunks_read(e->zk, folder, &t, &out->text, err);
    free(folder);
    return rc;
}

int
ensemble_read(struct ensemble *e, int64_t from, size_t max,
              struct ensemble_change *out, size_t *n, struct err *err)
{
    const int64_t there = ensemble_head(e) - from + 1;
    const size_t count = there < (int64_t)max ? (size_t)there : max;
    char **paths = xcalloc(count + 1, sizeof(char *));
    struct zk_data *v = xcalloc(count + 1, sizeof(*v));
    for (size_t i = 0; i < count; i++)
        paths[i] = path_of_change(e, from + (int64_t)i);
    *n = 0;
    int rc = zk_get_many(e->zk, paths, count, v, err);
    for (size_t i = 0; i < count; i++) {
        if (rc == 0) {
            rc = read_change(e, from + (int64_t)i, &v[i], &out[i], err);
            *n += rc == 0;
        }
        zk_data_fini(&v[i]);
        free(paths[i]);
    }
    free(v);
    free(paths);
    if (rc)
        ensemble_changes_fini(out, *n);
    return rc;
}

/* ---- snapshots ----------------------------------------------------------- */

int
ensemble_snapshot(struct ensemble *e, int64_t *revision, char **text,
                  size_t *len, struct err *err)
{
    return snapshots_read(e->zk, e->root, revision, text, len, err);
}

int
ensemble_snapshot_revision(struct ensemble *e, int64_t *out, struct err *err)
{
    return snapshots_revision(e->zk, e->root, out, err);
}

int
ensemble_compact(struct ensemble *e, int64_t revision, const char *snapshot,
                 size_t len, int64_t keep_from, struct err *err)
{
    return snapshots_compact(e->zk, e->root, revision, snapshot, len, keep_from,
                             err);
}
