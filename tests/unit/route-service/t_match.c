/* Which rule wins, and why the others do not. */
#include "route-service/match.h"

#include "tests/unit/route-service/made.h"

#define ID                                                                     \
    "{'cluster.code':'orders','role':'consumer','group':'billing',"            \
    "'client.id':'c1','topics':['orders'],'attributes':{'zone':'z1'}}"

static struct table *head;

static void
setup(void)
{
    head = table_empty();
    made_push(&head, MADE_CLUSTER("a") "," MADE_CLUSTER("b"));
}

static void
teardown(void)
{
    table_unref(head);
}

static void
assert_winner(const char *identity, const char *topic, const char *rule)
{
    struct pt_identity id = made_identity(identity);
    const struct item *won = match_winner(head, &id, topic);
    if (rule) {
        ck_assert_ptr_nonnull(won);
        ck_assert_str_eq(won->key, rule);
    } else {
        ck_assert_msg(!won, "%s won", won ? won->key : "");
    }
    pt_identity_fini(&id);
}

struct one {
    const char *match;
    const char *topic;
    bool wins;
};

static const struct one ones[] = {
    {"", "orders", true},
    {"'cluster.code':'orders'", "orders", true},
    {"'cluster.code':'order'", "orders", false},
    {"'cluster.code':'ord*'", "orders", true},
    {"'cluster.code':'ord?rs'", "orders", true},
    {"'cluster.code':'ord?'", "orders", false},
    {"'cluster.code':['x','orders']", "orders", true},
    {"'cluster.code':['x','y*']", "orders", false},
    {"'role':'consumer'", "orders", true},
    {"'role':'producer'", "orders", false},
    {"'topic':'orders'", "orders", true},
    {"'topic':'orders'", "orders-eu", false},
    {"'topic':['orders','orders-*']", "orders-eu", true},
    {"'topic':'orders'", "", false},
    {"'topic':'*'", "", true},
    {"'topic':'?*'", "", false},
    {"'group':'billing'", "orders", true},
    {"'group':'b'", "orders", false},
    {"'client.id':'c?'", "orders", true},
    {"'client.id':'d?'", "orders", false},
    {"'attributes':{'zone':'z1'}", "orders", true},
    {"'attributes':{'zone':'z2'}", "orders", false},
    {"'attributes':{'zone':['z2','z*']}", "orders", true},
    {"'attributes':{'rack':'*'}", "orders", false},
    {"'attributes':{'zone':'z1','rack':'*'}", "orders", false},
};

START_TEST(one_rule)
{
    char put[512];
    (void)snprintf(put, sizeof(put),
                   "{'op':'put','rule':{'id':'r','match':{%s},"
                   "'cluster':'a'}}",
                   ones[_i].match);
    made_push(&head, put);
    assert_winner(ID, ones[_i].topic, ones[_i].wins ? "r" : NULL);
}
END_TEST

/* A client without group or client id: only `*` matches what it leaves out. */
START_TEST(left_out)
{
    static const char id[] = "{'cluster.code':'orders','role':'consumer'}";
    made_push(&head, MADE_RULE("g", "1", "'group':'?*'", "a"));
    made_push(&head, MADE_RULE("c", "1", "'client.id':'x'", "a"));
    assert_winner(id, "orders", NULL);
    made_push(&head, MADE_RULE("s", "0", "'group':'*'", "a"));
    assert_winner(id, "orders", "s");
}
END_TEST

START_TEST(priority_first)
{
    made_push(&head,
              MADE_RULE("low", "1", "'cluster.code':'orders','topic':'orders'",
                        "a") "," MADE_RULE("high", "2", "", "b"));
    assert_winner(ID, "orders", "high");
    made_push(&head, MADE_RULE("high", "-5", "", "b"));
    assert_winner(ID, "orders", "low");
}
END_TEST

START_TEST(literal_dimensions_then_dimensions_then_id)
{
    made_push(&head, MADE_RULE("e", "0", "", "a"));
    assert_winner(ID, "orders", "e");
    made_push(&head, MADE_RULE("d", "0", "'topic':'o*'", "a"));
    assert_winner(ID, "orders", "d");
    made_push(&head,
              MADE_RULE("c", "0", "'topic':'o*','group':'b*','role':'*'", "a"));
    assert_winner(ID, "orders", "c");
    made_push(&head, MADE_RULE("z", "0", "'topic':'orders'", "a"));
    assert_winner(ID, "orders", "z");
    made_push(&head, MADE_RULE("y", "0", "'group':'billing'", "b"));
    assert_winner(ID, "orders", "y");
    made_push(&head, MADE_RULE("x", "0",
                               "'group':['billing','bil*'],"
                               "'topic':'orders'",
                               "b"));
    assert_winner(ID, "orders", "x");
}
END_TEST

START_TEST(attributes_are_dimensions)
{
    made_push(&head,
              MADE_RULE("a1", "0", "'topic':'orders'",
                        "a") "," MADE_RULE("z1", "0",
                                           "'topic':'orders','attributes':"
                                           "{'zone':'z1'}",
                                           "b"));
    assert_winner(ID, "orders", "z1");
}
END_TEST

START_TEST(disabled_never_wins)
{
    made_push(&head, "{'op':'put','rule':{'id':'r','enabled':false,"
                     "'priority':9,'cluster':'a'}}");
    assert_winner(ID, "orders", NULL);
    made_push(&head, MADE_RULE("s", "0", "", "b"));
    assert_winner(ID, "orders", "s");
}
END_TEST

/* The order in which rules were put must not matter. */
START_TEST(deterministic)
{
    static const char *const rules[] = {
        MADE_RULE("r1", "0", "'topic':'o*'", "a"),
        MADE_RULE("r2", "0", "'group':'b*'", "b"),
        MADE_RULE("r3", "0", "'client.id':'c*'", "a"),
    };
    for (int i = 0; i < 3; i++)
        made_push(&head, rules[(_i + i) % 3]);
    assert_winner(ID, "orders", "r1");
}
END_TEST

/* ---- the table's order by cluster code ----------------------------------- */

static const char *
any_of(const char *const *v, size_t n)
{
    return v[(size_t)rand() % n];
}

static void
put_random_rule(int i)
{
    static const char *const codes[] = {
        "'a'", "'b'", "'c'",        "['a','b']",    "['b','c','b']",
        "'*'", "'?'", "['a','b*']", "['c','d','a']"};
    static const char *const topics[] = {"'t1'", "'t2'", "'t*'", "'*'"};
    char put[256];
    (void)snprintf(put, sizeof(put),
                   "{'op':'put','rule':{'id':'r%d','priority':%d,"
                   "'enabled':%s,'match':{'cluster.code':%s,'topic':%s},"
                   "'cluster':'a'}}",
                   i, rand() % 3, rand() % 8 ? "true" : "false",
                   any_of(codes, sizeof(codes) / sizeof(codes[0])),
                   any_of(topics, 4));
    made_push(&head, put);
}

/* Looks at every rule, in any order. */
static const struct item *
naive_winner(const struct pt_identity *id, const char *topic)
{
    const struct items rules = table_items(head, KIND_RULE);
    const struct item *won = NULL;
    for (size_t i = 0; i < rules.n; i++) {
        const struct item *rule = rules.v[i];
        if (rule->u.rule.enabled &&
            match_rule(&rule->u.rule, id, topic, NULL) &&
            (!won || match_compare(rule, won) < 0))
            won = rule;
    }
    free(rules.v);
    return won;
}

START_TEST(same_as_looking_at_all)
{
    static const char *const codes[] = {"a", "b", "c", "d", "bx", "none"};
    static const char *const topics[] = {"t1", "t2", "t3", "", "x"};
    srand((unsigned)_i);
    for (int n = 0; n < 40; n++) {
        put_random_rule(n);
        for (int k = 0; k < 30; k++) {
            char text[100];
            (void)snprintf(text, sizeof(text),
                           "{'cluster.code':'%s','role':'consumer'}",
                           codes[k % 6]);
            struct pt_identity id = made_identity(text);
            const char *topic = topics[k / 6];
            const struct item *wanted = naive_winner(&id, topic);
            struct candidate v[64];
            size_t won = 0;
            ck_assert_ptr_eq(match_winner(head, &id, topic), wanted);
            const size_t found = match_explain(head, &id, topic, v, 64);
            for (size_t i = 0; i < found; i++) {
                won += v[i].won;
                ck_assert(!v[i].won || v[i].rule == wanted);
                ck_assert(i == 0 ||
                          match_compare(v[i - 1].rule, v[i].rule) < 0);
            }
            ck_assert_uint_eq(won, wanted ? 1 : 0);
            pt_identity_fini(&id);
        }
    }
}
END_TEST

static const struct candidate *
candidate(const struct candidate *v, size_t n, const char *rule)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].rule->key, rule) == 0)
            return &v[i];
    ck_abort_msg("%s is no candidate", rule);
}

static void
assert_reason(const struct candidate *v, size_t n, const char *rule,
              const char *reason)
{
    const struct candidate *c = candidate(v, n, rule);
    ck_assert_msg(strstr(c->reason, reason) != NULL, "%s: %s", rule, c->reason);
}

START_TEST(explained)
{
    made_push(
        &head,
        MADE_RULE("won", "5", "'cluster.code':'orders'", "a") "," MADE_RULE("lower", "4", "", "b") "," MADE_RULE(
            "glob", "5", "'cluster.code':'o*'",
            "b") "," MADE_RULE("xtie", "5", "'group':'billing'",
                               "b") "," MADE_RULE("other", "9",
                                                  "'cluster.code':'payments'",
                                                  "b") "," MADE_RULE("group",
                                                                     "9",
                                                                     "'group':'audit'",
                                                                     "b") "," MADE_RULE("attr",
                                                                                        "9",
                                                                                        "'attributes':{'rack':'r1'}",
                                                                                        "b"));
    made_push(&head, "{'op':'put','rule':{'id':'off','priority':9,"
                     "'enabled':false,'cluster':'a'}}");
    struct pt_identity id = made_identity(ID);
    struct candidate v[20];
    const size_t n = match_explain(head, &id, "orders", v, 20);
    ck_assert_uint_eq(n, 7); /* all but the one for payments */
    ck_assert(candidate(v, n, "won")->won);
    assert_reason(v, n, "lower", "priority 4 is below 5 of won");
    assert_reason(v, n, "glob", "names 0 dimensions without wildcard, won 1");
    assert_reason(v, n, "xtie", "ties with won");
    assert_reason(v, n, "group", "group does not match \"billing\"");
    assert_reason(v, n, "attr", "gives no attributes.rack");
    assert_reason(v, n, "off", "disabled");
    ck_assert_uint_eq(match_explain(head, &id, "orders", v, 2), 2);
    pt_identity_fini(&id);
}
END_TEST

/* However few are listed, the one that decides is among them. */
START_TEST(explained_with_the_winner)
{
    made_push(&head,
              MADE_RULE("r1", "9", "'group':'audit'", "b") "," MADE_RULE(
                  "r2", "8", "'group':'audit'",
                  "b") "," MADE_RULE("r3", "7", "'group':'audit'",
                                     "b") "," MADE_RULE("r4", "1", "", "a"));
    struct pt_identity id = made_identity(ID);
    struct candidate v[2];
    ck_assert_uint_eq(match_explain(head, &id, "orders", v, 2), 2);
    ck_assert(!candidate(v, 2, "r1")->won);
    ck_assert(candidate(v, 2, "r4")->won);
    pt_identity_fini(&id);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("match");
    TCase *t = tcase_create("match");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, one_rule, 0, (int)(sizeof(ones) / sizeof(ones[0])));
    tcase_add_test(t, left_out);
    tcase_add_test(t, priority_first);
    tcase_add_test(t, literal_dimensions_then_dimensions_then_id);
    tcase_add_test(t, attributes_are_dimensions);
    tcase_add_test(t, disabled_never_wins);
    tcase_add_loop_test(t, deterministic, 0, 3);
    tcase_add_test(t, explained);
    tcase_add_test(t, explained_with_the_winner);
    tcase_add_loop_test(t, same_as_looking_at_all, 0, 8);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
