/* Change sets: all or nothing, every refusal with its place. */
#include "route-service/change.h"

#include "tests/unit/route-service/made.h"

static struct table *head;

static void
setup(void)
{
    head = table_empty();
    made_push(&head, MADE_CLUSTER("a") "," MADE_CLUSTER("b") "," MADE_FLOW(
                         "a", "b") "," MADE_RULE("r", "0", "'topic':'t'", "a"));
}

static void
teardown(void)
{
    table_unref(head);
}

/* ---- refusals ------------------------------------------------------------ */

struct refusal {
    const char *json;
    int code;
    const char *field, *value;
};

static const struct refusal bad_sets[] = {
    {"{}", ERR_INVALID, "operations", ""},
    {"{'operations':{}}", ERR_INVALID, "operations", "{}"},
    {"{'operations':[],'by':'me'}", ERR_INVALID, "by", "\"me\""},
    {"{'operations':[],'author':1}", ERR_INVALID, "author", "1"},
    {"{'operations':[],'expect_revision':-1}", ERR_INVALID, "expect_revision",
     "-1"},
    {"{'operations':[],'dry_run':'yes'}", ERR_INVALID, "dry_run", "\"yes\""},
    {"{'operations':[3]}", ERR_INVALID, "operations[0]", "3"},
    {"{'operations':[{'cluster':'a'}]}", ERR_INVALID, "operations[0].op", ""},
    {"{'operations':[{'op':'drop','cluster':'a'}]}", ERR_INVALID,
     "operations[0].op", "drop"},
    {"{'operations':[{'op':'delete'}]}", ERR_INVALID, "operations[0]", ""},
    {"{'operations':[{'op':'delete','cluster':'a','rule':'r'}]}", ERR_INVALID,
     "operations[0]", ""},
    {"{'operations':[{'op':'delete','rule':{}}]}", ERR_INVALID,
     "operations[0].rule", "{}"},
    {"{'operations':[{'op':'delete','rule':'r','force':true}]}", ERR_INVALID,
     "operations[0].force", "true"},
    {"{'operations':[" MADE_CLUSTER("c") ",{'op':'put','rule':'r'}]}",
     ERR_INVALID, "operations[1].rule", "\"r\""},
    {"{'operations':[{'op':'put','rule':{'id':'x','cluster':'a','match':"
     "{'topic':['t','[']}}}]}",
     ERR_INVALID, "operations[0].rule.match.topic[1]", "["},
    {"{'operations':[{'op':'put','rule':{'id':'x','cluster':'a',"
     "'standby':'a'}}]}",
     ERR_INVALID, "operations[0].rule.standby", "a"},
    {"{'operations':[" MADE_CLUSTER("c") "," MADE_CLUSTER("d") "," MADE_CLUSTER(
         "c") "]}",
     ERR_INVALID, "operations[2].cluster", "c"},
    {"{'operations':[{'op':'delete','rule':'r'}," MADE_RULE("r", "1", "",
                                                            "a") "]}",
     ERR_INVALID, "operations[1].rule", "r"},
};

START_TEST(not_decoded)
{
    const struct refusal *r = &bad_sets[_i];
    struct json_t *j = json_of(r->json);
    struct change c;
    struct err err;
    const int rc = change_decode(j, &c, &err);
    ck_assert_msg(rc == r->code, "%s: %s", r->json, err_name(rc));
    ck_assert_str_eq(err.field, r->field);
    ck_assert_str_eq(err.value, r->value);
    js_free(j);
}
END_TEST

static const struct refusal bad_operations[] = {
    {MADE_RULE("x", "0", "", "x9"), ERR_INVALID, "operations[0].rule.cluster",
     "x9"},
    {MADE_RULE("x", "0", "", "a") "," MADE_RULE("y", "0", "", "x9"),
     ERR_INVALID, "operations[1].rule.cluster", "x9"},
    {MADE_FLOW("a", "x9"), ERR_INVALID, "operations[0].flow.target", "x9"},
    {MADE_FLOW("x9", "a"), ERR_INVALID, "operations[0].flow.source", "x9"},
    {"{'op':'delete','cluster':'a'}", ERR_INVALID, "operations[0].cluster",
     "a"},
    {"{'op':'delete','rule':'r'},{'op':'delete','cluster':'a'}", ERR_INVALID,
     "operations[1].cluster", "a"},
    {"{'op':'delete','cluster':'x9'}", ERR_NOTFOUND, "operations[0].cluster",
     "x9"},
    {"{'op':'delete','flow':'b->a'}", ERR_NOTFOUND, "operations[0].flow",
     "b->a"},
    {MADE_CLUSTER("c") ",{'op':'delete','rule':'x9'}", ERR_NOTFOUND,
     "operations[1].rule", "x9"},
};

START_TEST(not_applied)
{
    const struct refusal *r = &bad_operations[_i];
    struct change c = made_change(r->json);
    struct json_t *before = table_encode(head);
    struct table *t = NULL;
    struct touched touched;
    struct err err;
    ck_assert_int_eq(change_apply(&c, head, &t, &touched, &err), r->code);
    ck_assert_str_eq(err.field, r->field);
    ck_assert_str_eq(err.value, r->value);
    ck_assert_ptr_null(t);
    struct json_t *after = table_encode(head);
    char *x = js_dump(before);
    char *y = js_dump(after);
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
    js_free(before);
    js_free(after);
    change_fini(&c);
}
END_TEST

START_TEST(stale)
{
    struct json_t *j = json_of("{'expect_revision':0,'operations':"
                               "[{'op':'delete','rule':'r'}]}");
    struct change c;
    struct table *t = NULL;
    struct touched touched;
    struct err err;
    ck_assert_int_eq(change_decode(j, &c, &err), 0);
    ck_assert_int_eq(change_apply(&c, head, &t, &touched, &err), ERR_CONFLICT);
    ck_assert_str_eq(err.field, "expect_revision");
    c.expect_revision = 1;
    ck_assert_int_eq(change_apply(&c, head, &t, &touched, &err), 0);
    ck_assert_int_eq(t->revision, 2);
    ck_assert_uint_eq(touched.n, 1);
    touched_fini(&touched);
    table_unref(t);
    change_fini(&c);
    js_free(j);
}
END_TEST

/* ---- what is applied ----------------------------------------------------- */

START_TEST(replaces_and_deletes)
{
    made_push(&head, "{'op':'delete','rule':'r'},"
                     "{'op':'delete','flow':'a->b'},"
                     "{'op':'delete','cluster':'a'},"
                     "{'op':'put','cluster':{'name':'b',"
                     "'bootstrap.servers':'new:1'}}");
    const struct table *t = head;
    ck_assert_uint_eq(table_count(t, KIND_CLUSTER), 1);
    ck_assert_uint_eq(table_count(t, KIND_FLOW), 0);
    ck_assert_uint_eq(table_count(t, KIND_RULE), 0);
    ck_assert_str_eq(
        table_find(t, KIND_CLUSTER, "b")->u.cluster.bootstrap_servers, "new:1");
    ck_assert_ptr_null(table_find(t, KIND_CLUSTER, "a"));
}
END_TEST

/* The cluster may stand behind the rule that needs it. */
START_TEST(order_in_the_set_is_free)
{
    made_push(&head, MADE_RULE("n", "0", "", "c") "," MADE_CLUSTER("c"));
    ck_assert_ptr_nonnull(table_find(head, KIND_RULE, "n"));
}
END_TEST

START_TEST(nothing_changes)
{
    struct change c = made_change(MADE_RULE("r", "0", "'topic':['t']", "a"));
    struct table *t = made_applied(&c, head);
    ck_assert_ptr_eq(t, head);
    table_unref(t);
    change_fini(&c);
}
END_TEST

START_TEST(stored_and_read_again)
{
    struct change c = made_change(MADE_RULE(
        "n", "7", "'group':'g*'", "b") ","
                                       "{'op':'delete','flow':'a->b'}");
    struct change again;
    struct err err;
    c.revision = 12;
    c.time_ms = 345;
    struct json_t *j = change_encode(&c);
    ck_assert_msg(change_decode_stored(j, &again, &err) == 0, "%s", err.text);
    struct json_t *k = change_encode(&again);
    char *x = js_dump(j);
    char *y = js_dump(k);
    ck_assert_str_eq(x, y);
    ck_assert_int_eq(again.revision, 12);
    free(x);
    free(y);
    js_free(j);
    js_free(k);
    change_fini(&c);
    change_fini(&again);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static Suite *
suite(void)
{
    Suite *s = suite_create("change sets");
    TCase *t = tcase_create("change sets");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, not_decoded, 0, COUNT(bad_sets));
    tcase_add_loop_test(t, not_applied, 0, COUNT(bad_operations));
    tcase_add_test(t, stale);
    tcase_add_test(t, replaces_and_deletes);
    tcase_add_test(t, order_in_the_set_is_free);
    tcase_add_test(t, nothing_changes);
    tcase_add_test(t, stored_and_read_again);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
