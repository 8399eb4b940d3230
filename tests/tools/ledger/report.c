/*
 * Owns the words and the names of the verdict's fields; README.md lists them.
 */
#include "tests/tools/ledger/report.h"

#include "common/base/js.h"

static const char *
cluster_name(const struct book *b, int cluster)
{
    return cluster == NO_NAME ? "?" : b->clusters.v[cluster];
}

static const char *
writer_name(const struct book *b, int64_t entry)
{
    size_t i = 0;
    while (i + 1 < b->n_writers &&
           (size_t)entry >= b->clients[i + 1].first_entry)
        i++;
    return b->clients[i].name;
}

/* ---- text ---- */

static void
text_lost(const struct book *b, const struct group_verdict *g, FILE *to)
{
    for (size_t i = 0; i < g->n_lost_examples; i++) {
        const struct entry *e = &b->entries[g->lost_examples[i]];
        (void)fprintf(to,
                      "    lost: writer %s key %d number %d, acknowledged by "
                      "%s at %s/%d@%lld\n",
                      writer_name(b, g->lost_examples[i]), e->key, e->key_seq,
                      cluster_name(b, e->ack.cluster),
                      b->topics.v[e->ack.topic], e->ack.partition,
                      (long long)e->ack.offset);
    }
}

static void
text_group(const struct book *b, const struct group_verdict *g, FILE *to)
{
    (void)fprintf(to,
                  "group %s: %zu readers, read %lld, lost %lld, read twice "
                  "%lld, out of order %lld (%lld within a partition)",
                  g->name, g->readers, (long long)g->read, (long long)g->lost,
                  (long long)g->read_twice, (long long)g->out_of_order,
                  (long long)g->disordered);
    if (g->misplaced || g->foreign)
        (void)fprintf(to, ", misplaced %lld, foreign %lld",
                      (long long)g->misplaced, (long long)g->foreign);
    if (g->unread_unacked)
        (void)fprintf(to, ", unread though standing %lld (not acknowledged)",
                      (long long)g->unread_unacked);
    (void)fputc('\n', to);
    text_lost(b, g, to);
}

static void
text_switch(const struct book *b, const struct client *c,
            const struct switch_stall *s, FILE *to)
{
    (void)fprintf(to, "%s %s: %s -> %s stall %lld ms",
                  c->group ? "reader" : "writer", c->name,
                  cluster_name(b, s->from), cluster_name(b, s->to),
                  (long long)(s->stall_us / 1000));
    if (c->group)
        (void)fprintf(to, ", slowest record %lld ms",
                      (long long)(s->wait_us / 1000));
    if (s->said_stall_ms >= 0)
        (void)fprintf(to, ", the SDK says %lld ms",
                      (long long)s->said_stall_ms);
    if (s->said_bound >= 0)
        (void)fprintf(to, ", bound %lld", (long long)s->said_bound);
    (void)fputs(s->to == NO_NAME ? " (never came)\n" : "\n", to);
}

static void
text_unended(const struct book *b, FILE *to)
{
    for (size_t i = 0; i < b->n_clients; i++)
        if (!b->clients[i].ended)
            (void)fprintf(to, "%s %s did not end by itself\n",
                          i < b->n_writers ? "writer" : "reader",
                          b->clients[i].name);
}

void
report_text(const struct book *b, const struct verdict *v, FILE *to)
{
    (void)fprintf(to, "written %lld, acknowledged %lld, failed %lld, ",
                  (long long)v->written, (long long)v->acked,
                  (long long)v->failed);
    (void)fprintf(to, "without report %lld, reported twice %lld\n",
                  (long long)v->unreported, (long long)v->reported_twice);
    if (v->standing >= 0)
        (void)fprintf(to,
                      "standing %lld, out of order there %lld, misplaced "
                      "acknowledgements %lld\n",
                      (long long)v->standing,
                      (long long)v->standing_out_of_order,
                      (long long)v->misplaced_acks);
    (void)fprintf(to, "never replicated %lld (%lld of them read before)\n",
                  (long long)v->never_replicated,
                  (long long)v->never_replicated_read);
    (void)fprintf(to, "written twice %lld\n", (long long)v->written_twice);
    for (size_t i = 0; i < v->n_groups; i++)
        text_group(b, &v->groups[i], to);
    for (size_t i = 0; i < v->n_clients; i++)
        for (size_t k = 0; k < v->clients[i].n; k++)
            text_switch(b, &b->clients[i], &v->clients[i].v[k], to);
    text_unended(b, to);
    if (b->dump_foreign)
        (void)fprintf(to, "records in the dumps that no writer wrote %lld\n",
                      (long long)b->dump_foreign);
    if (b->torn)
        (void)fprintf(to, "torn last lines left out %d\n", b->torn);
    (void)fprintf(to,
                  "verdict: lost %lld, read twice %lld, out of order %lld\n",
                  (long long)v->lost, (long long)v->read_twice,
                  (long long)v->out_of_order);
}

/* ---- JSON ---- */

struct figure {
    const char *name;
    int64_t value;
};

static int
put_all(struct json_t *to, const struct figure *figures)
{
    int rc = 0;
    for (const struct figure *f = figures; f->name; f++)
        rc |= js_put_int(to, f->name, f->value);
    return rc;
}

static struct json_t *
json_group(const struct group_verdict *g)
{
    struct json_t *to = js_object();
    const struct figure figures[] = {
        {"readers", (int64_t)g->readers},
        {"deliveries", g->deliveries},
        {"read", g->read},
        {"lost", g->lost},
        {"read_twice", g->read_twice},
        {"out_of_order", g->out_of_order},
        {"disordered", g->disordered},
        {"misplaced", g->misplaced},
        {"foreign", g->foreign},
        {"unread_unacknowledged", g->unread_unacked},
        {0},
    };
    if (js_put_str(to, "group", g->name) | put_all(to, figures)) {
        js_free(to);
        return NULL;
    }
    return to;
}

static struct json_t *
json_switch(const struct book *b, const struct switch_stall *s)
{
    struct json_t *to = js_object();
    const struct figure figures[] = {
        {"stall_ms", s->stall_us / 1000},
        {"wait_ms", s->wait_us / 1000},
        {"sdk_stall_ms", s->said_stall_ms},
        {"bound", s->said_bound},
        {"first_us", s->first_us},
        {"last_us", s->last_us},
        {0},
    };
    const char *end = s->to == NO_NAME ? NULL : cluster_name(b, s->to);
    if (js_put_str(to, "from", cluster_name(b, s->from)) |
        js_put_str(to, "to", end) | put_all(to, figures)) {
        js_free(to);
        return NULL;
    }
    return to;
}

static struct json_t *
json_client(const struct book *b, const struct client *c,
            const struct client_stalls *s)
{
    struct json_t *to = js_object();
    struct json_t *switches = js_array();
    int rc = js_put_str(to, "name", c->name);
    if (c->group)
        rc |= js_put_str(to, "group", c->group);
    rc |= js_put_bool(to, "ended", c->ended);
    rc |= js_put_int(to, "deliveries", (int64_t)c->n_deliveries);
    for (size_t i = 0; i < s->n; i++)
        rc |= js_add_take(switches, json_switch(b, &s->v[i]));
    rc |= js_put_take(to, "switches", switches);
    if (rc) {
        js_free(to);
        return NULL;
    }
    return to;
}

static int
put_clients(struct json_t *to, const struct book *b, const struct verdict *v)
{
    struct json_t *writers = js_array();
    struct json_t *readers = js_array();
    int rc = 0;
    for (size_t i = 0; i < b->n_clients; i++)
        rc |= js_add_take(i < b->n_writers ? writers : readers,
                          json_client(b, &b->clients[i], &v->clients[i]));
    rc |= js_put_take(to, "writers", writers);
    return rc | js_put_take(to, "readers", readers);
}

char *
report_json(const struct book *b, const struct verdict *v)
{
    struct json_t *to = js_object();
    struct json_t *groups = js_array();
    const struct figure figures[] = {
        {"written", v->written},
        {"acknowledged", v->acked},
        {"failed", v->failed},
        {"unreported", v->unreported},
        {"reported_twice", v->reported_twice},
        {"standing", v->standing},
        {"standing_out_of_order", v->standing_out_of_order},
        {"misplaced_acknowledgements", v->misplaced_acks},
        {"never_replicated", v->never_replicated},
        {"never_replicated_read", v->never_replicated_read},
        {"written_twice", v->written_twice},
        {"lost", v->lost},
        {"read_twice", v->read_twice},
        {"out_of_order", v->out_of_order},
        {"disordered", v->disordered},
        {"dump_foreign", b->dump_foreign},
        {"torn", b->torn},
        {0},
    };
    int rc = put_all(to, figures);
    for (size_t i = 0; i < v->n_groups; i++)
        rc |= js_add_take(groups, json_group(&v->groups[i]));
    rc |= js_put_take(to, "groups", groups);
    rc |= put_clients(to, b, v);
    char *text = rc ? NULL : js_dump_pretty(to);
    js_free(to);
    return text;
}
