/*
 * Random rules over random change sets, asked by random identities.  Input: a
 * string of choices; they only ever make well-formed rules, so that nearly all
 * of the time is spent in matching.
 *
 * The index must find what a look at every rule finds; `since`, `previous` and
 * `rule_since` must be what a walk over all past tables finds; explain must
 * name the same winner; warnings must come to an end.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "route-service/change.h"
#include "route-service/limits.h"
#include "route-service/match.h"
#include "route-service/residency.h"
#include "route-service/resolve.h"
#include "route-service/table.h"
#include "tests/fuzz/fuzz.h"

#define REVISIONS_MAX 16
#define RULES         6 /* ids: so few that they are often replaced */
#define SECOND        1000

/* ---- making change sets ----------------------------------------------------- */

static const char *
choose(struct fuzz_input *in, const char *const *words, size_t n)
{
    return words[fuzz_below(in, n)];
}

#define CHOOSE(in, ...)                                                        \
    choose(in, (const char *const[]){__VA_ARGS__},                             \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static const char *
pattern(struct fuzz_input *in)
{
    return CHOOSE(in, "x", "y", "z", "*", "x*", "?", "*y", "xy", "??", "z*");
}

/* "key":[patterns], */
static void
put_patterns(struct fuzz_input *in, struct buf *b, const char *key)
{
    const size_t n = 1 + fuzz_below(in, 3);
    buf_printf(b, "\"%s\":[", key);
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s\"%s\"", i ? "," : "", pattern(in));
    buf_puts(b, "],");
}

static void
cut_comma(struct buf *b)
{
    if (b->len > 0 && b->data[b->len - 1] == ',')
        b->data[--b->len] = '\0';
}

static void
put_dimensions(struct fuzz_input *in, struct buf *b)
{
    const uint8_t which = fuzz_byte(in);
    if (which & 1)
        put_patterns(in, b, "cluster.code");
    if (which & 2)
        buf_printf(b, "\"role\":\"%s\",",
                   CHOOSE(in, "consumer", "producer", "*", "c*"));
    if (which & 4)
        put_patterns(in, b, "topic");
    if (which & 8)
        put_patterns(in, b, "group");
    if (which & 16)
        put_patterns(in, b, "client.id");
    if (which & 96) {
        buf_puts(b, "\"attributes\":{");
        if (which & 32)
            put_patterns(in, b, "p");
        if (which & 64)
            put_patterns(in, b, "q");
        cut_comma(b);
        buf_puts(b, "},");
    }
}

static void
put_match(struct fuzz_input *in, struct buf *b)
{
    buf_puts(b, "\"match\":{");
    put_dimensions(in, b);
    const uint8_t more = fuzz_byte(in);
    if (more & 1) {
        buf_puts(b, "\"not\":{");
        put_dimensions(in, b);
        cut_comma(b);
        buf_puts(b, "},");
    }
    if (more & 2)
        buf_printf(b, "\"share\":%zu,\"share.by\":\"%s\",", fuzz_below(in, 101),
                   CHOOSE(in, "client.id", "group", "topic", "cluster.code",
                          "attributes.p"));
    cut_comma(b);
    buf_puts(b, "},");
}

/* Within the first seconds of 1970, as are the times of the change sets. */
static void
put_moment(struct fuzz_input *in, struct buf *b, const char *key)
{
    buf_printf(b, "\"%s\":\"1970-01-01T00:00:%02zuZ\",", key,
               fuzz_below(in, 60));
}

static void
put_rule(struct fuzz_input *in, struct buf *b, size_t id)
{
    const uint8_t which = fuzz_byte(in);
    buf_printf(b, "{\"op\":\"put\",\"rule\":{\"id\":\"r%zu\",", id);
    if (which & 1)
        buf_printf(b, "\"priority\":%zu,", fuzz_below(in, 3));
    if (which & 2)
        buf_printf(b, "\"enabled\":%s,", which & 4 ? "true" : "false");
    if (which & 8)
        put_moment(in, b, "valid_from");
    if (which & 16)
        put_moment(in, b, "valid_until");
    if (which & 32)
        buf_puts(b, "\"fence\":true,");
    put_match(in, b);
    const size_t to = fuzz_below(in, 3);
    if (which & 64)
        buf_printf(b, "\"standby\":\"%c\",", "bca"[to]);
    buf_printf(b, "\"cluster\":\"%c\"}},", "abc"[to]);
}

/* A change set as a text: up to four rules put or deleted. */
static void
put_change(struct fuzz_input *in, struct buf *b)
{
    buf_puts(b, "{\"operations\":[");
    const size_t first = fuzz_below(in, RULES);
    const size_t n = fuzz_below(in, 4);
    for (size_t i = first; i < first + n; i++) {
        const size_t id = i % RULES;
        if (fuzz_below(in, 4) == 0)
            buf_printf(b, "{\"op\":\"delete\",\"rule\":\"r%zu\"},", id);
        else
            put_rule(in, b, id);
    }
    cut_comma(b);
    buf_puts(b, "]}");
    FUZZ_CHECK(!buf_failed(b), "%zu bytes", b->len);
}

/* ---- past tables -------------------------------------------------------------- */

struct past_tables {
    struct table *v[REVISIONS_MAX];
    size_t n;
};

static struct table *
newest(const struct past_tables *p)
{
    return p->v[p->n - 1];
}

/* Applies the text at `time_ms`; what is refused leaves no trace. */
static void
apply(struct past_tables *p, const char *text, int64_t time_ms)
{
    struct err err = {0};
    struct json_t *j = NULL;
    struct change c;
    struct touched touched;
    struct table *t = NULL;
    int rc = js_parse(text, strlen(text), &j, &err);
    FUZZ_CHECK(rc == 0, "%s: %s", text, err.text);
    rc = change_decode(j, &c, &err);
    js_free(j);
    if (rc)
        return;
    c.time_ms = time_ms;
    rc = change_apply(&c, newest(p), &t, &touched, &err);
    if (rc == 0) {
        struct strlist warnings = {0};
        change_warnings(&c, newest(p), t, &warnings);
        FUZZ_CHECK(warnings.n <= LIMIT_WARNINGS, "%zu", warnings.n);
        strlist_fini(&warnings);
        touched_fini(&touched);
        if (t == newest(p))
            table_unref(t);
        else
            p->v[p->n++] = t;
    }
    change_fini(&c);
}

static void
begin(struct past_tables *p)
{
    static const char text[] =
        "{\"operations\":["
        "{\"op\":\"put\",\"cluster\":{\"name\":\"a\",\"bootstrap.servers\":\"h:1\"}},"
        "{\"op\":\"put\",\"cluster\":{\"name\":\"b\",\"bootstrap.servers\":\"h:1\"}},"
        "{\"op\":\"put\",\"cluster\":{\"name\":\"c\",\"bootstrap.servers\":\"h:1\"}}]}";
    p->v[0] = table_empty();
    p->n = 1;
    apply(p, text, 0);
    FUZZ_CHECK(p->n == 2, "the clusters are refused");
}

/* ---- the plain ways --------------------------------------------------------- */

static bool
in_force(const struct table *t, const struct item *item)
{
    const struct pt_rule *r = &item->u.rule;
    return r->enabled && r->valid_from <= t->time_ms &&
           t->time_ms < r->valid_until;
}

static const struct item *
plain_winner(const struct table *t, const struct pt_identity *id,
             const char *topic)
{
    const struct items all = table_items(t, KIND_RULE);
    const struct item *best = NULL;
    for (size_t i = 0; i < all.n; i++)
        if (in_force(t, all.v[i]) &&
            match_rule(&all.v[i]->u.rule, id, topic, NULL) &&
            (!best || match_compare(all.v[i], best) < 0))
            best = all.v[i];
    free(all.v);
    return best;
}

static const char *
cluster_of(const struct item *rule)
{
    return rule ? rule->u.rule.cluster : NULL;
}

static struct residency
plain_residency(const struct past_tables *p, const struct pt_identity *id,
                const char *topic)
{
    size_t at = p->n - 1;
    struct residency r = {.rule = plain_winner(p->v[at], id, topic)};
    if (!r.rule)
        return r;
    r.cluster = cluster_of(r.rule);
    r.since = r.rule_since = p->v[at]->revision;
    bool same_rule = true;
    while (at-- > 0) {
        const struct item *before = plain_winner(p->v[at], id, topic);
        if (!before || strcmp(cluster_of(before), r.cluster) != 0)
            break;
        same_rule &= before == r.rule;
        r.since = p->v[at]->revision;
        r.rule_since = same_rule ? p->v[at]->revision : r.rule_since;
    }
    const char *other = NULL;
    for (size_t i = at + 1; i-- > 0 && !other;)
        other = cluster_of(plain_winner(p->v[i], id, topic));
    if (other && strcmp(other, r.cluster) != 0)
        r.previous = other;
    return r;
}

/* What it was that failed, for people. */
static void
describe(const struct table *t, const struct pt_identity *id, const char *topic)
{
    struct json_t *table = table_encode(t);
    struct json_t *identity = pt_identity_encode(id);
    char *table_text = js_dump(table);
    char *identity_text = js_dump(identity);
    (void)fprintf(stderr, "at %lld ms: %s\nfor \"%s\" of %s\n",
                  (long long)t->time_ms, table_text, topic, identity_text);
    free(table_text);
    free(identity_text);
    js_free(table);
    js_free(identity);
}

/* ---- asking ------------------------------------------------------------------- */

static const char *
shown(const char *s)
{
    return s ? s : "(none)";
}

static const char *
name_of(const struct item *rule)
{
    return rule ? rule->key : "(none)";
}

static void
check_explain(const struct table *t, const struct pt_identity *id,
              const char *topic, const struct item *winner)
{
    struct candidate v[RULES];
    const struct item *won = NULL;
    const size_t n = match_explain(t, id, topic, v, RULES);
    FUZZ_CHECK(n <= RULES, "%zu", n);
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(v[i].reason[0], "no reason for %s", v[i].rule->key);
        FUZZ_CHECK(i == 0 || match_compare(v[i - 1].rule, v[i].rule) < 0,
                   "%s stands before %s", v[i - 1].rule->key, v[i].rule->key);
        if (v[i].won)
            won = v[i].rule;
    }
    FUZZ_CHECK(won == winner, "explain says %s, %s won", name_of(won),
               name_of(winner));
}

static void
ask(const struct past_tables *p, const struct pt_identity *id,
    const char *topic)
{
    const struct table *t = newest(p);
    const struct residency got = table_residency(t, id, topic);
    const struct residency plain = plain_residency(p, id, topic);
    const struct item *winner = match_winner(t, id, topic);
    if (winner != plain.rule || got.rule != plain.rule ||
        got.since != plain.since || got.rule_since != plain.rule_since)
        describe(t, id, topic);
    FUZZ_CHECK(winner == plain.rule && got.rule == plain.rule,
               "%s, table_residency %s instead of %s", name_of(winner),
               name_of(got.rule), name_of(plain.rule));
    check_explain(t, id, topic, plain.rule);
    if (!plain.rule)
        return;
    FUZZ_CHECK(got.since == plain.since && got.rule_since == plain.rule_since,
               "since %lld, rule_since %lld instead of %lld, %lld",
               (long long)got.since, (long long)got.rule_since,
               (long long)plain.since, (long long)plain.rule_since);
    FUZZ_CHECK(strcmp(shown(got.previous), shown(plain.previous)) == 0,
               "previous %s instead of %s", shown(got.previous),
               shown(plain.previous));
}

static char *
copy(const char *s)
{
    return s ? strdup(s) : NULL;
}

static const char *
value(struct fuzz_input *in)
{
    return CHOOSE(in, "x", "y", "z", "xy", "", "zz", NULL);
}

static void
make_identity(struct fuzz_input *in, struct pt_identity *id)
{
    *id = (struct pt_identity){
        .cluster_code = copy(CHOOSE(in, "x", "y", "z", "xy")),
        .role = copy(CHOOSE(in, "consumer", "producer")),
        .group = copy(value(in)),
        .client_id = copy(value(in)),
    };
    const char *p = value(in);
    const char *q = value(in);
    const char *topic = value(in);
    const int rc = (p ? props_set(&id->attrs, "p", p) : 0) |
                   (q ? props_set(&id->attrs, "q", q) : 0) |
                   (topic ? strlist_add(&id->topics, topic) : 0);
    FUZZ_CHECK(rc == 0, "memory");
}

static void
ask_everybody(struct fuzz_input *in, const struct past_tables *p)
{
    for (int i = 0; i < 2; i++) {
        struct pt_identity id;
        struct pt_answer a;
        make_identity(in, &id);
        ask(p, &id, resolve_topic(&id, 0));
        resolve(newest(p), &id, &a);
        FUZZ_CHECK(a.n_routes == 1, "%zu routes", a.n_routes);
        pt_answer_fini(&a);
        pt_identity_fini(&id);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct past_tables p;
    struct buf text;
    int64_t time_ms = 0;
    buf_init(&text, 1 << 16);
    begin(&p);
    while (in.left > 0 && p.n < REVISIONS_MAX) {
        buf_reset(&text);
        put_change(&in, &text);
        time_ms += (int64_t)fuzz_below(&in, 16) * SECOND;
        apply(&p, text.data, time_ms);
        ask_everybody(&in, &p);
    }
    for (size_t i = 0; i < p.n; i++)
        table_unref(p.v[i]);
    buf_fini(&text);
    return 0;
}
