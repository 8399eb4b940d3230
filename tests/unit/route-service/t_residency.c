/*
 * since and previous over random histories, compared with a reference that
 * keeps every past list of rules and looks at all of them.  The seed is the
 * test's number: CK_RUN_CASE and the loop's number run one again.
 */
#include "route-service/residency.h"

#include <stdarg.h>

#include "common/base/xmem.h"
#include "route-service/match.h"
#include "route-service/snapshot.h"
#include "tests/unit/route-service/made.h"

#define STEPS      150
#define RULES      14 /* ids: few, so that they are often replaced */
#define IDENTITIES 24
#define TOPICS     3
#define KEPT_EVERY 20
#define KEPT                                                                   \
    ((STEPS + KEPT_EVERY - 1) / KEPT_EVERY) /* old tables, which
                      must stay as they were */

static const char *const topics[TOPICS] = {"t1", "t2", "other"};

/* ---- the reference ------------------------------------------------------- */

/* The rules as the operations left them; and who won at every revision. */
struct reference {
    struct item *rules[RULES];
    const struct item *won[STEPS + 2][IDENTITIES][TOPICS];
    struct item *versions[STEPS * 4 + 8]; /* keeps all of them */
    size_t n_versions;
};

static struct reference ref;
static struct pt_identity ids[IDENTITIES];

static int
number_of(const char *rule)
{
    return atoi(rule + 1);
}

static void
ref_apply(const struct change *c, const struct table *t)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct operation *op = &c->operations[i];
        if (op->kind != KIND_RULE)
            continue;
        struct item **at = &ref.rules[number_of(op->key)];
        if (op->item && *at && strcmp(op->item->json, (*at)->json) == 0)
            continue;
        *at = op->item;
        if (op->item)
            ref.versions[ref.n_versions++] = item_ref(op->item);
    }
    for (int k = 0; k < IDENTITIES * TOPICS; k++) {
        const struct item *won = NULL;
        for (int r = 0; r < RULES; r++) {
            const struct item *rule = ref.rules[r];
            if (rule && match_in_force(&rule->u.rule, t->time_ms) &&
                match_rule(&rule->u.rule, &ids[k / TOPICS], topics[k % TOPICS],
                           NULL) &&
                (!won || match_compare(rule, won) < 0))
                won = rule;
        }
        ref.won[t->revision][k / TOPICS][k % TOPICS] = won;
    }
}

static const char *
ref_cluster(int64_t revision, int i, int topic)
{
    const struct item *won = ref.won[revision][i][topic];
    return won ? won->u.rule.cluster : NULL;
}

/* By a walk over all revisions. */
static struct residency
ref_residency(int64_t revision, int i, int topic)
{
    struct residency r = {.rule = ref.won[revision][i][topic]};
    if (!r.rule)
        return r;
    r.cluster = r.rule->u.rule.cluster;
    r.rule_since = r.since = revision;
    while (r.rule_since > 1 && ref.won[r.rule_since - 1][i][topic] == r.rule)
        r.rule_since--;
    while (r.since > 1 &&
           str_equal(ref_cluster(r.since - 1, i, topic), r.cluster))
        r.since--;
    int64_t before = r.since - 1;
    while (before > 0 && !ref_cluster(before, i, topic))
        before--;
    r.previous = before > 0 ? ref_cluster(before, i, topic) : NULL;
    if (str_equal(r.previous, r.cluster))
        r.previous = NULL;
    return r;
}

/* ---- random histories ---------------------------------------------------- */

static const char *
any(const char *const *v)
{
    int n = 0;
    while (v[n])
        n++;
    return v[rand() % n];
}

#define ANY(...) any((const char *const[]){__VA_ARGS__, NULL})

static void
append(char *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsprintf(text + strlen(text), format, args);
    va_end(args);
}

static void
append_window(char *text, int64_t now_ms)
{
    int at = (int)(now_ms / 1000);
    for (int i = 0; i < 2; i++) {
        at += 1 + rand() % 20 - (i ? 0 : 10);
        if (at > 0 && rand() % 6 == 0)
            append(text, ",'%s':'1970-01-01T00:%02d:%02dZ'",
                   i ? "valid_until" : "valid_from", at / 60, at % 60);
    }
}

static void
append_rule(char *text, int number, int64_t now_ms)
{
    append(text, "{'op':'put','rule':{'id':'r%d','priority':%d,'enabled':%s",
           number, rand() % 3, rand() % 10 ? "true" : "false");
    append_window(text, now_ms);
    append(text, ",'cluster':'%s','comment':'%s','match':{'role':%s",
           ANY("a", "b", "c"), ANY("", "x"), ANY("'*'", "'consumer'", "'?*'"));
    if (rand() % 4)
        append(text, ",'cluster.code':%s",
               ANY("'c1'", "'c2'", "['c1','c2']", "['c1','c1']", "'c*'"));
    if (rand() % 2)
        append(text, ",'topic':%s",
               ANY("'t1'", "'t2'", "['t1','t2']", "'t*'", "['t1','o*']"));
    if (rand() % 3 == 0)
        append(text, ",'group':%s", ANY("'g1'", "'g2'", "'g?'"));
    if (rand() % 3 == 0)
        append(text, ",'attributes':{'%s':%s}", ANY("flink.id", "zone"),
               ANY("'1'", "['1','2']", "'*'"));
    if (rand() % 6 == 0)
        append(text, ",'not':{%s}",
               ANY("'group':'g1'", "'topic':'t1'", "'client.id':'x*'"));
    if (rand() % 6 == 0)
        append(text, ",'share':%d,'share.by':'%s'", rand() % 101,
               ANY("client.id", "group", "topic"));
    append(text, "}}}");
}

/* The rule as it is, but for one thing. */
static void
append_flip(char *text, const struct item *rule)
{
    struct pt_rule r = rule->u.rule;
    char cluster[] = {(char)('a' + rand() % 3), '\0'};
    char group[] = "group";
    char topic[] = "topic";
    char comment[] = {(char)('x' + rand() % 3), '\0'};
    if (r.share_by && rand() % 2)
        r.share_by = strcmp(r.share_by, "group") == 0 ? topic : group;
    else if (rand() % 3)
        r.cluster = cluster;
    else
        r.comment = comment;
    struct json_t *j = pt_rule_encode(&r);
    char *json = js_dump(j);
    append(text, "{'op':'put','rule':%s}", json);
    free(json);
    js_free(j);
}

static void
append_operation(char *text, const struct table *head, int number)
{
    char key[8];
    (void)snprintf(key, sizeof(key), "r%d", number);
    const struct item *rule = table_find(head, KIND_RULE, key);
    if (rule && rand() % 5 == 0)
        append(text, "{'op':'delete','rule':'%s'}", key);
    else if (rule && rand() % 3)
        append_flip(text, rule);
    else
        append_rule(text, number, head->time_ms);
}

/* Up to three operations on different rules, now and then on a cluster, now
 * and then none. */
static struct change
random_change(const struct table *head)
{
    char text[8192] = "";
    const int first = rand() % RULES;
    const int n = rand() % 4;
    for (int i = 0; i < n; i++) {
        append(text, i ? "," : "");
        append_operation(text, head, (first + i * 5) % RULES);
    }
    if (rand() % 10 == 0)
        append(text,
               "%s{'op':'put','flow':{'source':'a','target':'b',"
               "'separator':'%s'}}",
               n ? "," : "", ANY("-", "_", "."));
    return made_change(text);
}

static void
make_identities(void)
{
    for (int i = 0; i < IDENTITIES; i++) {
        char text[512] = "";
        append(text, "{'cluster.code':'%s','role':'%s'", ANY("c1", "c2", "d"),
               ANY("consumer", "producer"));
        if (rand() % 3)
            append(text, ",'group':'%s'", ANY("g1", "g2", "h"));
        if (rand() % 2)
            append(text, ",'client.id':'%s'", ANY("x1", "x2", "y"));
        if (rand() % 2)
            append(text, ",'attributes':{'%s':'%s','n':'1'}",
                   ANY("flink.id", "zone"), ANY("1", "2", "3"));
        append(text, "}");
        ids[i] = made_identity(text);
    }
}

/* ---- one history --------------------------------------------------------- */

static struct table *
start(void)
{
    struct table *head = table_empty();
    memset(&ref, 0, sizeof(ref));
    make_identities();
    made_push(&head,
              MADE_CLUSTER("a") "," MADE_CLUSTER("b") "," MADE_CLUSTER("c"));
    return head;
}

static void
stop(void)
{
    for (int i = 0; i < IDENTITIES; i++)
        pt_identity_fini(&ids[i]);
    for (size_t i = 0; i < ref.n_versions; i++)
        item_unref(ref.versions[i]);
}

static struct residency
residency_of(const struct table *t, int i, int topic)
{
    return table_residency(t, &ids[i], topics[topic]);
}

static void
assert_equal(struct residency r, struct residency want, int64_t revision)
{
    ck_assert_msg(str_equal(r.rule ? r.rule->json : NULL,
                            want.rule ? want.rule->json : NULL),
                  "%s instead of %s", r.rule ? r.rule->json : "nothing",
                  want.rule ? want.rule->json : "nothing");
    const char *rule = r.rule ? r.rule->json : "";
    ck_assert_msg(str_equal(r.cluster, want.cluster), "%s", rule);
    ck_assert_msg(r.since == want.since, "at %lld: since %lld, not %lld: %s",
                  (long long)revision, (long long)r.since,
                  (long long)want.since, rule);
    ck_assert_msg(r.rule_since == want.rule_since,
                  "at %lld: rule_since %lld, not %lld: %s", (long long)revision,
                  (long long)r.rule_since, (long long)want.rule_since, rule);
    ck_assert_msg(str_equal(r.previous, want.previous),
                  "at %lld: previous %s, not %s: %s", (long long)revision,
                  r.previous, want.previous, rule);
}

static void
assert_as_reference(const struct table *t)
{
    for (int i = 0; i < IDENTITIES; i++)
        for (int k = 0; k < TOPICS; k++) {
            assert_equal(residency_of(t, i, k),
                         ref_residency(t->revision, i, k), t->revision);
            ck_assert_ptr_eq(match_winner(t, &ids[i], topics[k]),
                             ref.won[t->revision][i][k]);
        }
}

static bool
is_touched(const struct touched *touched, const struct item *rule)
{
    for (size_t i = 0; i < touched->n; i++)
        if (touched->rules[i] == rule)
            return true;
    return false;
}

/* Who did not move keeps his since, who moved gets the new revision; and a
 * rule that won or wins now is said to be touched. */
static void
assert_step(const struct table *from, const struct table *to,
            const struct touched *touched)
{
    for (int i = 0; i < IDENTITIES; i++)
        for (int k = 0; k < TOPICS; k++) {
            const struct residency a = residency_of(from, i, k);
            const struct residency b = residency_of(to, i, k);
            if (b.rule && str_equal(a.cluster, b.cluster))
                ck_assert_int_eq(a.since, b.since);
            else if (b.rule)
                ck_assert_int_eq(b.since, to->revision);
            if (a.rule == b.rule)
                continue;
            ck_assert(is_touched(touched, a.rule) ||
                      is_touched(touched, b.rule));
            ck_assert_int_eq(b.rule_since, b.rule ? to->revision : 0);
        }
}

/* Applies it unless nothing comes of it. */
static bool
step(struct table **head, const struct change *c)
{
    struct touched touched;
    struct table *t = NULL;
    struct err err;
    ck_assert_msg(change_apply(c, *head, &t, &touched, &err) == 0, "%s",
                  err.text);
    const bool changed = t != *head;
    ck_assert_int_eq(t->revision, (*head)->revision + changed);
    if (changed) {
        ref_apply(c, t);
        assert_step(*head, t, &touched);
    }
    touched_fini(&touched);
    table_unref(*head);
    *head = t;
    return changed;
}

static struct change
next_change(const struct table *head, int64_t *clock_ms)
{
    struct change c = random_change(head);
    *clock_ms += rand() % 6000 - (rand() % 8 == 0 ? 20000 : 0);
    c.time_ms = *clock_ms > 0 ? *clock_ms : 0;
    return c;
}

/* ---- properties ---------------------------------------------------------- */

START_TEST(as_the_reference)
{
    srand((unsigned)_i + 1);
    struct table *head = start();
    int64_t clock_ms = 20000;
    for (int n = 0; n < STEPS; n++) {
        struct change c = next_change(head, &clock_ms);
        if (step(&head, &c))
            assert_as_reference(head);
        change_fini(&c);
    }
    ck_assert_int_gt(head->revision, STEPS / 2);
    table_unref(head);
    stop();
}
END_TEST

struct kept {
    struct table *t;
    struct residency v[IDENTITIES][TOPICS];
    char *snapshot;
};

static void
keep(struct kept *k, struct table *t)
{
    size_t len;
    k->t = table_ref(t);
    k->snapshot = table_snapshot(t, &len);
    for (int i = 0; i < IDENTITIES * TOPICS; i++)
        k->v[i / TOPICS][i % TOPICS] = residency_of(t, i / TOPICS, i % TOPICS);
}

static void
assert_kept(struct kept *k)
{
    size_t len;
    char *snapshot = table_snapshot(k->t, &len);
    ck_assert_str_eq(snapshot, k->snapshot);
    for (int i = 0; i < IDENTITIES * TOPICS; i++)
        assert_equal(residency_of(k->t, i / TOPICS, i % TOPICS),
                     k->v[i / TOPICS][i % TOPICS], k->t->revision);
    table_unref(k->t);
    free(snapshot);
    free(k->snapshot);
}

/* Tables that somebody holds stay as they were, whatever is built on them. */
START_TEST(old_tables_stay)
{
    static struct kept kept[KEPT];
    srand((unsigned)_i + 1);
    struct table *head = start();
    int64_t clock_ms = 20000;
    for (int n = 0; n < STEPS; n++) {
        struct change c = next_change(head, &clock_ms);
        struct table *dry = made_applied(&c, head); /* one that is not taken */
        (void)step(&head, &c);
        if (n % KEPT_EVERY == 0)
            keep(&kept[n / KEPT_EVERY], head);
        table_unref(dry);
        change_fini(&c);
    }
    for (int i = 0; i < KEPT; i++)
        assert_kept(&kept[i]);
    table_unref(head);
    stop();
}
END_TEST

static struct table *
by_snapshot(const struct table *t)
{
    size_t len;
    size_t again_len;
    struct table *copy = NULL;
    struct err err;
    char *text = table_snapshot(t, &len);
    ck_assert_uint_eq(strlen(text), len);
    ck_assert_msg(table_from_snapshot(text, len, &copy, &err) == 0, "%s",
                  err.text);
    char *again = table_snapshot(copy, &again_len);
    ck_assert_str_eq(text, again);
    ck_assert_int_eq(table_next_edge(copy), table_next_edge(t));
    free(text);
    free(again);
    return copy;
}

/* The change set as another server reads it from the store. */
static void
replay(struct table **other, const struct change *c)
{
    struct json_t *j = change_encode(c);
    struct change again;
    struct err err;
    ck_assert_msg(change_decode_stored(j, &again, &err) == 0, "%s", err.text);
    struct table *t = made_applied(&again, *other);
    ck_assert_ptr_ne(t, *other);
    table_unref(*other);
    *other = t;
    change_fini(&again);
    js_free(j);
}

static void
assert_same_text(const struct table *a, const struct table *b)
{
    size_t len;
    char *x = table_snapshot(a, &len);
    char *y = table_snapshot(b, &len);
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
}

/* One server replays all change sets, one goes on from a snapshot again and
 * again, its history forgotten: both have the same answers at every
 * revision. */
START_TEST(same_on_every_server)
{
    srand((unsigned)_i + 1);
    struct table *head = start();
    struct table *second = table_empty();
    made_push(&second,
              MADE_CLUSTER("a") "," MADE_CLUSTER("b") "," MADE_CLUSTER("c"));
    struct table *pruned = by_snapshot(head);
    int64_t clock_ms = 20000;
    for (int n = 0; n < STEPS; n++) {
        struct change c = next_change(head, &clock_ms);
        if (step(&head, &c)) {
            c.revision = head->revision;
            replay(&second, &c);
            replay(&pruned, &c);
        }
        change_fini(&c);
        assert_same_text(head, second);
        assert_same_text(head, pruned);
        for (int i = 0; i < IDENTITIES * TOPICS; i++) {
            const struct residency r =
                residency_of(head, i / TOPICS, i % TOPICS);
            assert_equal(residency_of(second, i / TOPICS, i % TOPICS), r, n);
            assert_equal(residency_of(pruned, i / TOPICS, i % TOPICS), r, n);
        }
        if (n % 5 == _i % 5) {
            struct table *fresh = by_snapshot(pruned);
            table_unref(pruned);
            pruned = fresh;
        }
    }
    table_unref(head);
    table_unref(second);
    table_unref(pruned);
    stop();
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("residency");
    TCase *t = tcase_create("residency");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, as_the_reference, 0, 40);
    tcase_add_loop_test(t, old_tables_stay, 0, 6);
    tcase_add_loop_test(t, same_on_every_server, 0, 6);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
