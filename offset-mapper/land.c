/*
 * Look, decide, write, in one session with the target and on its one thread:
 * two landings of this process never interleave.  What members do meanwhile is
 * the broker's to refuse.
 */
#include "offset-mapper/land.h"

#include <stdlib.h>
#include <string.h>

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

static int
decide_all(struct land *l, struct group_session *s, struct err *err)
{
    struct group_commits there;
    const int rc = group_commits_read(s, &there, err);
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
take_outcome(struct land_part *p, struct group_commit *c, int rc,
             const struct err *err)
{
    if (rc == 0 && c->error == 0)
        return;
    p->result = LAND_FAILED;
    p->text = xstrdup(rc ? err->text : c->text);
}

/* The part that each commit is of stands beside it. */
static void
write_all(struct land *l, struct group_session *s)
{
    struct group_commits commits = {0};
    struct err err = {0};
    size_t *at = xcalloc(l->n + 1, sizeof(*at));
    for (size_t i = 0; i < l->n; i++) {
        const struct land_part *p = &l->v[i];
        if (p->result != LAND_LANDED)
            continue;
        at[commits.n] = i;
        group_commits_add(&commits, p->topic, p->partition, p->position,
                          p->metadata);
    }
    group_session_deadline(s, clock_mono_ms() + LAND_WRITE_MS);
    const int rc = commits.n ? group_commits_write(s, &commits, &err) : 0;
    for (size_t i = 0; i < commits.n; i++)
        take_outcome(&l->v[at[i]], &commits.v[i], rc, &err);
    group_commits_fini(&commits);
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
