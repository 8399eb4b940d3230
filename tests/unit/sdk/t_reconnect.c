/*
 * How a client comes back to its route services: resuming, Retry-After, a
 * crowd that is sent away at once, the next server of the list.
 */
#include "tests/unit/sdk/control_world.h"

static char stopping[] = "{\"reason\":\"the server is stopping\"}";

static void
end_all(const char *closed)
{
    ck_assert_int_eq(loop_post(loop, end_streams, (void *)(uintptr_t)closed),
                     0);
}

static void
expect_watches(int n)
{
    int want[3] = {n, 0, 0};
    ck_assert_msg(wait_until(reached, want, DEADLINE_MS),
                  "%d watches instead of %d", atomic_load(&n_watches), n);
}

static void
expect_last_id(const char *id)
{
    pthread_mutex_lock(&mutex);
    ck_assert_str_eq(last_id, id);
    pthread_mutex_unlock(&mutex);
}

static int64_t
watched_at(int n)
{
    pthread_mutex_lock(&mutex);
    const int64_t ms = watched_ms[n];
    pthread_mutex_unlock(&mutex);
    return ms;
}

/* ---- resuming ------------------------------------------------------------ */

START_TEST(says_what_it_holds)
{
    start_with(url);
    expect_revision(5);
    expect_last_id("");
    push_route(7, "b");
    expect_revision(7);
    end_all(NULL);
    expect_watches(2);
    expect_last_id("7");
}
END_TEST

START_TEST(resumed_keeps_the_route)
{
    start_with(url);
    expect_revision(5);
    atomic_store(&resumed_at, 9);
    end_all(NULL);
    expect_watches(2);
    expect_last_id("5");
    end_all(NULL); /* after "resumed", on the same connection */
    expect_watches(3);
    expect_last_id("9");
    ck_assert_int_eq(revision(), 5);
    push_route(8, "b"); /* older than what it was told to be good for */
    ck_assert(wait_until(has_line, (char[]){"was the route store wiped"},
                         DEADLINE_MS));
    ck_assert_int_eq(revision(), 5);
    push_route(9, "b"); /* of 9 it is known that the route is a */
    ck_assert(
        wait_until(has_line, (char[]){"says something else of"}, DEADLINE_MS));
    ck_assert_int_eq(revision(), 5);
    push_route(10, "b");
    expect_revision(10);
}
END_TEST

/* A service that went back resumes nobody. */
START_TEST(resumed_at_an_older_revision_is_refused)
{
    start_with(url);
    expect_revision(5);
    atomic_store(&resumed_at, 3);
    end_all(NULL);
    ck_assert(wait_until(has_line, (char[]){"was the route store wiped"},
                         DEADLINE_MS));
    expect_watches(3); /* for all of it */
    expect_last_id("");
    ck_assert_int_eq(revision(), 5);
}
END_TEST

/* Another table with the same revisions. */
START_TEST(resuming_another_route_is_refused)
{
    start_with(url);
    expect_revision(5);
    atomic_store(&resumed_at, 9);
    atomic_store(&resumed_elsewhere, true);
    end_all(NULL);
    ck_assert(
        wait_until(has_line, (char[]){"resumes another route"}, DEADLINE_MS));
    expect_watches(3);
    expect_last_id("");
    ck_assert_int_eq(revision(), 5);
    push_route(10, "b");
    expect_revision(10);
}
END_TEST

/* What was refused is not held. */
START_TEST(a_refused_answer_is_not_held)
{
    start_with(url);
    expect_revision(5);
    push_route(3, "b");
    ck_assert(wait_until(has_line, (char[]){"was the route store wiped"},
                         DEADLINE_MS));
    push("{\"revision\":9}");
    ck_assert(wait_until(has_line, (char[]){"it is ignored"}, DEADLINE_MS));
    end_all(NULL);
    expect_watches(2);
    expect_last_id("5");
}
END_TEST

START_TEST(other_topics_are_another_question)
{
    struct strlist topics = {0};
    start_with(url);
    expect_revision(5);
    ck_assert_int_eq(strlist_split(&topics, "orders,more", ","), 0);
    ck_assert_int_eq(control_set_topics(control, &topics), 0);
    strlist_fini(&topics);
    expect_watches(2);
    expect_last_id("");
}
END_TEST

/* Who knows how old it is, and whose. */
START_TEST(the_route_on_disk_is_not_resumed)
{
    start_with(url);
    expect_revision(5);
    control_stop(control);
    start_with(url);
    expect_watches(2);
    expect_last_id("");
}
END_TEST

START_TEST(nothing_held_nothing_resumed)
{
    pthread_mutex_lock(&mutex);
    *first = '\0';
    pthread_mutex_unlock(&mutex);
    start_with(url);
    expect_watches(1);
    end_all(NULL);
    expect_watches(2);
    expect_last_id("");
}
END_TEST

/* ---- when, and where ----------------------------------------------------- */

START_TEST(retry_after_is_honoured)
{
    atomic_store(&busy, 1);
    start_with(url);
    expect_revision(5);
    const int64_t wait_ms = watched_at(1) - watched_at(0);
    ck_assert_int_ge(wait_ms, 1000);
    ck_assert_int_le(wait_ms, 2000 + 500);
}
END_TEST

/* "localhost" and "127.0.0.1" are two servers to a client. */
static void
start_with_two(void)
{
    char servers[300];
    (void)snprintf(servers, sizeof(servers), "%s,http://localhost%s", url,
                   strrchr(url, ':'));
    start_with(servers);
}

START_TEST(a_busy_server_is_passed_over)
{
    atomic_store(&busy, 1);
    const int64_t start_ms = clock_mono_ms();
    start_with_two();
    expect_revision(5);
    ck_assert_int_lt(clock_mono_ms() - start_ms, 900);
}
END_TEST

START_TEST(a_dropped_stream_goes_on_at_once_elsewhere)
{
    char before[64];
    start_with_two();
    expect_revision(5);
    pthread_mutex_lock(&mutex);
    (void)strcpy(before, last_host);
    pthread_mutex_unlock(&mutex);
    const int64_t end_ms = clock_mono_ms();
    end_all(NULL);
    expect_watches(2);
    ck_assert_int_lt(watched_at(1) - end_ms, 50 + 150); /* slow machines */
    pthread_mutex_lock(&mutex);
    ck_assert_str_ne(before, last_host);
    pthread_mutex_unlock(&mutex);
}
END_TEST

START_TEST(a_dead_server_is_passed_over)
{
    char servers[256];
    (void)snprintf(servers, sizeof(servers), "http://127.0.0.1:1,%s", url);
    start_with(servers);
    expect_revision(5);
    (void)snprintf(servers, sizeof(servers), "%s,http://127.0.0.1:1", url);
    control_stop(control);
    start_with(servers);
    expect_watches(2);
}
END_TEST

/* All are told at once; they must not all come back at once. */
START_TEST(a_crowd_comes_back_spread)
{
    struct control *all[CROWD];
    int64_t earliest = INT64_MAX, latest = 0;
    for (int i = 0; i < CROWD; i++) {
        (void)snprintf(instance, sizeof(instance), "c%d", i);
        start_with(url);
        all[i] = control;
    }
    expect_watches(CROWD);
    const int64_t end_ms = clock_mono_ms();
    end_all(stopping);
    expect_watches(2 * CROWD);
    for (int i = CROWD; i < 2 * CROWD; i++) {
        const int64_t at = watched_at(i);
        earliest = at < earliest ? at : earliest;
        latest = at > latest ? at : latest;
    }
    ck_assert_int_gt(latest - earliest, 300); /* of 1000, 24 draws */
    ck_assert_int_lt(latest - end_ms, 1000 + 500);
    for (int i = 0; i < CROWD; i++)
        control_stop(all[i]);
    control = NULL;
}
END_TEST

/* A list shares the load: clients begin at different servers. */
START_TEST(clients_begin_at_different_servers)
{
    int n_local = 0;
    for (int i = 0; i < CROWD; i++) {
        (void)snprintf(instance, sizeof(instance), "host-%d-1a2b3c", 4000 + i);
        start_with_two();
        expect_watches(i + 1);
        pthread_mutex_lock(&mutex);
        n_local += strncmp(last_host, "localhost", 9) == 0;
        pthread_mutex_unlock(&mutex);
        control_stop(control);
    }
    control = NULL;
    ck_assert_int_gt(n_local, CROWD / 6);
    ck_assert_int_lt(n_local, CROWD - CROWD / 6);
}
END_TEST

static void
set_up_crowd(void)
{
    streams_max = CROWD;
    set_up();
}

int
main(void)
{
    Suite *s = suite_create("reconnect");
    TCase *one = tcase_create("one client");
    tcase_set_timeout(one, 60);
    tcase_add_checked_fixture(one, set_up, tear_down);
    tcase_add_test(one, says_what_it_holds);
    tcase_add_test(one, resumed_keeps_the_route);
    tcase_add_test(one, resumed_at_an_older_revision_is_refused);
    tcase_add_test(one, resuming_another_route_is_refused);
    tcase_add_test(one, a_refused_answer_is_not_held);
    tcase_add_test(one, other_topics_are_another_question);
    tcase_add_test(one, the_route_on_disk_is_not_resumed);
    tcase_add_test(one, nothing_held_nothing_resumed);
    tcase_add_test(one, retry_after_is_honoured);
    tcase_add_test(one, a_busy_server_is_passed_over);
    tcase_add_test(one, a_dropped_stream_goes_on_at_once_elsewhere);
    tcase_add_test(one, a_dead_server_is_passed_over);
    tcase_add_test(one, clients_begin_at_different_servers);
    suite_add_tcase(s, one);
    TCase *crowd = tcase_create("a crowd");
    tcase_set_timeout(crowd, 60);
    tcase_add_checked_fixture(crowd, set_up_crowd, tear_down);
    tcase_add_test(crowd, a_crowd_comes_back_spread);
    suite_add_tcase(s, crowd);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? 1 : 0;
}
