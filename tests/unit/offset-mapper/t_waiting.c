/*
 * Questions that wait for a record; clients that leave; 10,000 at once.
 */
#include "tests/unit/offset-mapper/asked_world.h"

#include "offset-mapper/translate_impl.h"

/* The sync has come, and the log has what it tells of: one that still ended
 * before it some seconds later would have been cut. */
static void
copied_to(int64_t up, int64_t down)
{
    put(up, down);
    log_ends_at(down + 1);
    changed();
}

/* ---- waiting -------------------------------------------------------------- */

START_TEST(plain_questions_ask_nobody)
{
    struct asked a;
    ask(&a, question(150, 0));
    assert_place(&a, PO_EXACT, 100, 100);
    ask(&a, question(205, 0));
    assert_place(&a, PO_AHEAD, 151, 151);
    ask(&a, question(150, 60000)); /* nothing to wait for */
    assert_place(&a, PO_EXACT, 100, 100);
    ck_assert_int_eq(world.log_asks, 0);
}
END_TEST

/* A client may name any topic: brokers are not asked for those. */
START_TEST(no_logs_of_topics_without_syncs)
{
    struct asked a;
    struct po_question q = question(150, 60000);
    free(q.positions[0].topic);
    q.positions[0].topic = xstrdup("made-up");
    ask(&a, q);
    ck_assert_int_eq(a.quality, PO_NONE);
    q = question(150, 60000);
    q.positions[0].partition = 7;
    ask(&a, q);
    ck_assert_int_eq(a.quality, PO_NONE);
    ck_assert_int_eq(world.looks, 0);
    ask(&a, question(150, 60000));
    ck_assert_int_gt(world.looks, 0);
}
END_TEST

START_TEST(answered_when_the_sync_has_come)
{
    struct asked a;
    ask(&a, question(205, 60000));
    ck_assert_int_eq(a.answers, 0);
    ck_assert_int_eq(world.log_asks, 1);
    put(201, 151);
    world.end = 152; /* what is known, 151, is older than that sync */
    changed();
    put(210, 160);
    changed();
    await(&a);
    assert_place(&a, PO_EXACT, 155, 155);
    ck_assert_uint_eq(translator_waiting(translator), 0);
}
END_TEST

START_TEST(answered_when_the_log_has_grown)
{
    struct asked a;
    ask(&a, question(205, 60000));
    world.end = 155; /* four records; the one before it is the fourth */
    await(&a);
    assert_place(&a, PO_BOUNDED, 151, 155);
}
END_TEST

START_TEST(a_deadline_is_kept)
{
    struct asked a;
    const int64_t start_ms = clock_mono_ms();
    ask(&a, question(205, 200));
    await(&a);
    assert_place(&a, PO_AHEAD, 151, 151);
    ck_assert_int_ge(a.at_ms - start_ms, 200);
}
END_TEST

/* Also when the cluster that was asked says nothing at all. */
START_TEST(a_deadline_is_kept_while_asking)
{
    struct asked a;
    world.held = true;
    ask(&a, question(205, 100));
    await(&a);
    assert_place(&a, PO_AHEAD, 151, 151);
    stop();
    release_one(); /* late: frees the question */
}
END_TEST

static void
release_now(void *arg)
{
    struct asked *a = arg;
    release_one();
    (void)sem_post(&a->done);
}

/* The question as it is, so many times. */
static void
repeat(struct po_question *q, size_t n)
{
    q->positions = xreallocarray(q->positions, n, sizeof(*q->positions));
    for (; q->n < n; q->n++) {
        q->positions[q->n] = q->positions[0];
        q->positions[q->n].topic = xstrdup(q->positions[0].topic);
    }
}

/* More positions than may ask at a time: for some the time is up before it is
 * their turn, while others are still being read. */
START_TEST(a_deadline_is_kept_before_the_turn_to_ask)
{
    struct asked a, later;
    struct po_question q = question(205, 100);
    q.verify = true;
    repeat(&q, 34);
    world.held = true;
    ask(&a, q);
    ck_assert_uint_eq(world.n_held, 32);
    on_loop(release_now, &a); /* it is to be read, after the last two */
    ck_assert_uint_eq(world.n_held, 32);
    ask(&later, question(205, 150));
    await(&later);
    ck_assert_int_eq(a.answers, 0);
    while (world.n_held > 0)
        on_loop(release_now, &a);
    await(&a);
    ck_assert_uint_eq(a.n, 34);
}
END_TEST

static bool
is_over(void *arg)
{
    return clock_mono_ms() >= *(int64_t *)arg;
}

/* Those that are asked come back when the time of the whole question is over:
 * nobody is asked for the others, nor read any more. */
START_TEST(a_whole_question_has_a_time)
{
    struct asked a;
    struct po_question q = question(205, 0);
    q.verify = true;
    repeat(&q, 34);
    translator->asking_ms = 50;
    world.held = true;
    world.prints_n = 2;
    ask(&a, q);
    ck_assert_uint_eq(world.n_held, 32);
    int64_t until_ms = clock_mono_ms() + 50;
    ck_assert(wait_until(is_over, &until_ms, DEADLINE_MS));
    while (world.n_held > 0)
        on_loop(release_now, &a);
    ck_assert_int_eq(a.answers, 1);
    ck_assert_uint_eq(a.n, 34);
    ck_assert(!a.verified);
    ck_assert_ptr_nonnull(strstr(a.reason, "not verified: no time was left"));
    ck_assert_int_eq(world.log_asks, 32);
    ck_assert_int_eq(world.prints_q, 0);
    ck_assert_int_eq(world.finds, 0);
}
END_TEST

/* No call outlasts it; a longer wait_ms counts. */
START_TEST(no_call_outlasts_the_question)
{
    struct asked a;
    struct po_question q = question(150, 0);
    q.verify = true;
    translator->asking_ms = 2000;
    world.prints_n = 2;
    ask(&a, q);
    ck_assert_int_eq(world.finds, 1);
    ck_assert_int_le(world.until_ms, clock_mono_ms() + 2000);
    q = question(150, 4000);
    q.verify = true;
    const int64_t start_ms = clock_mono_ms();
    ask(&a, q);
    ck_assert_int_eq(world.finds, 2);
    ck_assert_int_ge(world.until_ms, start_ms + 4000);
}
END_TEST

START_TEST(a_dead_cluster_is_not_waited_for)
{
    struct asked a;
    log_ends_at(-1);
    ask(&a, question(205, 60000));
    ck_assert_int_eq(a.answers, 1);
    ck_assert_int_eq(a.quality, PO_BOUNDED);
    ck_assert_int_eq(a.position, 151);
    ck_assert_int_eq(world.log_asks, 1);
}
END_TEST

START_TEST(a_dead_flow_is_not_waited_for)
{
    struct asked a;
    world.dead = true;
    ask(&a, question(205, 60000));
    assert_place(&a, PO_AHEAD, 151, 151);
    ck_assert_ptr_nonnull(strstr(a.reason, "flow a->b is dead"));
    world.dead = false;
    ask(&a, question(205, 60000));
    ck_assert_int_eq(a.answers, 0);
    world.dead = true; /* nobody tells: it is seen within a second or so */
    await(&a);
    assert_place(&a, PO_AHEAD, 151, 151);
}
END_TEST

START_TEST(a_client_that_leaves)
{
    struct asked a, other;
    ask(&a, question(205, 60000));
    ask(&other, question(205, 60000));
    ck_assert_uint_eq(translator_waiting(translator), 2);
    on_loop(cancel_now, &a);
    ck_assert_uint_eq(translator_waiting(translator), 1);
    copied_to(210, 160);
    await(&other);
    ck_assert_int_eq(a.answers, 0);
}
END_TEST

START_TEST(a_client_that_leaves_while_others_are_asked)
{
    struct asked a;
    world.held = true;
    ask(&a, question(205, 60000));
    on_loop(cancel_now, &a);
    ck_assert_uint_eq(translator_waiting(translator), 0);
    stop();
    release_one();
    ck_assert_int_eq(a.answers, 0);
}
END_TEST

START_TEST(the_end_answers_everybody)
{
    struct asked a;
    ask(&a, question(205, 60000));
    stop();
    ck_assert_int_eq(a.answers, 1);
    ck_assert_int_eq(a.code, ERR_CLOSED);
}
END_TEST

static struct asked crowd[TRANSLATE_WAITING_MAX];

static bool
all_answered(void *arg)
{
    const size_t *n = arg;
    for (size_t i = 0; i < *n; i++)
        if (crowd[i].answers == 0)
            return false;
    return true;
}

START_TEST(ten_thousand_wait)
{
    size_t n = TRANSLATE_WAITING_MAX;
    for (size_t i = 0; i < n; i++)
        ask(&crowd[i], question(205 + (int64_t)(i % 5), 60000));
    ck_assert_uint_eq(translator_waiting(translator), n);
    struct asked one;
    ask(&one, question(205, 1));
    ck_assert_int_eq(one.code, ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(one.error, "ask again later"));
    ask(&one, question(205, 0)); /* others are not kept out */
    ck_assert_int_eq(one.quality, PO_AHEAD);
    copied_to(210, 160);
    ck_assert(wait_until(all_answered, &n, DEADLINE_MS));
    for (size_t i = 0; i < n; i++)
        assert_place(&crowd[i], PO_EXACT, 155 + (int64_t)(i % 5),
                     155 + (int64_t)(i % 5));
    ck_assert_uint_eq(translator_waiting(translator), 0);
    ask(&one, question(205, 60000));
    assert_place(&one, PO_EXACT, 155, 155);
}
END_TEST

/* One question of many positions counts for as many. */
START_TEST(positions_that_wait_are_capped)
{
    struct asked *v = xcalloc(11, sizeof(*v));
    for (size_t i = 0; i < 11; i++) {
        struct po_question q = question(205, 60000);
        repeat(&q, PO_POSITIONS_MAX);
        ask(&v[i], q);
        ck_assert_int_eq(v[i].answers, i == 10);
    }
    ck_assert_int_eq(v[10].code, ERR_BUSY);
    copied_to(210, 160);
    for (size_t i = 0; i < 10; i++) {
        await(&v[i]);
        ck_assert_uint_eq(v[i].n, PO_POSITIONS_MAX);
        assert_place(&v[i], PO_EXACT, 155, 155);
    }
    free(v);
}
END_TEST

static void
add_waiting(Suite *s)
{
    TCase *t = tcase_create("waiting");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, plain_questions_ask_nobody);
    tcase_add_test(t, no_logs_of_topics_without_syncs);
    tcase_add_test(t, answered_when_the_sync_has_come);
    tcase_add_test(t, answered_when_the_log_has_grown);
    tcase_add_test(t, a_deadline_is_kept);
    tcase_add_test(t, a_deadline_is_kept_while_asking);
    tcase_add_test(t, a_deadline_is_kept_before_the_turn_to_ask);
    tcase_add_test(t, a_whole_question_has_a_time);
    tcase_add_test(t, no_call_outlasts_the_question);
    tcase_add_test(t, a_dead_cluster_is_not_waited_for);
    tcase_add_test(t, a_dead_flow_is_not_waited_for);
    tcase_add_test(t, a_client_that_leaves);
    tcase_add_test(t, a_client_that_leaves_while_others_are_asked);
    tcase_add_test(t, the_end_answers_everybody);
    tcase_add_test(t, ten_thousand_wait);
    tcase_add_test(t, positions_that_wait_are_capped);
    suite_add_tcase(s, t);
}

int
main(void)
{
    Suite *s = suite_create("questions under way");
    add_waiting(s);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
