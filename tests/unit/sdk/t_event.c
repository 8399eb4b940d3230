/* What an event of the route says to people. */
#include <check.h>
#include <stdlib.h>

#include "sdk/src/event.h"

static void
expect_text(const struct engine_event *from, const char *text)
{
    struct shunt_event_s *e = event_of_route(from);
    ck_assert_ptr_nonnull(e);
    ck_assert_str_eq(shunt_event_text(e), text);
    shunt_event_destroy(e);
}

START_TEST(every_event_has_words)
{
    expect_text(&(struct engine_event){.type = ENGINE_ROUTED, .to = "b"},
                "uses cluster b");
    expect_text(
        &(struct engine_event){.type = ENGINE_SWITCH, .from = "a", .to = "b"},
        "moves from cluster a to b");
    expect_text(&(struct engine_event){.type = ENGINE_PHASE,
                                       .from = "a",
                                       .to = "b",
                                       .phase = "joined",
                                       .ms = 120},
                "joined, 120 ms after the move began");
    expect_text(&(struct engine_event){.type = ENGINE_SWITCHED,
                                       .from = "a",
                                       .to = "b",
                                       .stall_ms = 30,
                                       .reread_bound = 7},
                "no delivery for 30 ms; may read again 7 records");
    expect_text(&(struct engine_event){.type = ENGINE_SWITCHED,
                                       .stall_ms = 30,
                                       .reread_bound = -1},
                "no delivery for 30 ms");
}
END_TEST

START_TEST(words_of_the_engine_stay)
{
    expect_text(&(struct engine_event){.type = ENGINE_STUCK,
                                       .from = "a",
                                       .to = "b",
                                       .text = "no topic orders"},
                "no topic orders");
    expect_text(&(struct engine_event){.type = ENGINE_SWITCHED,
                                       .from = "a",
                                       .to = "b",
                                       .text = "0 records came along"},
                "0 records came along");
    expect_text(&(struct engine_event){.type = ENGINE_WARNING}, "");
}
END_TEST

/* A producer has "" where a consumer has nothing. */
START_TEST(no_words_are_no_text)
{
    expect_text(
        &(struct engine_event){.type = ENGINE_ROUTED, .to = "b", .text = ""},
        "uses cluster b");
    expect_text(&(struct engine_event){.type = ENGINE_SWITCH},
                "moves from cluster - to -");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("event");
    TCase *t = tcase_create("event");
    tcase_add_test(t, every_event_has_words);
    tcase_add_test(t, words_of_the_engine_stay);
    tcase_add_test(t, no_words_are_no_text);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? 1 : 0;
}
