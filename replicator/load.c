/*
 * See load.h.  For one thread.
 */
#include "replicator/load.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "replicator/clients.h"

#define FILE_MAX_BYTES ((size_t)4 << 20)

const struct settings *
load_current(const struct loaded *l)
{
    return l->n > 0 ? l->v[l->n - 1] : NULL;
}

static int
read_settings(const struct loaded *l, struct settings *out, struct err *err)
{
    const struct settings_how how = {.targets = &l->targets,
                                     .old = load_current(l)};
    char *text;
    size_t len;
    int rc = file_read(l->path, FILE_MAX_BYTES, &text, &len, err);
    if (rc != 0)
        return rc;
    struct err why = {0};
    rc = settings_load_as(text, len, &how, out, &why);
    explicit_bzero(text, len);
    free(text);
    if (rc == 0) {
        rc = clients_check(out, &why);
        if (rc != 0)
            settings_fini(out);
    }
    return rc == 0 ? 0
                   : err_field(err, rc, why.field, why.value, "%s: %s", l->path,
                               why.text);
}

/* What did not change was told of when it was loaded first. */
static void
say(const struct loaded *l, const struct settings *s)
{
    const struct settings *old = load_current(l);
    for (size_t i = 0; i < s->warnings.n && !l->quiet; i++)
        if (!old || !strlist_has(&old->warnings, s->warnings.v[i]))
            log_warn("%s: %s", l->path, s->warnings.v[i]);
    for (size_t i = 0; i < s->stale.n; i++)
        log_warn("%s: %s has changed, which needs a restart: the old value "
                 "stays in force",
                 l->path, s->stale.v[i]);
}

int
load_file(struct loaded *l, struct err *err)
{
    struct settings *s = xcalloc(1, sizeof(*s));
    const int rc = read_settings(l, s, err);
    if (rc != 0) {
        free(s);
        return rc;
    }
    if (load_current(l))
        settings_keep_clients(s, load_current(l));
    say(l, s);
    l->v = xreallocarray(l->v, l->n + 1, sizeof(*l->v));
    l->v[l->n++] = s;
    return 0;
}

void
load_fini(struct loaded *l)
{
    for (size_t i = l->n; i-- > 0;) {
        settings_fini(l->v[i]);
        free(l->v[i]);
    }
    free(l->v);
    strlist_fini(&l->targets);
    *l = (struct loaded){0};
}
