/* Answers: since and previous from history, views from flows. */
#include "route-service/resolve.h"

#include "route-service/view.h"
#include "tests/unit/route-service/made.h"

#define ID                                                                     \
    "{'cluster.code':'c','role':'consumer','group':'g',"                       \
    "'topics':['orders']}"
#define TO(cluster) MADE_RULE("r", "0", "'cluster.code':'c'", cluster)

static struct table *head;

static void
setup(void)
{
    head = table_empty();
    made_push(&head, MADE_CLUSTER("a") "," MADE_CLUSTER("b") "," MADE_CLUSTER(
                         "c")); /* revision 1 */
}

static void
teardown(void)
{
    table_unref(head);
}

static struct pt_answer
answer_to(const char *identity)
{
    struct pt_identity id = made_identity(identity);
    struct pt_answer a;
    resolve(head, &id, &a);
    pt_identity_fini(&id);
    return a;
}

static void
assert_residency(const char *cluster, int64_t since, const char *previous)
{
    struct pt_answer a = answer_to(ID);
    ck_assert_uint_eq(a.n_routes, 1);
    ck_assert_pstr_eq(a.routes[0].cluster, cluster);
    ck_assert_int_eq(a.routes[0].since, since);
    ck_assert_pstr_eq(a.routes[0].previous, previous);
    pt_answer_fini(&a);
}

/* ---- since and previous -------------------------------------------------- */

START_TEST(no_rule)
{
    struct pt_answer a = answer_to(ID);
    ck_assert_int_eq(a.revision, 1);
    ck_assert_ptr_null(a.routes[0].cluster);
    ck_assert_ptr_null(a.routes[0].rule);
    ck_assert_int_eq(a.routes[0].since, 0);
    ck_assert_uint_eq(a.routes[0].n_view, 0);
    ck_assert_uint_eq(a.n_clusters, 0);
    pt_answer_fini(&a);
}
END_TEST

START_TEST(flips_and_unrelated_changes)
{
    made_push(&head, TO("a")); /* 2 */
    assert_residency("a", 2, NULL);
    made_push(&head, MADE_RULE("x", "9", "'cluster.code':'y'", "b"));
    made_push(&head, MADE_FLOW("a", "b"));
    assert_residency("a", 2, NULL);
    made_push(&head, TO("b")); /* 5 */
    assert_residency("b", 5, "a");
    made_push(&head, MADE_RULE("x", "9", "'cluster.code':'y'", "a"));
    made_push(&head, MADE_FLOW("b", "a"));
    assert_residency("b", 5, "a");
    made_push(&head, TO("a")); /* 8 */
    assert_residency("a", 8, "b");
    made_push(&head, TO("c")); /* 9 */
    assert_residency("c", 9, "a");
}
END_TEST

/* Another rule that leads to the same cluster is the same stay. */
START_TEST(winner_changes_cluster_stays)
{
    made_push(&head, TO("a"));
    made_push(&head, TO("b")); /* 3 */
    made_push(&head, MADE_RULE("s", "5", "'group':'g'", "b"));
    made_push(&head, "{'op':'delete','rule':'r'}");
    struct pt_answer a = answer_to(ID);
    ck_assert_str_eq(a.routes[0].rule, "s");
    pt_answer_fini(&a);
    assert_residency("b", 3, "a");
}
END_TEST

START_TEST(time_without_route)
{
    made_push(&head, TO("a"));                      /* 2 */
    made_push(&head, "{'op':'delete','rule':'r'}"); /* 3 */
    assert_residency(NULL, 0, NULL);
    made_push(&head, MADE_RULE("x", "0", "'role':'producer'", "c"));
    made_push(&head, TO("b")); /* 5 */
    assert_residency("b", 5, "a");
    made_push(&head, "{'op':'delete','rule':'r'}");
    made_push(&head, TO("b")); /* 7: a stay of its own, on no other place */
    assert_residency("b", 7, NULL);
}
END_TEST

START_TEST(previous_cluster_is_deleted)
{
    made_push(&head, TO("a"));
    made_push(&head, TO("b")); /* 3 */
    made_push(&head, "{'op':'delete','cluster':'a'}");
    assert_residency("b", 3, "a");
    struct pt_answer a = answer_to(ID);
    ck_assert_uint_eq(a.n_clusters, 1);
    pt_answer_fini(&a);
}
END_TEST

START_TEST(topics_apart)
{
    made_push(&head, MADE_FLOW("a", "b") "," MADE_FLOW("b", "c") "," MADE_RULE(
                         "t", "0", "'topic':'t'",
                         "a") "," MADE_RULE("u", "0", "'topic':'u*'", "b"));
    struct pt_answer a = answer_to("{'cluster.code':'c','role':'producer',"
                                   "'topics':['u1','t','none']}");
    ck_assert_uint_eq(a.n_routes, 3);
    ck_assert_str_eq(a.routes[0].topic, "u1");
    ck_assert_str_eq(a.routes[0].cluster, "b");
    ck_assert_str_eq(a.routes[1].cluster, "a");
    ck_assert_ptr_null(a.routes[2].cluster);
    ck_assert_uint_eq(a.n_clusters, 2);
    ck_assert_uint_eq(a.n_flows, 1); /* b->c: c is not in the answer */
    ck_assert_str_eq(a.flows[0].source, "a");
    pt_answer_fini(&a);
    a = answer_to("{'cluster.code':'c','role':'producer'}");
    ck_assert_uint_eq(a.n_routes, 1);
    ck_assert_str_eq(a.routes[0].topic, "");
    ck_assert_ptr_null(a.routes[0].cluster);
    pt_answer_fini(&a);
}
END_TEST

/* What the service sends, the SDK's decoder takes. */
#define READY(more) "{'op':'put','rule':{'id':'r','cluster':'b'" more "}}"

/* What is kept ready comes with its address, its view and the flows; and is no
 * reason for a new residency. */
START_TEST(standby_and_fence)
{
    made_push(&head, MADE_FLOW("b", "c") "," MADE_FLOW("c", "b"));
    made_push(&head, READY("")); /* 3 */
    struct pt_answer a = answer_to(ID);
    ck_assert(!a.routes[0].fence);
    ck_assert_ptr_null(a.routes[0].standby);
    ck_assert_uint_eq(a.n_clusters, 1);
    pt_answer_fini(&a);
    made_push(&head, READY(",'standby':'c','fence':true"));
    assert_residency("b", 3, NULL);
    a = answer_to(ID);
    ck_assert(a.routes[0].fence);
    ck_assert_str_eq(a.routes[0].standby, "c");
    ck_assert_uint_eq(a.routes[0].n_standby_view, 2);
    ck_assert_str_eq(a.routes[0].standby_view[0].topic, "orders");
    ck_assert_str_eq(a.routes[0].standby_view[0].origin, "c");
    ck_assert_str_eq(a.routes[0].standby_view[1].topic, "b.orders");
    ck_assert_ptr_nonnull(pt_answer_cluster(&a, "c"));
    ck_assert_uint_eq(a.n_flows, 2);
    pt_answer_fini(&a);
    made_push(&head, READY(",'standby':'a'"));
    assert_residency("b", 3, NULL);
    made_push(&head, READY(""));
    assert_residency("b", 3, NULL);
}
END_TEST

START_TEST(answer_can_be_decoded)
{
    made_push(&head, MADE_FLOW("a", "b") "," MADE_FLOW("b", "a") "," TO("a"));
    made_push(&head, TO("b"));
    struct pt_answer a = answer_to(ID);
    struct json_t *j = pt_answer_encode(&a);
    struct pt_answer b;
    struct err err;
    ck_assert_msg(pt_answer_decode(j, &b, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(b.n_clusters, 2);
    ck_assert_uint_eq(b.n_flows, 2);
    pt_answer_fini(&a);
    pt_answer_fini(&b);
    js_free(j);
}
END_TEST

/* ---- views --------------------------------------------------------------- */

/* "orders/b a.orders/a": topic and origin. */
static void
assert_view(const char *cluster, const char *wanted)
{
    char got[4096] = "";
    struct pt_view *v;
    size_t n;
    view_of(head, cluster, "orders", &v, &n);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s/%s",
                       i ? " " : "", v[i].topic, v[i].origin);
        free(v[i].topic);
        free(v[i].origin);
    }
    free(v);
    ck_assert_str_eq(got, wanted);
}

START_TEST(view_without_flows)
{
    assert_view("a", "orders/a");
}
END_TEST

START_TEST(view_both_ways)
{
    made_push(&head, MADE_FLOW("a", "b") "," MADE_FLOW("b", "a"));
    assert_view("a", "orders/a b.orders/b");
    assert_view("b", "orders/b a.orders/a");
    assert_view("c", "orders/c");
}
END_TEST

START_TEST(view_of_a_chain)
{
    made_push(&head, MADE_FLOW("a", "b") "," MADE_FLOW("b", "c"));
    assert_view("c", "orders/c b.orders/b b.a.orders/a");
    assert_view("b", "orders/b a.orders/a");
}
END_TEST

START_TEST(view_of_a_circle)
{
    made_push(&head, MADE_FLOW("a", "b") "," MADE_FLOW("b", "c") "," MADE_FLOW(
                         "c", "a"));
    assert_view("a", "orders/a c.orders/c c.b.orders/b");
}
END_TEST

START_TEST(view_with_other_separator)
{
    made_push(&head, "{'op':'put','flow':{'source':'a','target':'b',"
                     "'separator':'_'}}");
    assert_view("b", "orders/b a_orders/a");
}
END_TEST

START_TEST(view_with_identity)
{
    made_push(&head, "{'op':'put','flow':{'source':'a','target':'b',"
                     "'policy':'identity'}}," MADE_FLOW("b", "c"));
    assert_view("b", "orders/b");
    assert_view("c", "orders/c b.orders/b");
}
END_TEST

START_TEST(view_is_capped)
{
    made_push(&head,
              MADE_CLUSTER("d") "," MADE_CLUSTER("e") "," MADE_CLUSTER("f"));
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < 36; i++) {
        char put[200];
        if (i / 6 == i % 6)
            continue;
        (void)snprintf(put, sizeof(put),
                       "{'op':'put','flow':{'source':'%s','target':'%s'}}",
                       names[i / 6], names[i % 6]);
        made_push(&head, put);
    }
    struct pt_view *v;
    size_t n;
    view_of(head, "a", "orders", &v, &n);
    ck_assert_uint_eq(n, 64);
    for (size_t i = 0; i < n; i++) {
        free(v[i].topic);
        free(v[i].origin);
    }
    free(v);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("resolve");
    TCase *t = tcase_create("history");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, no_rule);
    tcase_add_test(t, flips_and_unrelated_changes);
    tcase_add_test(t, winner_changes_cluster_stays);
    tcase_add_test(t, time_without_route);
    tcase_add_test(t, previous_cluster_is_deleted);
    tcase_add_test(t, topics_apart);
    tcase_add_test(t, standby_and_fence);
    tcase_add_test(t, answer_can_be_decoded);
    suite_add_tcase(s, t);
    t = tcase_create("views");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, view_without_flows);
    tcase_add_test(t, view_both_ways);
    tcase_add_test(t, view_of_a_chain);
    tcase_add_test(t, view_of_a_circle);
    tcase_add_test(t, view_with_other_separator);
    tcase_add_test(t, view_with_identity);
    tcase_add_test(t, view_is_capped);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
