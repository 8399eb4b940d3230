#include "route-service/retain.h"

#include <stdlib.h>

#include "common/base/js.h"
#include "common/base/log.h"
#include "route-service/snapshot.h"

#define ENOUGH 1 /* ends a walk through the store */

struct aged {
    int64_t before_ms;
    int64_t revision; /* the newest that is older */
};

static int
look_at_age(int64_t revision, const char *text, size_t len, void *arg,
            struct err *err)
{
    struct aged *a = arg;
    struct json_t *j = NULL;
    int64_t time_ms = 0;
    int rc = js_parse(text, len, &j, err);
    if (rc == 0)
        rc =
            js_get_int(j, "", "time", JS_REQUIRED, 0, INT64_MAX, &time_ms, err);
    js_free(j);
    if (rc)
        return rc;
    if (time_ms >= a->before_ms)
        return ENOUGH;
    a->revision = revision;
    return 0;
}

int
retain_until(struct store *store, const struct retention *r, int64_t now_ms,
             int64_t *revision, struct err *err)
{
    int64_t first, last;
    *revision = 0;
    int rc = store_range(store, &first, &last, err);
    if (rc || (r->revisions == 0 && r->ms == 0))
        return rc;
    int64_t until = r->revisions > 0 ? last - r->revisions : last;
    struct aged a = {.before_ms = now_ms - r->ms};
    if (r->ms > 0) {
        rc = store_each(store, look_at_age, &a, err);
        if (rc && rc != ENOUGH)
            return rc;
        until = until < a.revision ? until : a.revision;
    }
    if (until >= first)
        *revision = until;
    return 0;
}

/* A new base costs as much as the table has rules: not for every change set,
 * where many are kept. */
static bool
is_worth_it(const struct retention *r, int64_t first, int64_t until)
{
    const int64_t least = r->revisions / 8 < 1000 ? r->revisions / 8 : 1000;
    return until - first + 1 > least;
}

int
retain(struct store *store, struct history *history, const struct retention *r,
       int64_t now_ms, struct err *err)
{
    int64_t first, last, until;
    struct table *t = NULL;
    int rc;
    if ((rc = store_range(store, &first, &last, err)) ||
        (rc = retain_until(store, r, now_ms, &until, err)))
        return rc;
    if (until == 0 || !is_worth_it(r, first, until))
        return 0;
    rc = history_table(history, until, &t, err);
    if (rc)
        return rc;
    size_t len;
    char *text = table_snapshot(t, &len);
    table_unref(t);
    rc = store_rebase(store, until, text, len, err);
    free(text);
    if (rc == ERR_CONFLICT) /* the server has jumped ahead meanwhile */
        return 0;
    if (rc == 0)
        log_info("change sets up to revision %lld are deleted",
                 (long long)until);
    return rc;
}
