/* Every decision of a switch, without clusters. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/consumer/handover.h"

#define R 7

START_TEST(metadata_comes_back)
{
    char text[64];
    handover_metadata(1234567890123, text, sizeof(text));
    ck_assert_str_eq(text, "{\"shunt\":1,\"since\":1234567890123}");
    ck_assert_int_eq(handover_since(text, strlen(text)), 1234567890123);
}
END_TEST

START_TEST(foreign_metadata_is_not_ours)
{
    static const char *const foreign[] = {
        "",
        "x",
        "{}",
        "null",
        "[1]",
        "{\"since\":7}",
        "{\"shunt\":2,\"since\":7}",
        "{\"shunt\":1}",
        "{\"shunt\":1,\"since\":-7}",
        "{\"shunt\":1,\"since\":\"7\"}",
        "{\"shunt\":1,\"since\":7.5}",
        "{\"shunt\":1,\"since\":7",
    };
    for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
        ck_assert_msg(handover_since(foreign[i], strlen(foreign[i])) == -1,
                      "%s", foreign[i]);
    ck_assert_int_eq(handover_since(NULL, 0), -1);
    ck_assert_int_eq(handover_since("{\"shunt\":1,\"since\":7}trail", 21), 7);
    static const char more[] = "{\"shunt\":1,\"since\":7,\"later\":true}";
    ck_assert_int_eq(handover_since(more, strlen(more)), 7);
}
END_TEST

static char asked_topic[] = "orders", to_topic[] = "a.orders";

static struct po_translated
answer(enum po_quality q, int64_t position, int64_t low, int64_t high)
{
    return (struct po_translated){.asked = {asked_topic, 3, 100},
                                  .quality = q,
                                  .topic = to_topic,
                                  .position = position,
                                  .low = low,
                                  .high = high};
}

static bool
believed(struct po_translated t)
{
    const struct po_position asked = {
        .topic = asked_topic, .partition = 3, .offset = 100};
    return handover_mapped(&t, &asked, "a.orders").known;
}

/* A second question costs time: only where it may help. */
START_TEST(only_what_may_become_exact_is_asked_again)
{
    const struct mapped exact = {true, 90, 90, 90, 0, false},
                        bounded = {true, 80, 80, 90, 0, false},
                        ahead = {true, 80, 80, 80, 7, true}, none = {0};
    ck_assert(!handover_wait(&exact) && !handover_verify(&exact, false));
    ck_assert(!handover_wait(&bounded) && !handover_verify(&bounded, true));
    ck_assert(handover_verify(&bounded, false));
    ck_assert(handover_wait(&ahead) && !handover_verify(&ahead, true));
    ck_assert(handover_verify(&ahead, false));
    ck_assert(!handover_wait(&none) && !handover_verify(&none, false));
}
END_TEST

START_TEST(a_mapper_is_believed_as_far_as_it_makes_sense)
{
    ck_assert(believed(answer(PO_EXACT, 90, 90, 90)));
    ck_assert(believed(answer(PO_BOUNDED, 80, 80, 90)));
    ck_assert(believed(answer(PO_BOUNDED, 80, 80, -1)));
    ck_assert(believed(answer(PO_AHEAD, 80, 70, 90)));
    ck_assert(!believed(answer(PO_NONE, -1, -1, -1)));
    ck_assert(!believed(answer(PO_BEFORE, 0, 0, 50)));
    ck_assert(!believed(answer(PO_EXACT, -5, -5, -5)));
    ck_assert(!believed(answer(PO_EXACT, 5, -1, 5)));
    ck_assert(!believed(answer(PO_EXACT, INT64_MAX, 0, INT64_MAX)));
    ck_assert(!believed(answer(PO_EXACT, 5, 0, INT64_MAX)));
    ck_assert(!believed(answer(PO_BOUNDED, 80, 81, 90)));
    ck_assert(!believed(answer(PO_BOUNDED, 91, 80, 90)));
}
END_TEST

START_TEST(an_answer_to_another_question_is_refused)
{
    struct po_translated t = answer(PO_EXACT, 90, 90, 90);
    char other[] = "b.orders";
    t.asked.partition = 4;
    ck_assert(!believed(t));
    t = answer(PO_EXACT, 90, 90, 90);
    t.asked.offset = 101;
    ck_assert(!believed(t));
    t = answer(PO_EXACT, 90, 90, 90);
    t.asked.topic = other;
    ck_assert(!believed(t));
    t = answer(PO_EXACT, 90, 90, 90);
    t.topic = other;
    ck_assert(!believed(t));
    t.topic = NULL;
    ck_assert(!believed(t));
}
END_TEST

/* A group that came from q and knows nothing yet. */
static struct start_facts
facts(void)
{
    return (struct start_facts){.since = R,
                                .has_previous = true,
                                .commit = -1,
                                .commit_since = -1,
                                .own = -1,
                                .may_wait = true};
}

static void
assert_start(struct start_facts f, enum start_kind kind, int64_t offset,
             int64_t reread)
{
    const struct start s = handover_start(&f);
    ck_assert_int_eq(s.kind, kind);
    if (kind == START_AT || kind == START_OLD || kind == START_BEGINNING) {
        ck_assert_int_eq(s.offset, offset);
        ck_assert_int_eq(s.reread, reread);
    }
}

START_TEST(the_commit_of_this_residency_comes_first)
{
    struct start_facts f = facts();
    f.commit = 50;
    f.commit_since = R;
    assert_start(f, START_AT, 50, 0);
    f.has_previous = false;
    assert_start(f, START_AT, 50, 0);
    f.map_done = true;
    f.mapped = (struct mapped){true, 10, 10, 10, 0, false};
    assert_start(f, START_AT, 50, 0);
}
END_TEST

START_TEST(what_this_member_finished_here_counts_as_such_a_commit)
{
    struct start_facts f = facts();
    f.own = 40;
    assert_start(f, START_AT, 40, 0);
    f.commit = 50;
    f.commit_since = R;
    assert_start(f, START_AT, 50, 0);
    f.own = 60;
    assert_start(f, START_AT, 60, 0);
    f.commit = 90;
    f.commit_since = R - 1;
    assert_start(f, START_AT, 60, 0);
}
END_TEST

START_TEST(a_new_group_takes_any_commit_or_none)
{
    struct start_facts f = facts();
    f.has_previous = false;
    assert_start(f, START_RESET, 0, 0);
    f.commit = 5;
    assert_start(f, START_AT, 5, 0);
    f.commit_since = R - 3;
    assert_start(f, START_AT, 5, 0);
    f.own = 3; /* a member that knows nothing of routes went on from there */
    assert_start(f, START_AT, 5, 0);
}
END_TEST

START_TEST(an_older_commit_does_not_end_the_wait)
{
    struct start_facts f = facts();
    assert_start(f, START_WAIT, 0, 0);
    f.commit = 5;
    assert_start(f, START_WAIT, 0, 0);
    f.commit_since = R - 1;
    assert_start(f, START_WAIT, 0, 0);
    f.commit_since = R + 1;
    assert_start(f, START_WAIT, 0, 0);
    f.may_wait = false;
    assert_start(f, START_MAP, 0, 0);
}
END_TEST

START_TEST(an_older_commit_never_raises_a_translated_start)
{
    static const int64_t commits[] = {-1, 70, 80, 85, 90, 1000};
    struct start_facts f = facts();
    f.map_done = true;
    f.commit_since = R - 1;
    for (size_t i = 0; i < sizeof(commits) / sizeof(*commits); i++) {
        f.commit = commits[i];
        f.mapped = (struct mapped){true, 85, 80, 90, 0, false};
        assert_start(f, START_AT, 80, 10);
        f.mapped = (struct mapped){true, 80, 80, 80, 0, false};
        assert_start(f, START_AT, 80, 0);
        f.mapped = (struct mapped){true, 80, 70, -1, 0, false};
        assert_start(f, START_AT, 70, -1);
        f.mapped = (struct mapped){true, 70, 70, 75, 8, true}; /* ahead */
        assert_start(f, START_AT, 70, 13);
    }
}
END_TEST

START_TEST(without_a_translation_nothing_is_skipped)
{
    struct start_facts f = facts();
    f.map_done = true;
    assert_start(f, START_BEGINNING, 0, -1);
    f.commit = 33;
    f.commit_since = R - 1;
    assert_start(f, START_OLD, 33, -1);
}
END_TEST

START_TEST(unknown_bounds_absorb)
{
    ck_assert_int_eq(handover_sum(1, 2), 3);
    ck_assert_int_eq(handover_sum(-1, 2), -1);
    ck_assert_int_eq(handover_sum(1, -1), -1);
}
END_TEST

/* ---- routes -------------------------------------------------------------- */

static char name_a[] = "a", name_b[] = "b", t1[] = "orders", t2[] = "bills";
static char renaming[] = "default", keeping[] = "identity", dot[] = "_";

static struct pt_cluster clusters[] = {{.name = name_a}, {.name = name_b}};
static struct pt_flow flows[] = {
    {.source = name_a, .target = name_b, .policy = renaming, .separator = dot},
    {.source = name_b, .target = name_a, .policy = keeping},
};

static int
target_of(struct pt_route *routes, size_t n, struct target *t)
{
    const struct pt_answer a = {
        .routes = routes, .n_routes = n, .clusters = clusters, .n_clusters = 2};
    char *names[] = {t1, t2};
    const struct strlist topics = {names, 2};
    return handover_target(&a, &topics, t, NULL);
}

START_TEST(all_topics_must_go_to_one_cluster)
{
    struct target t = {0};
    struct pt_route r[] = {
        {.topic = t1, .cluster = name_b, .since = 4, .previous = NULL},
        {.topic = t2, .cluster = name_b, .since = 9, .previous = name_a},
    };
    ck_assert_int_eq(target_of(r, 1, &t), ERR_UNAVAILABLE);
    ck_assert_int_eq(target_of(r, 2, &t), 0);
    ck_assert_str_eq(t.cluster->name, "b");
    ck_assert_int_eq(t.since, 9);
    ck_assert_str_eq(t.previous, "a");
    r[1].cluster = name_a;
    ck_assert_int_eq(target_of(r, 2, &t), ERR_UNSUPPORTED);
    r[1].cluster = NULL;
    ck_assert_int_eq(target_of(r, 2, &t), ERR_NOTFOUND);
}
END_TEST

static void
assert_name(const char *cluster, const char *origin, const char *expected)
{
    const struct pt_answer a = {.flows = flows, .n_flows = 2};
    char *name = handover_physical(&a, cluster, origin, "orders");
    if (expected)
        ck_assert_str_eq(name, expected);
    else
        ck_assert_ptr_null(name);
    free(name);
}

START_TEST(a_stream_is_named_after_the_flow)
{
    assert_name("a", "a", "orders");
    assert_name("b", "a", "a_orders");
    assert_name("a", "b", "orders");
    assert_name("a", "c", NULL);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("handover");
    TCase *t = tcase_create("decisions");
    tcase_add_test(t, metadata_comes_back);
    tcase_add_test(t, foreign_metadata_is_not_ours);
    tcase_add_test(t, a_mapper_is_believed_as_far_as_it_makes_sense);
    tcase_add_test(t, only_what_may_become_exact_is_asked_again);
    tcase_add_test(t, an_answer_to_another_question_is_refused);
    tcase_add_test(t, the_commit_of_this_residency_comes_first);
    tcase_add_test(t, what_this_member_finished_here_counts_as_such_a_commit);
    tcase_add_test(t, a_new_group_takes_any_commit_or_none);
    tcase_add_test(t, an_older_commit_does_not_end_the_wait);
    tcase_add_test(t, an_older_commit_never_raises_a_translated_start);
    tcase_add_test(t, without_a_translation_nothing_is_skipped);
    tcase_add_test(t, unknown_bounds_absorb);
    tcase_add_test(t, all_topics_must_go_to_one_cluster);
    tcase_add_test(t, a_stream_is_named_after_the_flow);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
