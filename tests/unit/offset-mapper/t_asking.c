/*
 * Questions that need more than the store: records by their fingerprints,
 * offsets at a time, positions of a group.
 */
#include "tests/unit/offset-mapper/asked_world.h"

/* ---- content -------------------------------------------------------------- */

static void
ask_with_prints(struct asked *a, int64_t offset, int64_t wait_ms)
{
    struct po_question q = question(offset, wait_ms);
    with_prints(&q);
    ask(a, q);
}

START_TEST(a_record_found_is_exact)
{
    struct asked a;
    log_ends_at(170);
    world.found = (struct content_found){.kind = CONTENT_UNIQUE, .first = 156};
    ask_with_prints(&a, 205, 0);
    assert_place(&a, PO_EXACT, 157, 157);
    ck_assert(a.verified);
    ck_assert_str_eq(world.find_at, "b a.orders 0");
    ck_assert_int_eq(world.find_low, 150); /* the record before 151 */
    ck_assert_int_eq(world.find_high, 155);
    ck_assert_uint_eq(world.find_prints, 2);
}
END_TEST

START_TEST(what_is_exact_is_read_only_to_be_verified)
{
    struct asked a;
    ask_with_prints(&a, 150, 0);
    assert_place(&a, PO_EXACT, 100, 100);
    ck_assert_int_eq(world.finds, 0);
    ck_assert(!a.verified);
    struct po_question q = question(150, 0);
    q.verify = true;
    world.prints_n = 2;
    world.found = (struct content_found){.kind = CONTENT_UNIQUE, .first = 99};
    ask(&a, q);
    assert_place(&a, PO_EXACT, 100, 100);
    ck_assert(a.verified);
    ck_assert_int_eq(world.prints_q, 150);
    ck_assert_uint_eq(world.prints_wanted, 799 + 8); /* the lag, and some */
    ck_assert_int_eq(world.find_low, 99);
    ck_assert_int_eq(world.find_high, 100);
}
END_TEST

START_TEST(what_cannot_be_verified_says_so)
{
    struct asked a;
    struct po_question q = question(150, 0);
    q.verify = true;
    world.prints_n = 99; /* an error */
    ask(&a, q);
    assert_place(&a, PO_EXACT, 100, 100);
    ck_assert(!a.verified);
    ck_assert_ptr_nonnull(strstr(a.reason, "cluster a took too long"));
    q = question(150, 0);
    q.verify = true;
    world.prints_n = 0;
    ask(&a, q);
    ck_assert_ptr_nonnull(strstr(a.reason, "no record before it is left on a"));
    world.found.kind = CONTENT_UNREAD;
    (void)err_set(&world.found.err, ERR_TIMEOUT, "b took too long");
    log_ends_at(170);
    ask_with_prints(&a, 205, 0);
    assert_place(&a, PO_BOUNDED, 151, 155);
    ck_assert_ptr_nonnull(strstr(a.reason, "not verified: b took too long"));
}
END_TEST

static const struct {
    struct content_found found;
    enum po_quality quality;
    int64_t low, high;
} finds[] = {
    /* The runs say 151..155. */
    {{.kind = CONTENT_NONE, .end = 170}, PO_BOUNDED, 151, 155},
    {{.kind = CONTENT_MANY, .first = 152, .last = 153}, PO_BOUNDED, 153, 154},
    {{.kind = CONTENT_MANY, .first = -1, .last = 152}, PO_BOUNDED, 151, 153},
    {{.kind = CONTENT_MANY, .first = 152, .last = 180}, PO_BOUNDED, 153, 155},
    {{.kind = CONTENT_MANY, .first = 170, .last = 180}, PO_BOUNDED, 151, 155},
    /* The log goes on behind what was read: or not. */
    {{.kind = CONTENT_AHEAD, .end = 154}, PO_BOUNDED, 154, 155},
    {{.kind = CONTENT_AHEAD, .end = 154, .at_end = true}, PO_AHEAD, 154, 154},
};

START_TEST(what_was_found)
{
    struct asked a;
    log_ends_at(170);
    world.found = finds[_i].found;
    ask_with_prints(&a, 205, 0);
    assert_place(&a, finds[_i].quality, finds[_i].low, finds[_i].high);
    ck_assert_int_eq(a.verified, finds[_i].quality == PO_AHEAD);
}
END_TEST

/* Content proves that the record has not arrived; when the log has grown, it
 * is looked for again, and not before. */
START_TEST(proven_to_be_ahead)
{
    struct asked a;
    log_ends_at(153);
    world.found = (struct content_found){.kind = CONTENT_AHEAD, .end = 153};
    ask_with_prints(&a, 205, 60000);
    ck_assert_int_eq(a.answers, 0);
    ck_assert_int_eq(world.finds, 1);
    changed();
    struct asked late;
    ask_with_prints(&late, 205, 50);
    await(&late);
    assert_place(&late, PO_AHEAD, 153, 153);
    ck_assert(late.verified);
    ck_assert_int_eq(world.finds, 2);
    world.found = (struct content_found){.kind = CONTENT_UNIQUE, .first = 153};
    world.end = 154;
    await(&a);
    assert_place(&a, PO_EXACT, 154, 154);
}
END_TEST

/* What it has may be of a life that is over. */
START_TEST(nothing_from_half_of_the_syncs)
{
    struct asked a;
    world.unread = true;
    ask(&a, question(150, 0));
    ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(a.error, "flow a->b"));
    struct po_question q = question(150, 0);
    free(q.positions[0].topic);
    q.positions[0].topic = strdup("unheard.of");
    ask(&a, q);
    ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
    world.unread = false;
    ask(&a, question(150, 0));
    assert_place(&a, PO_EXACT, 100, 100);
}
END_TEST

/* No answer that a consumer could not start at. */
START_TEST(nothing_below_the_log_start)
{
    struct asked a;
    world.start = 120;
    ask(&a, question(150, 0));
    assert_place(&a, PO_EXACT, 120, 120);
    ck_assert_ptr_nonnull(strstr(a.reason, "the log begins at 120"));
    ask(&a, question(20, 0));
    assert_place(&a, PO_BEFORE, 120, 120);
    ask(&a, question(180, 0));
    assert_place(&a, PO_EXACT, 130, 130);
    log_ends_at(110); /* made anew: the start is that of the old log */
    ask(&a, question(20, 0));
    assert_place(&a, PO_BEFORE, 0, 50);
    log_ends_at(-1); /* not known: what is known stands */
    ask(&a, question(150, 0));
    assert_place(&a, PO_EXACT, 100, 100);
}
END_TEST

/* Nothing bounds it: from the time of the record on. */
START_TEST(a_large_window_is_narrowed_by_time)
{
    struct asked a;
    log_ends_at(-1);
    put(5000000, 400000);
    world.time_offset = 250000;
    world.found =
        (struct content_found){.kind = CONTENT_UNIQUE, .first = 250004};
    ask_with_prints(&a, 4000000, 0);
    assert_place(&a, PO_EXACT, 250005, 250005);
    ck_assert_str_eq(world.time_at, "b a.orders 0");
    ck_assert_int_eq(world.time_asked, 2777); /* b's clock may be behind */
    ck_assert_int_eq(world.find_low, 250000);
    ck_assert_int_eq(world.find_high, 350000);
}
END_TEST

/* ---- times and groups ----------------------------------------------------- */

static void
ask_at_time(struct asked *a, int64_t offset)
{
    struct po_question q = question(-1, 0);
    q.positions[0].by_time = true;
    q.positions[0].timestamp_ms = 7777;
    world.time_offset = offset;
    ask(a, q);
}

START_TEST(by_time)
{
    struct asked a;
    ask_at_time(&a, 150);
    assert_place(&a, PO_EXACT, 100, 100);
    ck_assert_int_eq(a.offset, 150);
    ck_assert_str_eq(world.time_at, "a orders 0");
    ck_assert_int_eq(world.time_asked, 7777);
    ask_at_time(&a, -1);
    ck_assert_int_eq(a.quality, PO_NONE);
    ck_assert_int_eq(a.offset, -1);
    ck_assert_str_eq(a.reason,
                     "orders [0] on a has no record at or after this time");
    ask_at_time(&a, -2);
    ck_assert_int_eq(a.quality, PO_NONE);
    ck_assert_ptr_nonnull(strstr(a.reason, "cluster a does not answer"));
}
END_TEST

static void
ask_of_group(struct asked *a, const char *group)
{
    struct po_question q = question(0, 0);
    free(q.positions[0].topic);
    free(q.positions);
    q.positions = NULL;
    q.n = 0;
    q.group = xstrdup(group);
    ask(a, q);
}

START_TEST(by_group)
{
    struct asked a;
    ask_of_group(&a, "g");
    ck_assert_uint_eq(a.n, 2);
    assert_place(&a, PO_EXACT, 110, 110);
    ask_of_group(&a, "h");
    ck_assert_int_eq(a.answers, 1);
    ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
    ck_assert_str_eq(a.error, "no such group");
}
END_TEST

START_TEST(bad_clusters)
{
    struct asked a;
    struct po_question q = question(150, 0);
    free(q.to);
    q.to = xstrdup("x");
    ask(&a, q);
    ck_assert_int_eq(a.code, ERR_INVALID);
    ck_assert_int_eq(a.answers, 1);
}
END_TEST

static void
add_asking(Suite *s)
{
    TCase *t = tcase_create("asking");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_record_found_is_exact);
    tcase_add_test(t, what_is_exact_is_read_only_to_be_verified);
    tcase_add_test(t, what_cannot_be_verified_says_so);
    tcase_add_loop_test(t, what_was_found, 0, sizeof(finds) / sizeof(finds[0]));
    tcase_add_test(t, proven_to_be_ahead);
    tcase_add_test(t, nothing_from_half_of_the_syncs);
    tcase_add_test(t, nothing_below_the_log_start);
    tcase_add_test(t, a_large_window_is_narrowed_by_time);
    tcase_add_test(t, by_time);
    tcase_add_test(t, by_group);
    tcase_add_test(t, bad_clusters);
    suite_add_tcase(s, t);
}

int
main(void)
{
    Suite *s = suite_create("questions that ask");
    add_asking(s);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
