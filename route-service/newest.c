#include "route-service/newest.h"

#include <stdlib.h>

#include "common/base/xmem.h"

static void
move(struct newest *n, struct table *t, const struct touched *touched)
{
    table_unref(n->table);
    n->table = table_ref(t);
    n->publish(n->table, touched, n->arg);
}

int
newest_append(struct newest *n, const struct newest_step *v, size_t count,
              struct err *err)
{
    struct stored *texts = xcalloc(count + 1, sizeof(*texts));
    for (size_t i = 0; i < count; i++)
        texts[i] = (struct stored){v[i].table->revision, v[i].text, v[i].len};
    const int rc = store_append_all(n->store, texts, count, err);
    free(texts);
    for (size_t i = 0; i < count && rc == 0; i++)
        move(n, v[i].table, &v[i].touched);
    return rc;
}

int
newest_jump(struct newest *n, struct table *t, const char *snapshot, size_t len,
            struct err *err)
{
    const int rc = store_rebase(n->store, t->revision, snapshot, len, err);
    if (rc)
        return rc;
    const struct touched all = {.infra = true};
    move(n, t, &all);
    return 0;
}
