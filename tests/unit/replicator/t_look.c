/*
 * What is seen of a flow from outside: how it is concluded, and that it is
 * true of a flow between two embedded clusters, which is paused and resumed.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "replicator/look.h"
#include "replicator/observe.h"
#include "replicator/pace.h"
#include "replicator/parts.h"
#include "tests/unit/replicator/world.h"

/* ---- conclusions --------------------------------------------------------- */

static const struct look_clock now = {.now_ms = 100000, .wall_ms = 1000000};

/* Of a part whose position is `position`, seen so, with this end. */
static struct part_look
judged(int64_t position, struct sight s, int64_t high)
{
    struct part_look p = {.position = position};
    look_judge(&p, &s, high, now);
    return p;
}

static struct sight
unseen(void)
{
    struct sight s;
    sight_init(&s);
    return s;
}

START_TEST(a_lag_is_what_lies_before_the_end)
{
    struct sight s = unseen();
    ck_assert_int_eq(judged(40, s, 100).lag, 60);
    ck_assert_int_eq(judged(100, s, 100).lag, 0);
    ck_assert_int_eq(judged(120, s, 100).lag, 0); /* the end is older */
    ck_assert_int_eq(judged(40, s, -1).lag, -1);
    ck_assert_int_eq(judged(-1, s, 100).lag, -1);
    s.asked_end = 70;
    ck_assert_int_eq(judged(40, s, -1).lag, 30); /* held: as it was told */
    ck_assert_int_eq(judged(40, s, 100).lag, 60);
    struct part_look brief = {.position = 40, .holds = HOLD_BACKLOG};
    look_judge(&brief, &s, 60, now);
    ck_assert_int_eq(brief.lag, 30); /* whatever is further */
    s.first_low = 5;
    ck_assert_int_eq(judged(-1, s, 100).lag, 95); /* nothing copied yet */
}
END_TEST

START_TEST(an_end_of_no_records_is_no_lag)
{
    struct sight s = unseen();
    s.passed = 103; /* three markers behind the last record */
    const struct part_look p = judged(100, s, 103);
    ck_assert_int_eq(p.position, 103);
    ck_assert_int_eq(p.lag, 0);
    ck_assert_int_eq(p.lag_ms, 0);
}
END_TEST

START_TEST(how_long_it_lags)
{
    struct sight s = unseen();
    ck_assert_int_eq(judged(40, s, 100).lag_ms, -1); /* nothing to go by */
    s.last_timestamp = 1000000 - 7000;
    ck_assert_int_eq(judged(40, s, 100).lag_ms, 7000);
    s.passed_at_ms = 100000 - 300; /* rare records: it has only just begun */
    ck_assert_int_eq(judged(40, s, 100).lag_ms, 300);
    s.passed_at_ms = 100000 - 9000;
    ck_assert_int_eq(judged(40, s, 100).lag_ms, 7000);
    s.last_timestamp = 2000000; /* of the future */
    ck_assert_int_eq(judged(40, s, 100).lag_ms, 0);
    ck_assert_int_eq(judged(100, s, 100).lag_ms, 0);
    ck_assert_int_eq(judged(40, s, -1).lag_ms, -1);
}
END_TEST

START_TEST(a_first_copy)
{
    struct sight s = unseen();
    ck_assert_int_eq(judged(40, s, 100).of, -1);
    s.first_low = 10;
    s.first_end = 90;
    struct part_look p = judged(50, s, 200);
    ck_assert_int_eq(p.of, 80);
    ck_assert_int_eq(p.first, 40);
    p = judged(150, s, 200); /* what came later is not part of it */
    ck_assert_int_eq(p.first, 80);
    p = judged(5, s, 200); /* retention took what it wanted next */
    ck_assert_int_eq(p.first, 0);
}
END_TEST

START_TEST(a_state_is_the_weightiest_hold)
{
    static const struct {
        unsigned holds;
        const char *word;
    } want[] = {{0, "copying"},
                {HOLD_BACKLOG, "copying"},
                {HOLD_NEW | HOLD_PAUSED, "paused"},
                {HOLD_NEW, "waiting"},
                {HOLD_BROKEN | HOLD_BACKLOG, "retrying"},
                {HOLD_PAUSED | HOLD_STOPPED, "stopped"},
                {HOLD_NOT_MINE | HOLD_PAUSED, "elsewhere"}};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        const struct part_look p = {.holds = want[i].holds};
        ck_assert_str_eq(part_look_state(&p), want[i].word);
    }
}
END_TEST

START_TEST(sums_are_of_what_is_ours)
{
    char ill[] = "a problem";
    const struct part_look parts[] = {
        {.lag = 5, .lag_ms = 70, .records = 10, .first = 1, .of = 2},
        {.lag = -1, .lag_ms = -1, .holds = HOLD_PAUSED, .problem = ill},
        {.lag = 7, .lag_ms = 9, .holds = HOLD_BACKLOG, .of = -1, .first = -1},
        {.lag = 1000, .holds = HOLD_NOT_MINE, .records = 20, .of = 50}};
    struct look_sum sum = {0};
    for (size_t i = 0; i < 4; i++)
        look_sum_add(&sum, &parts[i]);
    ck_assert_int_eq(sum.parts, 4);
    ck_assert_int_eq(sum.mine, 3);
    ck_assert_int_eq(sum.lag, 12);
    ck_assert_int_eq(sum.lag_ms, 70);
    ck_assert_int_eq(sum.unknown, 1);
    ck_assert_int_eq(sum.held, 1);
    ck_assert_int_eq(sum.ill, 1);
    ck_assert_uint_eq(sum.records, 30); /* also before they went elsewhere */
    ck_assert_int_eq(sum.first, 1);
    ck_assert_int_eq(sum.of, 2);
}
END_TEST

/* ---- pace ---------------------------------------------------------------- */

static struct pace
paced(size_t samples, int64_t step_ms, uint64_t records, int64_t lag_step)
{
    struct pace p = {0};
    for (size_t i = 0; i < samples; i++)
        pace_add(&p,
                 &(struct pace_sample){.at_ms = 50 + (int64_t)i * step_ms,
                                       .records = i * records,
                                       .bytes = i * records * 10,
                                       .lag = 100000 - (int64_t)i * lag_step,
                                       .first = 1000 - (int64_t)i * lag_step});
    return p;
}

START_TEST(a_pace_is_of_the_last_seconds)
{
    struct pace p = paced(1, 1000, 500, 100);
    ck_assert_int_eq(pace_of(&p).records_s, -1);
    p = paced(2, 1000, 500, 100);
    ck_assert_int_eq(pace_of(&p).records_s, 500);
    ck_assert_int_eq(pace_of(&p).bytes_s, 5000);
    ck_assert_int_eq(pace_of(&p).left_ms, 999 * 1000);
    ck_assert_int_eq(pace_of(&p).first_left_ms, 9 * 1000);
    p = paced(PACE_SAMPLES, 1000, 500, 100);
    pace_add(&p, &(struct pace_sample){.at_ms = 50 + PACE_SAMPLES * 1000,
                                       .records = 9 * 500,
                                       .bytes = 9 * 5000,
                                       .lag = 0});
    ck_assert_int_eq(pace_of(&p).records_s, 444); /* 8 * 500 in 9 seconds */
    ck_assert_int_eq(pace_of(&p).left_ms, 0);
}
END_TEST

START_TEST(no_time_is_left_where_nothing_is_gained)
{
    struct pace p = paced(5, 1000, 500, -100);
    ck_assert_int_eq(pace_of(&p).left_ms, -1);
    ck_assert_int_eq(pace_of(&p).first_left_ms, -1);
    p = paced(5, 0, 500, 100);
    ck_assert_int_eq(pace_of(&p).records_s, -1);
    p = paced(2, 1000, 500, 100);
    pace_add(&p, &(struct pace_sample){.at_ms = 9999, .lag = -1});
    ck_assert_int_eq(pace_of(&p).left_ms, -1); /* a lag that is not known */
}
END_TEST

/* ---- flows --------------------------------------------------------------- */

struct seen {
    struct flow *f;
    int32_t partition;
    bool (*is)(const struct part_look *p);
};

static bool
part_is(void *arg)
{
    const struct seen *s = arg;
    struct flow_look l;
    bool is = false;
    flow_look(s->f, "orders", &l);
    for (size_t i = 0; i < l.n; i++)
        if (l.parts[i].partition == s->partition)
            is = s->is(&l.parts[i]);
    flow_look_fini(&l);
    return is;
}

static void
await_part(struct flow *f, int32_t partition,
           bool (*is)(const struct part_look *p))
{
    struct seen s = {f, partition, is};
    ck_assert(wait_until(part_is, &s, DEADLINE_MS));
}

static bool
at_end_of_500(const struct part_look *p)
{
    return p->position == 500 && p->end == 500 && p->lag == 0 &&
           p->lag_ms == 0 && p->records == 500 && p->last_timestamp > 0 &&
           p->saved == 500;
}

static bool
first_copy_of_500_is_done(const struct part_look *p)
{
    return p->first == 500 && p->of == 500;
}

static bool
held_with_200_to_come(const struct part_look *p)
{
    return p->position == 500 && p->end == 700 && p->lag == 200 &&
           p->lag_ms > 0 && strcmp(part_look_state(p), "paused") == 0;
}

static bool
at_end_of_700(const struct part_look *p)
{
    return p->position == 700 && p->lag == 0;
}

static struct observer *
observed(struct flow *const *f)
{
    struct observer *o;
    struct err err = {0};
    ck_assert_msg(observer_start(f, 1, &o, &err) == 0, "%s", err.text);
    return o;
}

static int64_t
seen_at_end_ms(struct flow *f)
{
    pthread_mutex_lock(&f->lock);
    const int64_t at_ms = flow_part(f, "orders", 0)->sight.passed_at_ms;
    pthread_mutex_unlock(&f->lock);
    return at_ms;
}

static bool
is_seen_again(void *arg)
{
    static int64_t first;
    first = first ? first : seen_at_end_ms(arg);
    return seen_at_end_ms(arg) > first;
}

/* Else the next record would lag for as long as nobody wrote. */
START_TEST(who_stands_at_the_end_is_seen_there)
{
    struct world w;
    world_make(&w, "");
    put_numbers(&w, 0, 500);
    struct flow *f = ready_flow(&w);
    struct observer *o = observed(&f);
    await_part(f, 0, at_end_of_500);
    ck_assert(wait_until(is_seen_again, f, DEADLINE_MS));
    observer_stop(o);
    flow_free(f);
    world_remove(&w);
}
END_TEST

START_TEST(a_topic_that_is_paused_waits_and_tells)
{
    struct world w;
    struct err err = {0};
    world_make(&w, "");
    put_numbers(&w, 0, 500);
    struct flow *f = ready_flow(&w);
    struct observer *o = observed(&f);
    await_part(f, 0, at_end_of_500);
    await_part(f, 1, at_end_of_500);
    await_part(f, 0, first_copy_of_500_is_done);
    ck_assert_int_eq(flow_pause(f, "orders", &err), 0);
    put_numbers(&w, 500, 700);
    await_part(f, 0, held_with_200_to_come);
    await_part(f, 1, held_with_200_to_come);
    ck_assert_int_eq(end_of(&w, 1, "a.orders", 0), 500);
    ck_assert_int_eq(flow_resume(f, "orders", &err), 0);
    await(&w, "a.orders", PARTITIONS, 700);
    await_part(f, 0, at_end_of_700);
    observer_stop(o);
    flow_free(f);
    world_remove(&w);
}
END_TEST

static bool
is_paused(const struct part_look *p)
{
    return strcmp(part_look_state(p), "paused") == 0;
}

static bool
is_copying(const struct part_look *p)
{
    return strcmp(part_look_state(p), "copying") == 0;
}

START_TEST(a_flow_is_paused_as_a_whole)
{
    struct world w;
    struct err err = {0};
    world_make(&w, "");
    struct flow *f = started(&w);
    ck_assert_int_eq(flow_pause(f, NULL, &err),
                     0); /* before it knows a topic */
    ck_assert(wait_until(is_ready, f, DEADLINE_MS));
    put_numbers(&w, 0, 10);
    await_part(f, 0, is_paused);
    await_part(f, 1, is_paused);
    ck_assert_int_eq(end_of(&w, 1, "a.orders", 0), 0);
    ck_assert_int_eq(flow_resume(f, "orders", &err), ERR_CONFLICT);
    ck_assert_ptr_nonnull(strstr(err.text, "the whole flow a->b is paused"));
    ck_assert_int_eq(flow_pause(f, "orders", &err), 0);
    ck_assert_int_eq(flow_resume(f, NULL, &err), 0); /* the topic as well */
    await(&w, "a.orders", PARTITIONS, 10);
    await_part(f, 0, is_copying);
    ck_assert_int_eq(flow_pause(f, "unrelated", &err), ERR_NOTFOUND);
    ck_assert_int_eq(flow_resume(f, "nothing", &err), ERR_NOTFOUND);
    ck_assert_str_eq(err.field, "topic");
    ck_assert_ptr_nonnull(strstr(err.text, "copies no topic \"nothing\""));
    flow_free(f);
    world_remove(&w);
}
END_TEST

/* Not started: only what the functions of the flow's thread touch. */
START_TEST(problems_stand_until_the_part_is_well)
{
    struct flow f = {0};
    struct part p = {.flow = &f};
    pthread_mutex_init(&f.lock, NULL);
    sight_init(&p.sight);
    part_well(&p);
    ck_assert_ptr_null(p.sight.problem);
    part_problem(&p, "record %d is refused", 7);
    ck_assert_str_eq(p.sight.problem, "record 7 is refused");
    ck_assert_int_gt(p.sight.problem_since_ms, 0);
    p.sight.problem_since_ms = 5;
    part_problem(&p, "record %d is refused", 8);
    ck_assert_str_eq(p.sight.problem, "record 8 is refused");
    ck_assert_int_eq(p.sight.problem_since_ms, 5); /* it is not well yet */
    part_well(&p);
    ck_assert_ptr_null(p.sight.problem);
    sight_fini(&p.sight);
}
END_TEST

START_TEST(an_end_is_passed_when_all_is_acknowledged)
{
    struct flow f = {0};
    struct part p = {.flow = &f, .acked = 9, .next = 12, .inflight = 2};
    pthread_mutex_init(&f.lock, NULL);
    sight_init(&p.sight);
    part_at_end(&p, 15);
    ck_assert_int_eq(p.sight.passed, -1); /* 10 and 11 are on their way */
    p.acked = 10, p.inflight = 1;
    const struct copied one = {.age_ms =
                                   look_count_age(&f.latencies, 1000, 1003, 1),
                               .timestamp = 1000};
    part_seen_acked(&p, &one);
    ck_assert_int_eq(p.sight.passed, -1);
    p.acked = 11, p.inflight = 0;
    (void)look_count_age(&f.latencies, 1000, 1003, 1);
    part_seen_acked(&p, &one);
    ck_assert_int_eq(p.sight.passed, 15);
    ck_assert_int_eq(p.sight.latency_ms, 6);
    ck_assert_uint_eq(f.latencies.n[2], 2); /* up to 5 ms */
    part_seen_rewound(&p);
    ck_assert_int_eq(p.sight.passed, -1);
    part_at_end(&p, 12);
    ck_assert_int_eq(p.sight.passed, 12); /* nothing is on its way */
    p.next = 14;
    part_at_end(&p, 17);
    ck_assert_int_eq(p.sight.passed, 12);
    p.acked = 13; /* passed over: no record of it is on the target */
    part_seen_acked(&p, NULL);
    ck_assert_int_eq(p.sight.passed, 17);
    ck_assert_int_eq(p.sight.latency_ms, 6);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator look");
    TCase *t = tcase_create("look");
    tcase_set_timeout(t, 90);
    tcase_add_test(t, a_lag_is_what_lies_before_the_end);
    tcase_add_test(t, an_end_of_no_records_is_no_lag);
    tcase_add_test(t, how_long_it_lags);
    tcase_add_test(t, a_first_copy);
    tcase_add_test(t, a_state_is_the_weightiest_hold);
    tcase_add_test(t, sums_are_of_what_is_ours);
    tcase_add_test(t, a_pace_is_of_the_last_seconds);
    tcase_add_test(t, no_time_is_left_where_nothing_is_gained);
    tcase_add_test(t, problems_stand_until_the_part_is_well);
    tcase_add_test(t, an_end_is_passed_when_all_is_acknowledged);
    tcase_add_test(t, who_stands_at_the_end_is_seen_there);
    tcase_add_test(t, a_topic_that_is_paused_waits_and_tells);
    tcase_add_test(t, a_flow_is_paused_as_a_whole);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
