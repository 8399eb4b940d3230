/*
 * The control thread against route services and mappers made here, and a bare
 * socket for what no HTTP server would send; see control_world.h.
 */
#include <sys/socket.h>

#include "tests/unit/sdk/control_world.h"

/* ---- tests --------------------------------------------------------------- */

START_TEST(follows_the_stream)
{
    start_with(url);
    expect_revision(5);
    ck_assert(wait_until(was_told, NULL, DEADLINE_MS));
    push_route(6, "b");
    expect_revision(6);
    struct route *r = control_route(control);
    ck_assert_str_eq(r->answer.routes[0].cluster, "b");
    ck_assert_int_eq(r->from_disk, 0);
    route_unref(r);
}
END_TEST

START_TEST(garbage_changes_nothing)
{
    start_with(url);
    expect_revision(5);
    push("not json");
    push("{\"revision\":");
    push("{\"revision\":9}");
    push("[]");
    push("{\"revision\":-3,\"routes\":[],\"clusters\":[],\"flows\":[]}");
    push_route(6, "b");
    expect_revision(6);
    ck_assert(has_line((char[]){"cannot be used, it is ignored"}));
}
END_TEST

START_TEST(an_older_revision_is_refused)
{
    start_with(url);
    expect_revision(5);
    push_route(3, "b"); /* a wiped store */
    ck_assert(wait_until(has_line, (char[]){"was the route store wiped"},
                         DEADLINE_MS));
    ck_assert_int_eq(revision(), 5);
    struct route *r = control_route(control);
    ck_assert_str_eq(r->answer.routes[0].cluster, "a");
    route_unref(r);
    push_route(6, "b");
    expect_revision(6);
}
END_TEST

START_TEST(one_revision_says_one_thing)
{
    start_with(url);
    expect_revision(5);
    push_route(5, "b");
    ck_assert(
        wait_until(has_line, (char[]){"says something else of"}, DEADLINE_MS));
    struct route *r = control_route(control);
    ck_assert_str_eq(r->answer.routes[0].cluster, "a");
    route_unref(r);
    push_route(6, "b");
    expect_revision(6);
}
END_TEST

/* What an earlier client leaves on disk: revision 5. */
static void
leave_on_disk(void)
{
    start_with(url);
    expect_revision(5);
    control_stop(control);
    control = NULL;
}

static void
fall_silent(void)
{
    pthread_mutex_lock(&mutex);
    *first = '\0';
    pthread_mutex_unlock(&mutex);
}

/* What comes first, and how long it took. */
static int64_t
first_revision(int64_t *took_ms)
{
    const int64_t start_ms = clock_mono_ms();
    int64_t got;
    while ((got = revision()) < 0 && clock_mono_ms() < start_ms + DEADLINE_MS)
        (void)usleep(100);
    *took_ms = clock_mono_ms() - start_ms;
    return got;
}

START_TEST(starts_from_disk)
{
    int64_t took_ms;
    leave_on_disk();
    stop_serving();
    start_with(url); /* nobody there */
    ck_assert_int_eq(first_revision(&took_ms), 5);
    ck_assert_int_lt(took_ms, 500);
    struct route *r = control_route(control);
    ck_assert_int_eq(r->from_disk, 1);
    route_unref(r);
    ck_assert(
        wait_until(has_line, (char[]){"route service: POST"}, DEADLINE_MS));
    ck_assert_int_eq(revision(), 5);
}
END_TEST

START_TEST(starts_from_disk_when_all_servers_refuse)
{
    int64_t took_ms;
    char both[256];
    (void)snprintf(both, sizeof(both), "http://127.0.0.1:1,%s", url);
    start_with(both);
    expect_revision(5);
    control_stop(control);
    control = NULL;
    stop_serving();
    start_with(both);
    ck_assert_int_eq(first_revision(&took_ms), 5);
    ck_assert_int_lt(took_ms, 500);
}
END_TEST

/* The route on disk may be one that was fenced since. */
START_TEST(an_answer_comes_before_the_disk)
{
    leave_on_disk();
    fall_silent();
    start_with(url);
    ck_assert(wait_until(reached, (int[]){2, 0, 0}, DEADLINE_MS));
    ck_assert_int_eq(revision(), -1);
    push_route(6, "b");
    int64_t took_ms;
    ck_assert_int_eq(first_revision(&took_ms), 6);
    struct route *r = control_route(control);
    ck_assert_int_eq(r->from_disk, 0);
    route_unref(r);
}
END_TEST

START_TEST(a_dead_server_does_not_bring_the_disk)
{
    char both[256];
    int64_t took_ms;
    (void)snprintf(both, sizeof(both), "http://127.0.0.1:1,%s", url);
    start_with(both);
    expect_revision(5);
    for (int i = 0; i < 8; i++) { /* at either of them first */
        control_stop(control);
        (void)snprintf(instance, sizeof(instance), "i%d", i);
        set_first(6 + i, "b");
        start_with(both);
        ck_assert_int_eq(first_revision(&took_ms), 6 + i);
    }
}
END_TEST

START_TEST(a_silent_service_is_waited_for_once)
{
    int64_t took_ms;
    struct strlist topics = {0};
    ck_assert_int_eq(strlist_split(&topics, "orders,more", ","), 0);
    start_with(url);
    expect_revision(5);
    set_first(6, "a");
    ck_assert_int_eq(control_set_topics(control, &topics), 0);
    expect_revision(6);
    control_stop(control);
    fall_silent();
    start_with(url);
    ck_assert_int_eq(first_revision(&took_ms), 5);
    ck_assert_int_ge(took_ms, 900);
    ck_assert_int_lt(took_ms, 2000);
    const int64_t start_ms = clock_mono_ms();
    ck_assert_int_eq(control_set_topics(control, &topics), 0);
    expect_revision(6);
    ck_assert_int_lt(clock_mono_ms() - start_ms, 500);
    ck_assert(wait_until(reached, (int[]){4, 0, 0}, DEADLINE_MS));
    push_route(7, "b");
    expect_revision(7);
    strlist_fini(&topics);
}
END_TEST

START_TEST(a_wiped_service_does_not_beat_the_disk)
{
    start_with(url);
    expect_revision(5);
    control_stop(control);
    set_first(2, "b");
    start_with(url);
    ck_assert(wait_until(has_line, (char[]){"was the route store wiped"},
                         DEADLINE_MS));
    ck_assert_int_eq(revision(), 5);
}
END_TEST

START_TEST(new_topics_are_watched)
{
    start_with(url);
    expect_revision(5);
    struct strlist topics = {0};
    ck_assert_int_eq(strlist_split(&topics, "orders,more", ","), 0);
    ck_assert_int_eq(control_set_topics(control, &topics), 0);
    ck_assert(wait_until(reached, (int[]){2, 0, 0}, DEADLINE_MS));
    pthread_mutex_lock(&mutex);
    ck_assert_ptr_nonnull(strstr(last_body, "\"more\""));
    pthread_mutex_unlock(&mutex);
    ck_assert_int_eq(control_set_topics(control, &topics), 0); /* no news */
    strlist_fini(&topics);
}
END_TEST

START_TEST(several_servers_in_turn)
{
    char servers[256];
    (void)snprintf(servers, sizeof(servers), "http://127.0.0.1:1,%s", url);
    start_with(servers);
    expect_revision(5);
}
END_TEST

/* A service that flaps is not stormed: backoff grows. */
START_TEST(flapping_is_survived)
{
    atomic_store(&hang_up_at_once, true);
    start_with(url);
    expect_revision(5);
    const int64_t start_ms = clock_mono_ms();
    ck_assert(wait_until(reached, (int[]){6, 0, 0}, DEADLINE_MS));
    ck_assert_int_eq(revision(), 5);
    ck_assert_int_lt(clock_mono_ms() - start_ms, 30000);
}
END_TEST

static int
lines_with(const char *words)
{
    int n = 0;
    pthread_mutex_lock(&mutex);
    for (const char *at = lines; (at = strstr(at, words)); at++)
        n++;
    pthread_mutex_unlock(&mutex);
    return n;
}

/* Two complaints that take turns are said once, and anew after good news. */
START_TEST(rubbish_is_complained_of_once)
{
    pthread_mutex_lock(&mutex);
    (void)strcpy(first, "rubbish");
    pthread_mutex_unlock(&mutex);
    atomic_store(&hang_up_at_once, true);
    start_with(url);
    ck_assert(wait_until(reached, (int[]){6, 0, 0}, DEADLINE_MS));
    ck_assert_int_eq(lines_with("cannot be used"), 1);
    ck_assert_int_eq(lines_with("ended the stream"), 1);
    set_first(5, "a");
    atomic_store(&hang_up_at_once, false);
    expect_revision(5);
    push("rubbish");
    ck_assert(wait_until(has_line, (char[]){"cannot be used"}, DEADLINE_MS));
    push_route(6, "b");
    expect_revision(6);
    ck_assert_int_eq(lines_with("cannot be used"), 2);
}
END_TEST

static int
bare_listener(int *port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    *port = ntohs(addr.sin_port);
    return fd;
}

static void
answer_bare(int listener, const char *bytes)
{
    char request[4096];
    const int fd = accept(listener, NULL, NULL);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(read(fd, request, sizeof(request)), 0);
    ck_assert_int_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    close(fd);
}

/* Half an event, garbage instead of HTTP, then a good server. */
START_TEST(half_events_are_forgotten)
{
    int port;
    char servers[256], half[8192], text[4096];
    const int listener = bare_listener(&port);
    (void)snprintf(servers, sizeof(servers), "http://127.0.0.1:%d,%s", port,
                   url);
    answer_text(text, sizeof(text), 8, "b");
    (void)snprintf(half, sizeof(half),
                   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                   "\r\nevent: route\ndata: %s",
                   text); /* no blank line: no event */
    start_with(servers);
    answer_bare(listener, half);
    expect_revision(5); /* the other server's */
    close(listener);
}
END_TEST

START_TEST(garbage_instead_of_http)
{
    int port;
    char servers[256];
    const int listener = bare_listener(&port);
    (void)snprintf(servers, sizeof(servers), "http://127.0.0.1:%d,%s", port,
                   url);
    start_with(servers);
    answer_bare(listener, "\x16\x03\x01 what?\r\n\r\n");
    expect_revision(5);
    close(listener);
}
END_TEST

static struct po_question
question(void)
{
    static char topic[] = "orders", from[] = "a", to[] = "b";
    static struct po_position position = {.topic = topic, .offset = 7};
    return (struct po_question){
        .from = from, .to = to, .positions = &position, .n = 1};
}

static int
ask(int64_t patience_ms, struct po_translation *out, struct err *err)
{
    struct asking *a = NULL;
    const struct po_question q = question();
    const int64_t deadline_ms = clock_mono_ms() + patience_ms;
    int rc = control_ask(control, &q, deadline_ms, &a, err);
    if (rc)
        return rc;
    while ((rc = asking_result(a, out, err)) == 1 &&
           clock_mono_ms() < deadline_ms + 5000)
        (void)usleep(1000);
    asking_free(a);
    return rc;
}

/* The first mapper of the flow is dead. */
START_TEST(a_dead_mapper_is_passed_over)
{
    struct po_translation t = {0};
    struct err err = {0};
    start_with(url);
    expect_revision(5);
    ck_assert_msg(ask(5000, &t, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(t.n, 1);
    ck_assert_int_eq(t.v[0].position, 5);
    po_translation_fini(&t);
}
END_TEST

START_TEST(a_refusal_fails_with_its_words)
{
    struct po_translation t = {0};
    struct err err = {0};
    atomic_store(&translate_status, 501);
    pthread_mutex_lock(&mutex);
    char *dead = strstr(first, "\"http://127.0.0.1:1\",");
    memset(dead, ' ', strlen("\"http://127.0.0.1:1\","));
    pthread_mutex_unlock(&mutex);
    start_with(url);
    expect_revision(5);
    ck_assert_int_eq(ask(5000, &t, &err), ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "no single flow joins them"));
}
END_TEST

START_TEST(no_mapper_answers_in_time)
{
    struct po_translation t = {0};
    struct err err = {0};
    atomic_store(&translate_status, 0);
    start_with(url);
    expect_revision(5);
    const int64_t start_ms = clock_mono_ms();
    ck_assert_int_eq(ask(300, &t, &err), ERR_TIMEOUT);
    ck_assert_int_lt(clock_mono_ms() - start_ms, 3000);
    ck_assert_ptr_nonnull(strstr(err.text, "no offset mapper answered"));
}
END_TEST

START_TEST(stop_is_quick_in_mid_request)
{
    struct asking *a = NULL;
    struct po_translation t = {0};
    struct err err = {0};
    const struct po_question q = question();
    atomic_store(&translate_status, 0);
    start_with(url);
    expect_revision(5);
    ck_assert_int_eq(
        control_ask(control, &q, clock_mono_ms() + 60000, &a, &err), 0);
    ck_assert(wait_until(reached, (int[]){1, 0, 1}, DEADLINE_MS));
    const int64_t start_ms = clock_mono_ms();
    control_stop(control);
    control = NULL;
    ck_assert_int_lt(clock_mono_ms() - start_ms, 500);
    ck_assert_int_eq(asking_result(a, &t, &err), ERR_CLOSED);
    asking_free(a);
}
END_TEST

/* Let go while it is under way: nothing leaks, nothing is touched. */
START_TEST(a_question_can_be_dropped)
{
    struct asking *a = NULL;
    struct err err = {0};
    const struct po_question q = question();
    atomic_store(&translate_status, 0);
    start_with(url);
    expect_revision(5);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(
            control_ask(control, &q, clock_mono_ms() + 60000, &a, &err), 0);
        asking_free(a);
    }
    push_route(6, "b");
    expect_revision(6);
}
END_TEST

static void
send_report(void)
{
    const struct pt_report r = {
        .instance = (char[]){"i1"},
        .revision = 5,
        .cluster = (char[]){"a"},
        .state = (char[]){"running"},
        .since = 5,
        .switch_ms = -1,
        .reread_bound = -1,
    };
    ck_assert_int_eq(control_report(control, &r), 0);
}

START_TEST(reports_arrive)
{
    start_with(url);
    expect_revision(5);
    send_report();
    ck_assert(wait_until(reached, (int[]){1, 1, 0}, DEADLINE_MS));
}
END_TEST

/* As a route service does that has started again and forgotten them. */
START_TEST(the_last_report_is_sent_again_on_a_new_stream)
{
    start_with(url);
    expect_revision(5);
    send_report();
    ck_assert(wait_until(reached, (int[]){1, 1, 0}, DEADLINE_MS));
    ck_assert_int_eq(loop_post(loop, end_streams, NULL), 0);
    ck_assert(wait_until(reached, (int[]){2, 2, 0}, DEADLINE_MS));
    ck_assert_int_eq(loop_post(loop, end_streams, NULL), 0);
    ck_assert(wait_until(reached, (int[]){3, 3, 0}, DEADLINE_MS));
}
END_TEST

START_TEST(a_report_of_an_unknown_client_is_sent_again)
{
    atomic_store(&report_refusals, 1);
    start_with(url);
    expect_revision(5);
    send_report();
    ck_assert(wait_until(reached, (int[]){1, 2, 0}, DEADLINE_MS));
}
END_TEST

START_TEST(without_a_mapper_the_question_fails)
{
    struct po_translation t = {0};
    struct err err = {0};
    start_with("http://127.0.0.1:1");
    ck_assert_int_eq(ask(1000, &t, &err), ERR_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "mappers"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("control");
    TCase *t = tcase_create("control");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, follows_the_stream);
    tcase_add_test(t, garbage_changes_nothing);
    tcase_add_test(t, an_older_revision_is_refused);
    tcase_add_test(t, one_revision_says_one_thing);
    tcase_add_test(t, starts_from_disk);
    tcase_add_test(t, starts_from_disk_when_all_servers_refuse);
    tcase_add_test(t, an_answer_comes_before_the_disk);
    tcase_add_test(t, a_dead_server_does_not_bring_the_disk);
    tcase_add_test(t, a_silent_service_is_waited_for_once);
    tcase_add_test(t, a_wiped_service_does_not_beat_the_disk);
    tcase_add_test(t, new_topics_are_watched);
    tcase_add_test(t, several_servers_in_turn);
    tcase_add_test(t, flapping_is_survived);
    tcase_add_test(t, rubbish_is_complained_of_once);
    tcase_add_test(t, half_events_are_forgotten);
    tcase_add_test(t, garbage_instead_of_http);
    tcase_add_test(t, a_dead_mapper_is_passed_over);
    tcase_add_test(t, a_refusal_fails_with_its_words);
    tcase_add_test(t, no_mapper_answers_in_time);
    tcase_add_test(t, stop_is_quick_in_mid_request);
    tcase_add_test(t, a_question_can_be_dropped);
    tcase_add_test(t, reports_arrive);
    tcase_add_test(t, the_last_report_is_sent_again_on_a_new_stream);
    tcase_add_test(t, a_report_of_an_unknown_client_is_sent_again);
    tcase_add_test(t, without_a_mapper_the_question_fails);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? 1 : 0;
}
