/*
 * Look, decide, write, in one session with the target and on its one thread:
 * two landings of this process never interleave.  What members do meanwhile is
 * the broker's to refuse.
 */
#include "offset-mapper/land.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"

const char *
land_result_text(enum land_result r)
{
    static const char *const texts[] = {
#define X(name, text) [LAND_##name] = (text),
        LAND_RESULT_MAP(X)
#undef X
    };
    return texts[r];
}

void
land_fini(struct land *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].topic);
        free(l->v[i].metadata);
        free(l->v[i].text);
    }
    free(l->v);
    free(l->group);
    *l = (struct land){0};
}

enum land_result
land_decide(const struct land_part *p, int64_t was, bool backwards,
            bool dry_run)
{
    if (!p->topic || p->position < 0)
        return LAND_UNMAPPED;
    if (was == p->position)
        return LAND_SAME;
    if (was > p->position && !backwards)
        return LAND_BACKWARDS;
    return dry_run ? LAND_WOULD : LAND_LANDED;
}

static int
check_members(struct land *l, struct group_session *s, struct err *err)
{
    const int rc = group_members_count(s, &l->members, err);
    if (rc || l->members <= 0)
        return rc;
    return err_set(err, ERR_CONFLICT,
                   "group %s has %lld member%s on cluster %s: stop them, or "
                   "let them commit for themselves",
                   l->group, (long long)l->members, l->members == 1 ? "" : "s",
                   l->cluster->name);
}

/* What has a position, in the order of the parts; at[i] is the part of the
 * i-th. */
static size_t *
list_some(const struct land *l, bool (*wanted)(const struct land_part *p),
          struct group_commits *out)
{
    size_t *at = xcalloc(l->n + 1, sizeof(*at));
    *out = (struct group_commits){0};
    for (size_t i = 0; i < l->n; i++) {
        const struct land_part *p = &l->v[i];
        if (!wanted(p))
            continue;
        at[out->n] = i;
        group_commits_add(out, p->topic, p->partition, p->position,
                          p->metadata);
    }
    return at;
}

static bool
is_mapped(const struct land_part *p)
{
    return p->topic && p->position >= 0;
}

static bool
is_to_be_written(const struct land_part *p)
{
    return p->result == LAND_LANDED;
}

static int
raise_to_log_starts(struct land *l, struct group_session *s, struct err *err)
{
    struct group_commits c;
    size_t *at = list_some(l, is_mapped, &c);
    const int rc = group_commits_raise(s, &c, err);
    for (size_t i = 0; i < c.n && rc == 0; i++)
        l->v[at[i]].position = c.v[i].offset;
    group_commits_fini(&c);
    free(at);
    return rc;
}

static int
decide_all(struct land *l, struct group_session *s, struct err *err)
{
    struct group_commits there;
    int rc = raise_to_log_starts(l, s, err);
    if (rc == 0)
        rc = group_commits_read(s, &there, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < l->n; i++) {
        struct land_part *p = &l->v[i];
        const struct group_commit *c =
            p->topic ? group_commits_find(&there, p->topic, p->partition)
                     : NULL;
        p->was = c ? c->offset : -1;
        p->result = land_decide(p, p->was, l->backwards, l->dry_run);
    }
    group_commits_fini(&there);
    return 0;
}

static void
take_outcome(struct land_part *p, const struct group_commit *c, int rc,
             const struct err *err)
{
    if (rc == 0 && c->error == 0)
        return;
    p->result = LAND_FAILED;
    p->text = xstrdup(rc ? err->text : c->text);
}

static void
write_all(struct land *l, struct group_session *s)
{
    struct group_commits c;
    struct err err = {0};
    size_t *at = list_some(l, is_to_be_written, &c);
    group_session_deadline(s, clock_mono_ms() + LAND_WRITE_MS);
    const int rc = c.n ? group_commits_write(s, &c, &err) : 0;
    for (size_t i = 0; i < c.n; i++)
        take_outcome(&l->v[at[i]], &c.v[i], rc, &err);
    group_commits_fini(&c);
    free(at);
}

int
land_run(struct land *l, struct err *err)
{
    struct group_session *s;
    int rc = group_session_open(l->cluster, l->group,
                                clock_mono_ms() + LAND_LOOK_MS, &s, err);
    if (rc)
        return rc;
    rc = check_members(l, s, err);
    if (rc == 0)
        rc = decide_all(l, s, err);
    if (rc == 0 && !l->dry_run)
        write_all(l, s);
    group_session_close(s);
    return rc;
}
