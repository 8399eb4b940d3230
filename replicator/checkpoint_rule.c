/* Owns the last checkpoint of each group and partition of the target. */
#include "replicator/checkpoint_rule.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/xmem.h"

struct checkpoint_last {
    char *name;   /* "topic/partition/group"; the first two hold no slash */
    bool written; /* else only `landed` is known */
    int64_t upstream, downstream;
    int64_t landed; /* -1: not known */
    UT_hash_handle hh;
};

static char *
name_of(const char *group, const char *topic, int32_t partition)
{
    return xasprintf("%s/%d/%s", topic, (int)partition, group);
}

static struct checkpoint_last *
find(const struct checkpoint_memory *m, const char *group, const char *topic,
     int32_t partition)
{
    struct checkpoint_last *last;
    char *name = name_of(group, topic, partition);
    HASH_FIND_STR(m->table, name, last);
    free(name);
    return last;
}

static struct checkpoint_last *
find_or_add(struct checkpoint_memory *m, const char *group, const char *topic,
            int32_t partition)
{
    struct checkpoint_last *last = find(m, group, topic, partition);
    if (last)
        return last;
    last = xcalloc(1, sizeof(*last));
    last->name = name_of(group, topic, partition);
    last->landed = -1;
    HASH_ADD_KEYPTR(hh, m->table, last->name, strlen(last->name), last);
    return last;
}

bool
checkpoint_is_news(const struct checkpoint_memory *m,
                   const struct mm2_checkpoint *cp)
{
    const struct checkpoint_last *last =
        find(m, cp->group, cp->topic, cp->partition);
    return !last || !last->written || cp->upstream < last->upstream ||
           cp->downstream > last->downstream;
}

void
checkpoint_remember(struct checkpoint_memory *m,
                    const struct mm2_checkpoint *cp)
{
    struct checkpoint_last *last =
        find_or_add(m, cp->group, cp->topic, cp->partition);
    last->written = true;
    last->upstream = cp->upstream;
    last->downstream = cp->downstream;
}

int64_t
checkpoint_landed(const struct checkpoint_memory *m, const char *group,
                  const char *topic, int32_t partition)
{
    const struct checkpoint_last *last = find(m, group, topic, partition);
    return last ? last->landed : -1;
}

void
checkpoint_land(struct checkpoint_memory *m, const char *group,
                const char *topic, int32_t partition, int64_t offset)
{
    find_or_add(m, group, topic, partition)->landed = offset;
}

void
checkpoint_forget_landed(struct checkpoint_memory *m)
{
    struct checkpoint_last *last, *next;
    HASH_ITER(hh, m->table, last, next)
    last->landed = -1;
}

void
checkpoint_memory_fini(struct checkpoint_memory *m)
{
    struct checkpoint_last *last, *next;
    HASH_ITER(hh, m->table, last, next)
    {
        HASH_DEL(m->table, last);
        free(last->name);
        free(last);
    }
}
