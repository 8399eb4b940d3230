/* Which rules are listed for an identity, and the reason for each. */
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
    assert_reason(v, n, "off", "is disabled");
    ck_assert_uint_eq(match_explain(head, &id, "orders", v, 2), 2);
    pt_identity_fini(&id);
}
END_TEST

struct reason {
    const char *rule; /* what stands in the rule "r" */
    const char *words;
};

/* One for each kind of loss that is not about other rules. */
static const struct reason reasons[] = {
    {"'match':{'topic':'x'}", "topic does not match \"orders\""},
    {"'match':{'role':'producer'}", "role does not match \"consumer\""},
    {"'match':{'client.id':'x'}", "client.id does not match \"c1\""},
    {"'match':{'attributes':{'zone':'x'}}",
     "attributes.zone does not match \"z1\""},
    {"'match':{'attributes':{'rack':'*'}}",
     "the client gives no attributes.rack"},
    {"'match':{'not':{'group':'b*'}}",
     "group \"billing\" is among those that \"not\" excludes"},
    {"'match':{'not':{'attributes':{'zone':'z1'}}}",
     "attributes.zone \"z1\" is among those that \"not\" excludes"},
    {"'match':{'share':0,'share.by':'client.id'}",
     "client.id \"c1\" is in bucket "},
    {"'match':{'share':0,'share.by':'client.id'}", " of 100, the share is 0"},
    {"'match':{'share':9,'share.by':'attributes.rack'}",
     "the client gives no attributes.rack, by which the share goes"},
    {"'enabled':false", "is disabled"},
    {"'valid_from':'2026-12-01T03:00:00+01:00'",
     "is not in force before 2026-12-01T02:00:00Z"},
    {"'valid_until':'2026-11-01T00:00:00Z'",
     "is not in force since 2026-11-01T00:00:00Z"},
};

START_TEST(reason_given)
{
    const struct reason *r = &reasons[_i];
    char put[300];
    (void)snprintf(put, sizeof(put),
                   "{'op':'put','rule':{'id':'r','priority':9,%s,"
                   "'cluster':'a'}}," MADE_RULE("rest", "0", "", "b"),
                   r->rule);
    made_push_at(&head, put, INT64_C(1795000000000)); /* 18 November 2026 */
    struct pt_identity id = made_identity(ID);
    struct candidate v[4];
    const size_t n = match_explain(head, &id, "orders", v, 4);
    ck_assert_uint_eq(n, 2);
    ck_assert(!v[0].won && v[1].won);
    assert_reason(v, n, "r", r->words);
    pt_identity_fini(&id);
}
END_TEST

/* Of more rules than are listed, those that match are, in their places. */
START_TEST(explained_what_matches_first)
{
    for (int i = 0; i < 60; i++) {
        char put[200];
        (void)snprintf(put, sizeof(put),
                       "{'op':'put','rule':{'id':'r%02d','priority':%d,"
                       "'enabled':%s,'match':{'cluster.code':['orders','o'],"
                       "'group':'%s'},'cluster':'a'}}",
                       i, i, i % 20 == 5 && i > 40 ? "false" : "true",
                       i % 20 == 5 ? "billing" : "audit");
        made_push(&head, put);
    }
    struct pt_identity id = made_identity(ID);
    struct candidate v[6];
    static const char *const wanted[] = {"r59", "r58", "r57",
                                         "r45", "r25", "r05"};
    ck_assert_uint_eq(match_explain(head, &id, "orders", v, 6), 6);
    for (size_t i = 0; i < 6; i++)
        ck_assert_str_eq(v[i].rule->key, wanted[i]);
    ck_assert_str_eq(v[3].reason, "is disabled");
    ck_assert(v[4].won && !v[5].won);
    ck_assert_uint_eq(match_explain(head, &id, "orders", v, 1), 1);
    ck_assert_str_eq(v[0].rule->key, "r25");
    pt_identity_fini(&id);
}
END_TEST

/* However many a code has: those that match are found, in force or not, and
 * not all of the others are looked at. */
START_TEST(explained_among_many)
{
    char *put = malloc(4 << 20);
    size_t n = 0;
    ck_assert_ptr_nonnull(put);
    for (int i = 0; i < 12000; i++)
        n += (size_t)sprintf(put + n,
                             "{'op':'put','rule':{'id':'r%05d','priority':%d,"
                             "'cluster':'a','match':{'cluster.code':'orders',"
                             "'client.id':'c%d'}}},",
                             i, i, i);
    (void)sprintf(put + n,
                  "{'op':'put','rule':{'id':'off','priority':-1,'cluster':'a',"
                  "'match':{'client.id':'c1'},'enabled':false}}");
    made_push(&head, put);
    free(put);
    struct pt_identity id = made_identity(ID);
    struct candidate v[5];
    ck_assert_uint_eq(match_explain(head, &id, "orders", v, 5), 5);
    ck_assert_str_eq(v[3].rule->key, "r00001");
    ck_assert(v[3].won);
    ck_assert_str_eq(v[4].rule->key, "off");
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
    Suite *s = suite_create("explain");
    TCase *t = tcase_create("explain");
    tcase_set_timeout(t, 120); /* sanitizers take their time */
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, explained);
    tcase_add_loop_test(t, reason_given, 0,
                        (int)(sizeof(reasons) / sizeof(reasons[0])));
    tcase_add_test(t, explained_with_the_winner);
    tcase_add_test(t, explained_what_matches_first);
    tcase_add_test(t, explained_among_many);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
