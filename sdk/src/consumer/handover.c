/* Owns nothing and knows no thread: every function works on its arguments. */
#include "sdk/src/consumer/handover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"

/* Far beyond any log, and far from overflow. */
#define OFFSET_MAX (INT64_MAX / 4)

void
handover_metadata(int64_t since, char *buf, size_t size)
{
    (void)snprintf(buf, size, "{\"shunt\":1,\"since\":%" PRId64 "}", since);
}

int64_t
handover_since(const void *metadata, size_t len)
{
    struct json_t *j = NULL;
    int64_t version = 0;
    int64_t since = -1;
    if (!metadata || len == 0 || js_parse(metadata, len, &j, NULL) != 0)
        return -1;
    if (js_expect_object(j, "", NULL) != 0 ||
        js_get_int(j, "", "shunt", JS_REQUIRED, 1, 1, &version, NULL) != 0 ||
        js_get_int(j, "", "since", JS_REQUIRED, 0, INT64_MAX, &since, NULL) !=
            0)
        since = -1;
    js_free(j);
    return since;
}

static bool
range_makes_sense(const struct po_translated *t)
{
    if (t->position < 0 || t->position > OFFSET_MAX)
        return false;
    if (t->low < 0 || t->low > t->position || t->coming > OFFSET_MAX)
        return false;
    return t->high == -1 || (t->high >= t->position && t->high <= OFFSET_MAX);
}

struct mapped
handover_mapped(const struct po_translated *t, const struct po_position *asked,
                const char *expected_topic)
{
    const struct mapped nothing = {.known = false};
    if (t->quality == PO_NONE || t->quality == PO_BEFORE)
        return nothing;
    if (!str_equal(t->asked.topic, asked->topic) ||
        t->asked.partition != asked->partition ||
        t->asked.offset != asked->offset)
        return nothing;
    if (!t->topic || !str_equal(t->topic, expected_topic))
        return nothing;
    if (!range_makes_sense(t))
        return nothing;
    return (struct mapped){.known = true,
                           .position = t->position,
                           .low = t->low,
                           .high = t->high,
                           .coming = t->coming,
                           .ahead = t->quality == PO_AHEAD};
}

bool
handover_wait(const struct mapped *m)
{
    return m->known && m->ahead;
}

bool
handover_verify(const struct mapped *m, bool printed)
{
    return m->known && !printed && (m->ahead || m->high != m->low);
}

static int64_t
max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* An older commit on c never raises it: it was made in an earlier visit, and a
 * group that went back since must not skip. */
static struct start
start_mapped(const struct mapped *m)
{
    return (struct start){.kind = START_AT,
                          .offset = m->low,
                          .reread =
                              m->high < 0 ? -1 : m->high - m->low + m->coming};
}

static struct start
start_unmapped(const struct start_facts *f)
{
    if (f->commit >= 0)
        return (struct start){START_OLD, f->commit, -1};
    return (struct start){START_BEGINNING, 0, -1};
}

struct start
handover_start(const struct start_facts *f)
{
    const bool ours =
        f->commit >= 0 && (!f->has_previous || f->commit_since == f->since);
    if (ours || f->own >= 0)
        return (struct start){START_AT, max_of(f->own, ours ? f->commit : -1),
                              0};
    if (!f->has_previous)
        return (struct start){START_RESET, -1, 0};
    if (f->map_done)
        return f->mapped.known ? start_mapped(&f->mapped) : start_unmapped(f);
    return (struct start){f->may_wait ? START_WAIT : START_MAP, -1, 0};
}

int64_t
handover_sum(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}

static const struct pt_route *
route_of(const struct pt_answer *a, const char *topic)
{
    for (size_t i = 0; i < a->n_routes; i++)
        if (str_equal(a->routes[i].topic, topic))
            return &a->routes[i];
    return NULL;
}

static int
add_topic(struct target *t, const struct pt_answer *a, const char *topic,
          struct err *err)
{
    const struct pt_route *r = route_of(a, topic);
    if (!r)
        return err_set(err, ERR_UNAVAILABLE, "no route for topic %s yet",
                       topic);
    if (!r->cluster)
        return err_set(err, ERR_NOTFOUND,
                       "no rule of the route service matches topic %s", topic);
    const struct pt_cluster *c = pt_answer_cluster(a, r->cluster);
    if (!c)
        return err_set(err, ERR_NOTFOUND,
                       "the route to cluster %s does not say where it is",
                       r->cluster);
    if (t->cluster && t->cluster != c)
        return err_set(err, ERR_UNSUPPORTED,
                       "topic %s is routed to cluster %s and another topic to "
                       "%s: one consumer reads from one cluster; use one "
                       "consumer for each",
                       topic, c->name, t->cluster->name);
    t->cluster = c;
    t->fence = t->fence || r->fence;
    if (r->since >= t->since) {
        t->since = r->since;
        t->previous = r->previous;
    }
    return 0;
}

int
handover_target(const struct pt_answer *a, const struct strlist *topics,
                struct target *out, struct err *err)
{
    struct target t = {0};
    for (size_t i = 0; i < topics->n; i++) {
        const int rc = add_topic(&t, a, topics->v[i], err);
        if (rc != 0)
            return rc;
    }
    if (!t.cluster)
        return err_set(err, ERR_UNAVAILABLE, "no topics");
    *out = t;
    return 0;
}

const char *
handover_standby(const struct pt_answer *a, const struct strlist *topics)
{
    const char *name = NULL;
    for (size_t i = 0; i < topics->n; i++) {
        const struct pt_route *r = route_of(a, topics->v[i]);
        if (!r || !r->standby || (name && strcmp(name, r->standby) != 0))
            return NULL;
        name = r->standby;
    }
    return name;
}

static const struct pt_flow *
flow_of(const struct pt_answer *a, const char *source, const char *target)
{
    for (size_t i = 0; i < a->n_flows; i++)
        if (str_equal(a->flows[i].source, source) &&
            str_equal(a->flows[i].target, target))
            return &a->flows[i];
    return NULL;
}

char *
handover_physical(const struct pt_answer *a, const char *cluster,
                  const char *origin, const char *logical)
{
    if (str_equal(cluster, origin))
        return strdup(logical);
    const struct pt_flow *f = flow_of(a, origin, cluster);
    if (!f)
        return NULL;
    if (str_equal(f->policy, "identity"))
        return strdup(logical);
    char *name = NULL;
    const char *sep = f->separator ? f->separator : ".";
    return asprintf(&name, "%s%s%s", origin, sep, logical) < 0 ? NULL : name;
}
