/*
 * A service of several loops over HTTP.  Which loop a connection comes to is
 * the kernel's choice, so there are enough of them for all loops.
 */
#include "route-service/admission.h"
#include "tests/unit/route-service/world.h"

#define LOOPS 3
#define CROWD 40

static struct seen crowd[CROWD];

static void
setup_loops(void)
{
    settings.loops = LOOPS;
    settings.limits.connections_max = 500;
    setup();
    expect("/v1/changes", CHANGE(SETTLE), 200, "'revision':1");
}

static void
watch_as(struct seen *s, int i)
{
    char body[512];
    (void)snprintf(
        body, sizeof(body),
        "{'client':{'instance':'i%03d','name':'n'},'identity':" ID "}", i);
    watch(s, body);
}

static void
gather_crowd(void)
{
    for (int i = 0; i < CROWD; i++)
        watch_as(&crowd[i], i);
    for (int i = 0; i < CROWD; i++)
        wait_events(&crowd[i], 1);
}

static void
dismiss_crowd(void)
{
    for (int i = 0; i < CROWD; i++)
        if (!crowd[i].done)
            http_call_cancel(crowd[i].call);
}

/* How many loops have a value above 0 in the metrics. */
static int
loops_with(const char *metric)
{
    char *text = ask("/metrics", NULL, 200);
    int n = 0;
    for (int i = 0; i < LOOPS; i++) {
        char line[128];
        (void)snprintf(line, sizeof(line), "\nshunt_route_%s{loop=\"%d\"} ",
                       metric, i);
        const char *at = strstr(text, line);
        ck_assert_msg(at != NULL, "no %s in %s", line, text);
        n += at[strlen(line)] != '0';
    }
    free(text);
    return n;
}

START_TEST(all_loops_push)
{
    gather_crowd();
    ck_assert_int_gt(loops_with("loop_watchers"), 1);
    expect("/v1/changes", FLIP("b"), 200, "'moves_total':40");
    for (int i = 0; i < CROWD; i++) {
        wait_events(&crowd[i], 2);
        ck_assert_str_eq(crowd[i].id, "2");
    }
    char *text = ask("/metrics", NULL, 200);
    ck_assert_ptr_nonnull(strstr(text, "\nshunt_route_loops 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nshunt_route_watchers 40\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "events_sent_total{event=\"route\"} 80\n"));
    free(text);
    dismiss_crowd();
}
END_TEST

/* Any loop finds the clients of the others. */
START_TEST(all_loops_know)
{
    gather_crowd();
    wait_listed("/v1/clients", CROWD);
    expect("/v1/clients?limit=7&after=i031", NULL, 200,
           "{'clients':[{'client':{'instance':'i032'");
    expect("/v1/clients?limit=7&after=i031", NULL, 200, "'next':'i038'}");
    for (int i = 0; i < CROWD; i++) {
        char body[256];
        (void)snprintf(body, sizeof(body),
                       "{'instance':'i%03d','revision':1,'cluster':'a',"
                       "'state':'running'}",
                       i);
        expect("/v1/reports", body, 200, "{}");
    }
    wait_listed("/v1/clients?state=running", CROWD);
    expect("/v1/reports",
           "{'instance':'nobody','revision':1,'state':'running'}", 404,
           "'field':'instance','value':'nobody'");
    dismiss_crowd();
}
END_TEST

/* One stream of an instance is left, whichever loops they came to. */
START_TEST(comes_back_elsewhere)
{
    for (int i = 0; i < CROWD; i++) {
        watch_as(&crowd[i], 0);
        wait_events(&crowd[i], 1);
    }
    for (int i = 0; i < CROWD - 1; i++) {
        wait_done(&crowd[i]);
        ck_assert_str_eq(crowd[i].event, "closed");
    }
    ck_assert(!crowd[CROWD - 1].done);
    wait_listed("/v1/clients", 1);
    expect("/v1/changes", FLIP("b"), 200, "'moves_total':1");
    wait_events(&crowd[CROWD - 1], 2);
    dismiss_crowd();
}
END_TEST

START_TEST(all_loops_stop)
{
    gather_crowd();
    ck_assert_int_eq(loop_post(loop, stop_service, &service), 0);
    for (int i = 0; i < CROWD; i++) {
        wait_done(&crowd[i]);
        ck_assert_str_eq(crowd[i].event, "closed");
        assert_data(&crowd[i], "{'reason':'the server is stopping'}");
    }
}
END_TEST

/* The loops of one service share an address; two services do not. */
START_TEST(address_is_taken)
{
    char again[512];
    struct service_conf conf = settings;
    struct loop *other;
    struct service s;
    struct err err;
    (void)snprintf(again, sizeof(again), "%s", tmpdir_file(&dir, "second"));
    conf.data_dir = again;
    conf.listen = url + strlen("http://");
    ck_assert_int_eq(loop_new(&other, &err), 0);
    ck_assert_int_eq(service_open(&s, other, &conf, &err), ERR_BUSY);
    ck_assert_msg(strstr(err.text, "in use") != NULL, "%s", err.text);
    loop_free(other);
}
END_TEST

/* Whatever is under way when it stops is answered or dropped, and freed. */
START_TEST(stops_in_the_middle)
{
    static const char *const paths[] = {"/v1/clients", "/v1/table", "/metrics",
                                        "/v1/history"};
    struct seen s[32];
    gather_crowd();
    for (int i = 0; i < 32; i++) {
        char *at = full_url(i % 8 ? paths[i % 4] : "/v1/changes");
        const struct http_call_conf conf = {
            .method = i % 8 ? "GET" : "POST",
            .url = at,
            .body = i % 8 ? NULL : "{\"operations\":[]}",
            .timeout_ms = DEADLINE_MS,
            .answer_max_bytes = BODY_MAX,
            .on_done = on_done,
            .arg = &s[i],
        };
        s[i] = (struct seen){0};
        ck_assert_int_eq(http_call_start(client, &conf, &s[i].call, NULL), 0);
        free(at);
        http_client_poll(client, 0);
    }
    ck_assert_int_eq(loop_post(loop, stop_service, &service), 0);
    for (int i = 0; i < 32; i++)
        wait_done(&s[i]);
    dismiss_crowd();
}
END_TEST

/* ---- admission ----------------------------------------------------------- */

START_TEST(admission)
{
    struct admission a;
    int retry_s = 0;
    int64_t now = 5000000;
    admission_init(&a, 10);
    for (int i = 0; i < 10; i++)
        ck_assert(admission_take(&a, now, &retry_s));
    /* the queue of those who have to wait is served at the same rate */
    for (int i = 0; i < 25; i++) {
        ck_assert(!admission_take(&a, now, &retry_s));
        ck_assert_int_eq(retry_s, (i + 1) / 10 + 1);
    }
    now += 100000;
    ck_assert(admission_take(&a, now, &retry_s));
    ck_assert(!admission_take(&a, now, &retry_s));
    for (int i = 0; i < 1000; i++)
        ck_assert(!admission_take(&a, now, &retry_s));
    ck_assert_int_eq(retry_s, 30);
    now += 60000000; /* all of it is over */
    ck_assert(admission_take(&a, now, &retry_s));
    admission_init(&a, 0);
    for (int i = 0; i < 1000; i++)
        ck_assert(admission_take(&a, now, &retry_s));
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("loops");
    TCase *t = tcase_create("loops");
    tcase_add_checked_fixture(t, setup_loops, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, all_loops_push);
    tcase_add_test(t, all_loops_know);
    tcase_add_test(t, comes_back_elsewhere);
    tcase_add_test(t, all_loops_stop);
    tcase_add_test(t, stops_in_the_middle);
    tcase_add_test(t, address_is_taken);
    suite_add_tcase(s, t);
    t = tcase_create("admission");
    tcase_add_test(t, admission);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
