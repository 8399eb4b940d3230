/*
 * The service over HTTP: streams, and the register of clients.  Every test has
 * a service with an empty store.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/unit/route-service/world.h"

START_TEST(pushed)
{
    struct seen s;
    expect("/v1/changes", CHANGE(SETTLE), 200, "");
    watch(&s, WATCH("i1"));
    wait_events(&s, 1);
    ck_assert_str_eq(s.event, "route");
    ck_assert_str_eq(s.id, "1");
    assert_data(&s, "{'revision':1,'routes':[{'topic':'orders','cluster':'a'");
    /* dry: told what would move, and nothing does */
    expect("/v1/changes",
           "{'dry_run':true,'operations':[" MADE_RULE(
               "r", "0", "'cluster.code':'c'", "b") "]}",
           200, "'revision':1,'dry_run':true,'warnings':[],'moves':[{'client'");
    expect("/v1/changes", FLIP("b"), 200, "'from':'a','to':'b'}]");
    wait_events(&s, 2);
    ck_assert_str_eq(s.id, "2");
    assert_data(&s, "'cluster':'b','rule':'r','since':2,'previous':'a'");
    http_call_cancel(s.call);
}
END_TEST

/* A change that does not concern the client is not pushed to it. */
START_TEST(not_pushed)
{
    struct seen s;
    expect("/v1/changes", CHANGE(SETTLE), 200, "");
    watch(&s, WATCH("i1"));
    wait_events(&s, 1);
    expect("/v1/changes",
           CHANGE(MADE_RULE("x", "9", "'cluster.code':'y'", "b")), 200,
           "'revision':2,'dry_run':false,'warnings':[],'moves':[]");
    wait_heartbeats(&s, 2);
    ck_assert_int_eq(s.events, 1);
    expect("/v1/changes", FLIP("b"), 200, "'revision':3");
    wait_events(&s, 2);
    ck_assert_str_eq(s.id, "3");
    http_call_cancel(s.call);
}
END_TEST

START_TEST(route_comes_and_goes)
{
    struct seen s;
    watch(&s, WATCH("i1"));
    wait_events(&s, 1);
    assert_data(&s, "'cluster':null");
    expect("/v1/changes", CHANGE(SETTLE), 200, "'from':null,'to':'a'");
    wait_events(&s, 2);
    assert_data(&s, "'cluster':'a'");
    expect("/v1/changes", CHANGE("{'op':'delete','rule':'r'}"), 200,
           "'from':'a','to':null");
    wait_events(&s, 3);
    assert_data(&s, "'cluster':null");
    http_call_cancel(s.call);
}
END_TEST

START_TEST(listed)
{
    struct seen s;
    watch(&s, WATCH("i1"));
    wait_events(&s, 1);
    expect("/v1/clients", NULL, 200,
           "'client':{'instance':'i1','name':'n','version':'','host':'',"
           "'pid':0}");
    expect("/v1/clients", NULL, 200, "'report':null,'report_age_ms':null");
    expect("/v1/reports",
           "{'instance':'i1','revision':0,'cluster':'a','state':'stuck',"
           "'detail':'no broker','since':0,'switch_ms':41,"
           "'reread_bound':7,'lag':3}",
           200, "{}");
    expect("/v1/clients", NULL, 200,
           "'state':'stuck','detail':'no broker','since':0,'switch_ms':41,"
           "'reread_bound':7,'lag':3},'report_age_ms':");
    http_call_cancel(s.call);
    wait_listed("/v1/clients?connected=false", 1);
    expect("/v1/clients", NULL, 200, "'state':'stuck'");
    expect("/v1/reports", "{'instance':'i1','revision':0,'state':'running'}",
           404, "'field':'instance'");
}
END_TEST

START_TEST(same_client_comes_back)
{
    struct seen first;
    struct seen second;
    watch(&first, WATCH("i1"));
    wait_events(&first, 1);
    watch(&second, WATCH("i1"));
    wait_events(&second, 1);
    wait_done(&first);
    ck_assert_str_eq(first.event, "closed");
    wait_listed("/v1/clients", 1);
    http_call_cancel(second.call);
}
END_TEST

/* Asks for a stream of large answers over a socket that is never read. */
static int
watch_without_reading(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int small = 4096;
    char *body = malloc(20000);
    int len = snprintf(body, 20000,
                       "{\"client\":{\"instance\":\"slow\"},"
                       "\"identity\":{\"cluster.code\":\"c\","
                       "\"role\":\"consumer\",\"topics\":["
                       "\"t\"");
    for (int i = 0; i < 900; i++)
        len += snprintf(body + len, 20000 - (size_t)len, ",\"t%d\"", i);
    len += snprintf(body + len, 20000 - (size_t)len, "]}}");
    ck_assert_int_lt(len, 20000);
    to.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    ck_assert_int_gt(dprintf(fd,
                             "POST /v1/watch HTTP/1.1\r\nHost: x\r\n"
                             "Content-Length: %d\r\n\r\n%s",
                             len, body),
                     0);
    free(body);
    return fd;
}

static bool
flipped_until_dropped(void *arg)
{
    int *flips = arg;
    free(ask("/v1/changes", ++*flips % 2 ? FLIP("b") : FLIP("a"), 200));
    char *text = ask("/metrics", NULL, 200);
    const bool dropped =
        strstr(text, "\nshunt_route_streams_dropped_total 1\n") != NULL;
    free(text);
    return dropped;
}

START_TEST(slow_reader_is_dropped)
{
    int flips = 0;
    expect("/v1/changes", CHANGE(SETTLE), 200, "");
    const int fd = watch_without_reading();
    ck_assert(wait_until(flipped_until_dropped, &flips, DEADLINE_MS));
    wait_listed("/v1/clients?connected=true", 0);
    wait_listed("/v1/clients?instance=slow", 1);
    close(fd);
}
END_TEST

START_TEST(told_when_it_stops)
{
    struct seen s;
    watch(&s, WATCH("i1"));
    wait_events(&s, 1);
    ck_assert_int_eq(loop_post(loop, stop_service, &service), 0);
    wait_done(&s);
    ck_assert_str_eq(s.event, "closed");
    assert_data(&s, "{'reason':'the server is stopping'}");
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("watches");
    TCase *t = tcase_create("watch");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, pushed);
    tcase_add_test(t, not_pushed);
    tcase_add_test(t, route_comes_and_goes);
    tcase_add_test(t, listed);
    tcase_add_test(t, same_client_comes_back);
    tcase_add_test(t, slow_reader_is_dropped);
    tcase_add_test(t, told_when_it_stops);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
