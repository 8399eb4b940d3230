/* Owns the last checkpoint of each group and partition of the target. */
#include "replicator/checkpoint_rule.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/xmem.h"

struct checkpoint_last {
    char *name; /* "topic/partition/group"; the first two hold no slash */
    int64_t upstream, downstream;
    UT_hash_handle hh;
};

static char *
name_of(const struct mm2_checkpoint *cp)
{
    return xasprintf("%s/%d/%s", cp->topic, (int)cp->partition, cp->group);
}

static struct checkpoint_last *
find(const struct checkpoint_memory *m, const char *name)
{
    struct checkpoint_last *last;
    HASH_FIND_STR(m->table, name, last);
    return last;
}

bool
checkpoint_is_news(const struct checkpoint_memory *m,
                   const struct mm2_checkpoint *cp)
{
    char *name = name_of(cp);
    const struct checkpoint_last *last = find(m, name);
    free(name);
    return !last || cp->upstream < last->upstream ||
           cp->downstream > last->downstream;
}

void
checkpoint_remember(struct checkpoint_memory *m,
                    const struct mm2_checkpoint *cp)
{
    char *name = name_of(cp);
    struct checkpoint_last *last = find(m, name);
    if (last) {
        free(name);
    } else {
        last = xcalloc(1, sizeof(*last));
        last->name = name;
        HASH_ADD_KEYPTR(hh, m->table, last->name, strlen(last->name), last);
    }
    last->upstream = cp->upstream;
    last->downstream = cp->downstream;
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
