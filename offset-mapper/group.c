/*
 * Which position counts.  All of them are of the same stream on the same
 * cluster, and each is safe: it is behind everything that the application has
 * finished.  So of those that are of now the furthest is the newest.  What was
 * true once (the report of a member that has left, a checkpoint) counts only
 * where the cluster cannot be asked, or has nothing: an administrator may have
 * set the commits back meanwhile.
 */
#include "offset-mapper/group.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "common/proto/route.h"

const char *
group_source_text(enum group_source s)
{
    static const char *const texts[] = {
#define X(name, text) [GROUP_##name] = (text),
        GROUP_SOURCE_MAP(X)
#undef X
    };
    return texts[s];
}

/* ---- streams ------------------------------------------------------------- */

/* "orders" and 3 as one word: no topic has a blank. */
static char *
key_of(const char *topic, int32_t partition)
{
    return xasprintf("%s %d", topic, partition);
}

struct group_stream *
group_stream(struct group *g, const char *topic, int32_t partition)
{
    struct group_stream *s;
    char *key = key_of(topic, partition);
    HASH_FIND_STR(g->streams, key, s);
    if (s) {
        free(key);
        return s;
    }
    s = xcalloc(1, sizeof(*s));
    s->key = key;
    s->topic = xstrdup(topic);
    s->partition = partition;
    s->position = s->checkpoint.to_offset = -1;
    HASH_ADD_KEYPTR(hh, g->streams, s->key, strlen(s->key), s);
    return s;
}

static void
stream_free(struct group_stream *s)
{
    free(s->key);
    free(s->topic);
    free(s->live.member);
    free(s->metadata);
    free(s->checkpoint.to_topic);
    free(s);
}

void
group_fini(struct group *g)
{
    struct group_stream *s, *next;
    HASH_ITER(hh, g->streams, s, next)
    {
        HASH_DEL(g->streams, s);
        stream_free(s);
    }
}

void
group_take_commits(struct group *g, const struct group_commits *commits)
{
    for (size_t i = 0; i < commits->n; i++) {
        const struct group_commit *c = &commits->v[i];
        struct group_stream *s = group_stream(g, c->topic, c->partition);
        free(s->metadata);
        s->has_commit = true;
        s->commit = c->offset;
        s->metadata = xstrdup(c->metadata);
    }
}

/* ---- members ------------------------------------------------------------- */

struct member {
    const char *instance;
    bool connected;
    int64_t age_ms;
};

static void
take_position(struct group *g, const struct member *m,
              const struct pt_position *p)
{
    struct group_live *live = &group_stream(g, p->topic, p->partition)->live;
    if (live->known && live->connected != m->connected && live->connected)
        return;
    if (live->known && live->connected == m->connected &&
        live->age_ms <= m->age_ms)
        return;
    free(live->member);
    *live = (struct group_live){.known = true,
                                .connected = m->connected,
                                .offset = p->offset,
                                .age_ms = m->age_ms,
                                .member = xstrdup(m->instance)};
}

/* An entry that cannot be read is another version's: it says nothing. */
static void
take_client(struct group *g, const struct json_t *entry, const char *group,
            const char *cluster, size_t *n_members)
{
    const char *its = js_str(js_any(js_any(entry, "identity"), "group"));
    struct pt_report r;
    struct member m = {.age_ms = 0};
    if (!str_equal(its, group) ||
        js_get_bool(entry, "", "connected", JS_REQUIRED, &m.connected, NULL))
        return;
    *n_members += m.connected;
    if (js_get_int(entry, "", "report_age_ms", JS_REQUIRED, 0, INT64_MAX,
                   &m.age_ms, NULL) ||
        pt_report_decode(js_any(entry, "report"), &r, NULL))
        return;
    m.instance = r.instance;
    for (size_t i = 0; i < r.n_positions && str_equal(r.cluster, cluster); i++)
        take_position(g, &m, &r.positions[i]);
    pt_report_fini(&r);
}

int
group_take_clients(struct group *g, const struct json_t *answer,
                   const char *group, const char *cluster, size_t *n_members,
                   char **next, struct err *err)
{
    struct json_t *clients = NULL;
    *next = NULL;
    int rc = js_get_array(answer, "", "clients", JS_REQUIRED, &clients, err);
    for (size_t i = 0; i < js_len(clients) && rc == 0; i++)
        take_client(g, js_at(clients, i), group, cluster, n_members);
    return rc ? rc : js_get_str_dup(answer, "", "next", JS_OPTIONAL, next, err);
}

/* ---- the one that counts --------------------------------------------------- */

static void
use(struct group_stream *s, enum group_source source, int64_t position,
    const char *why)
{
    s->used = source;
    s->position = position;
    s->why = why;
}

static void
choose_of_now(struct group_stream *s)
{
    const struct group_live *live = &s->live;
    if (!live->known || !live->connected)
        use(s, GROUP_COMMIT, s->commit, "no member reports a newer one");
    else if (live->offset > s->commit)
        use(s, GROUP_LIVE, live->offset,
            "a member has finished more than it has committed");
    else
        use(s, GROUP_COMMIT, s->commit, "no report of a member is newer");
}

static void
choose_of_once(struct group_stream *s, bool reachable)
{
    const struct group_live *live = &s->live;
    const struct group_checkpoint *cp = &s->checkpoint;
    if (live->known && (!cp->known || live->offset >= cp->offset))
        use(s, GROUP_LIVE, live->offset,
            reachable ? "the source cluster has no commit"
                      : "the source cluster does not answer");
    else if (cp->known)
        use(s, GROUP_CHECKPOINT, cp->offset,
            reachable ? "the source cluster has no commit, and no member "
                        "reports a newer one"
                      : "the source cluster does not answer, and no member "
                        "reports a newer one");
    else
        use(s, GROUP_NONE, -1, "nothing is known");
}

static int
by_name(const struct group_stream *a, const struct group_stream *b)
{
    const int names = strcmp(a->topic, b->topic);
    return names
               ? names
               : (a->partition > b->partition) - (a->partition < b->partition);
}

void
group_choose(struct group *g, bool reachable)
{
    for (struct group_stream *s = g->streams; s; s = s->hh.next)
        if (s->used == GROUP_GIVEN)
            s->why = "it came with the request";
        else if (s->has_commit)
            choose_of_now(s);
        else
            choose_of_once(s, reachable);
    HASH_SORT(g->streams, by_name);
}
