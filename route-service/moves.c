/* The moves of a change, worked out by every loop for its own clients. */
#include "route-service/moves.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/audience.h"
#include "route-service/clients.h"
#include "route-service/gather.h"
#include "route-service/limits.h"
#include "route-service/match.h"
#include "route-service/resolve.h"
#include "route-service/worker.h"

struct moves {
    struct table *before, *after;
    struct touched touched;
    moves_fn done;
    void *arg;
};

struct part {
    const struct moves *of;
    struct json_t *list;
    size_t total;
};

/* ---- one loop ------------------------------------------------------------ */

static struct json_t *
encode(const struct client *c, const char *topic, const char *from,
       const char *to)
{
    struct json_t *j = js_object();
    const struct pt_client who = client_who(c);
    must(js_put_take(j, "client", pt_client_encode(&who)));
    must(js_put_str(j, "topic", topic));
    must(js_put_str(j, "from", from));
    must(js_put_str(j, "to", to));
    return j;
}

static const char *
cluster_in(const struct table *t, const struct pt_identity *id,
           const char *topic)
{
    const struct item *winner = match_winner(t, id, topic);
    return winner ? winner->u.rule.cluster : NULL;
}

static void
add_topic(struct part *part, const struct audience *a, const char *topic)
{
    const struct moves *m = part->of;
    const struct client *c;
    const char *from = cluster_in(m->before, &a->id, topic);
    const char *to = cluster_in(m->after, &a->id, topic);
    if (str_equal(from, to))
        return;
    DL_FOREACH(a->clients, c)
    {
        if (c->state != CLIENT_CONNECTED)
            continue;
        if (part->total++ < LIMIT_MOVES)
            must(js_add_take(part->list, encode(c, topic, from, to)));
    }
}

static void
add_audience(struct audience *a, void *arg)
{
    for (size_t i = 0; i < resolve_topics(&a->id); i++)
        add_topic(arg, a, resolve_topic(&a->id, i));
}

static void *
moves_here(struct worker *w, const void *arg)
{
    struct part *part = xcalloc(1, sizeof(*part));
    part->of = arg;
    part->list = must_have(js_array());
    (void)audiences_concerned(w->audiences, &part->of->touched, add_audience,
                              part); /* how many were looked at */
    return part;
}

/* ---- all of them --------------------------------------------------------- */

static void
on_gathered(struct worker *home, void **parts, size_t n, void *arg)
{
    (void)home;
    struct moves *m = arg;
    struct json_t *list = must_have(js_array());
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        struct part *part = parts[i];
        for (size_t k = 0; k < js_len(part->list) && js_len(list) < LIMIT_MOVES;
             k++)
            must(js_add_take(list, js_ref(js_at(part->list, k))));
        total += part->total;
        js_free(part->list);
        free(part);
    }
    m->done(list, total, m->arg);
    js_free(list);
    table_unref(m->before);
    table_unref(m->after);
    touched_fini(&m->touched);
    free(m);
}

void
moves_gather(struct worker *home, struct table *before, struct table *after,
             const struct touched *touched, moves_fn done, void *arg)
{
    struct moves *m = xcalloc(1, sizeof(*m));
    *m = (struct moves){.before = table_ref(before),
                        .after = table_ref(after),
                        .touched = touched_copy(touched),
                        .done = done,
                        .arg = arg};
    /* Clusters and flows move nobody: rules do. */
    m->touched.infra = !touched;
    gather_start(home, moves_here, on_gathered, m);
}
