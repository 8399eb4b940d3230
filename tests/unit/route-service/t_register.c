/*
 * The register of clients over HTTP: who is in it, for how long, who is found;
 * who may come in and who may go on.
 */
#include "tests/unit/route-service/world.h"

#define PERSON(instance, code, group, topic)                                   \
    "{'client':{'instance':'" instance "','name':'n-" instance                 \
    "','host':'h-" instance "'},'identity':{'cluster.code':'" code             \
    "','role':'consumer','group':'" group "','topics':['" topic "']}}"
#define REPORT(instance, revision, cluster, state)                             \
    "{'instance':'" instance "','revision':" revision ",'cluster':'" cluster   \
    "','state':'" state "','lag':5}"

/* ---- how long ------------------------------------------------------------ */

static void
setup_short(void)
{
    settings.expiry_ms = 100;
    setup();
}

START_TEST(leaves_when_expired)
{
    struct seen s;
    watch(&s, WATCH("i1"));
    wait_events(&s, 1);
    wait_heartbeats(&s, 3); /* longer than that: it is there all the same */
    wait_listed("/v1/clients", 1);
    http_call_cancel(s.call);
    wait_listed("/v1/clients", 0);
    char *text = ask("/metrics", NULL, 200);
    ck_assert_ptr_nonnull(strstr(text, "\nshunt_route_identities 0\n"));
    free(text);
}
END_TEST

START_TEST(comes_back_in_time)
{
    struct seen s;
    watch(&s, WATCH("i1"));
    wait_events(&s, 1);
    expect("/v1/reports", REPORT("i1", "0", "a", "running"), 200, "{}");
    http_call_cancel(s.call);
    wait_listed("/v1/clients?connected=false&state=running", 1);
    expect("/v1/reports", REPORT("i1", "0", "a", "running"), 404,
           "'field':'instance','value':'i1'");
    watch(&s, WATCH("i1"));
    wait_events(&s, 1);
    wait_listed("/v1/clients?connected=false", 0);
    wait_listed("/v1/clients?connected=true", 1);
    http_call_cancel(s.call);
}
END_TEST

/* ---- who is found -------------------------------------------------------- */

static struct seen people[4];

static void
setup_people(void)
{
    setup();
    expect("/v1/changes", CHANGE(SETTLE), 200, "'revision':1");
    watch(&people[0], PERSON("p0", "c", "g0", "orders"));
    watch(&people[1], PERSON("p1", "c", "g1", "orders"));
    watch(&people[2], PERSON("p2", "d", "g1", "bills"));
    watch(&people[3], PERSON("p3", "d", "g3", "bills"));
    for (int i = 0; i < 4; i++)
        wait_events(&people[i], 1);
    expect("/v1/reports", REPORT("p0", "1", "a", "running"), 200, "{}");
    expect("/v1/reports", REPORT("p1", "1", "a", "stuck"), 200, "{}");
}

static void
teardown_people(void)
{
    for (int i = 0; i < 4; i++)
        if (!people[i].done)
            http_call_cancel(people[i].call);
    teardown();
}

static const struct {
    const char *query;
    int total;
} filters[] = {
    {"", 4},
    {"?cluster.code=c", 2},
    {"?cluster.code=*", 4},
    {"?group=g1", 2},
    {"?group=g1&cluster.code=d", 1},
    {"?group=x", 0},
    {"?topic=ord*", 2},
    {"?topic=bills", 2},
    {"?name=n-p3", 1},
    {"?host=h-p?", 4},
    {"?instance=p0", 1},
    {"?state=running", 1},
    {"?state=stuck", 1},
    {"?state=unknown", 2},
    {"?cluster=a", 2},
    {"?cluster=b", 0},
    {"?connected=true", 4},
    {"?connected=false", 0},
    {"?behind=true", 0},
    {"?behind=false", 4},
};

START_TEST(filtered)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/clients%s", filters[_i].query);
    wait_listed(path, filters[_i].total);
}
END_TEST

START_TEST(paged)
{
    expect("/v1/clients?limit=2", NULL, 200, "'total':4,'next':'p1'}");
    expect("/v1/clients?limit=2", NULL, 200,
           "{'clients':[{'client':{"
           "'instance':'p0'");
    expect("/v1/clients?limit=2&after=p1", NULL, 200,
           "{'clients':[{'client':{'instance':'p2'");
    expect("/v1/clients?limit=2&after=p1", NULL, 200, "'total':4,'next':null}");
    expect("/v1/clients?limit=4", NULL, 200, "'next':null}");
    expect("/v1/clients?after=p3", NULL, 200,
           "{'clients':[],'total':4,'next':null}");
}
END_TEST

/* Told of a change is not: follows it. */
START_TEST(behind)
{
    expect("/v1/changes", FLIP("b"), 200, "'moves_total':2");
    wait_events(&people[0], 2);
    wait_events(&people[1], 2);
    wait_listed("/v1/clients?behind=true", 2);
    expect("/v1/reports", REPORT("p0", "2", "b", "running"), 200, "{}");
    wait_listed("/v1/clients?behind=true", 1);
    expect("/v1/clients?behind=true", NULL, 200, "'instance':'p1'");
    expect("/v1/clients?instance=p1", NULL, 200,
           "'revision':2,'behind':true,'report':{'instance':'p1'");
    /* one that is away, and whose answer changes meanwhile */
    http_call_cancel(people[0].call);
    people[0].done = true;
    wait_listed("/v1/clients?connected=false", 1);
    wait_listed("/v1/clients?behind=true", 1);
    expect("/v1/changes", FLIP("a"), 200, "'moves_total':1");
    wait_listed("/v1/clients?behind=true", 2);
}
END_TEST

/* ---- moves ----------------------------------------------------------------- */

START_TEST(moves_of_a_part)
{
    const char *const one =
        MADE_RULE("x", "5", "'cluster.code':'c','group':'g1'", "b");
    char body[512];
    (void)snprintf(body, sizeof(body), "{'dry_run':true,'operations':[%s]}",
                   one);
    expect("/v1/changes", body, 200,
           "'moves':[{'client':{'instance':'p1','name':'n-p1','version':'',"
           "'host':'h-p1','pid':0},'topic':'orders','from':'a','to':'b'}],"
           "'moves_total':1");
    expect("/v1/changes",
           "{'dry_run':true,'operations':[{'op':'delete',"
           "'rule':'r'}]}",
           200, "'from':'a','to':null}],'moves_total':2");
    ck_assert_int_eq(people[1].events, 1);
}
END_TEST

/* ---- who may go on ------------------------------------------------------- */

static const struct {
    const char *header, *event;
} resumes[] = {
    {NULL, "route"},
    {"Last-Event-ID: 1", "route"},   /* r was put at 2 */
    {"Last-Event-ID: 2", "resumed"}, /* nothing of it was touched since */
    {"Last-Event-ID: 3", "resumed"},
    {"Last-Event-ID: 4", "route"}, /* there is no such revision yet */
    {"Last-Event-ID: x", "route"},
    {"Last-Event-ID: -1", "route"},
};

START_TEST(resumed)
{
    struct seen s;
    expect("/v1/changes", CHANGE(MADE_CLUSTER("a") "," MADE_CLUSTER("b")), 200,
           "'revision':1");
    expect("/v1/changes", FLIP("a"), 200, "'revision':2");
    expect("/v1/changes",
           CHANGE(MADE_RULE("x", "0", "'cluster.code':'other'", "a")), 200,
           "'revision':3");
    watch_with(&s, WATCH("i1"), resumes[_i].header);
    wait_events(&s, 1);
    ck_assert_str_eq(s.event, resumes[_i].event);
    ck_assert_str_eq(s.id, "3");
    if (strcmp(s.event, "resumed") == 0)
        assert_data(&s, "{'revision':3,'routes':[{'topic':'orders','cluster':"
                        "'a','since':2}]}");
    expect("/v1/changes", FLIP("b"), 200, "'revision':4");
    wait_events(&s, 2);
    ck_assert_str_eq(s.event, "route");
    ck_assert_str_eq(s.id, "4");
    http_call_cancel(s.call);
}
END_TEST

/* ---- who may come in ----------------------------------------------------- */

static void
setup_slow(void)
{
    settings.watch_rate = 2;
    setup();
}

START_TEST(told_to_come_back)
{
    struct seen s[5];
    for (int i = 0; i < 5; i++) {
        watch(&s[i], WATCH("i"));
        if (i < 2)
            wait_events(&s[i], 1);
        else
            wait_done(&s[i]);
    }
    ck_assert_int_eq(s[4].status, 503);
    ck_assert_int_ge(s[4].retry_after_ms, 1000);
    ck_assert_int_ge(s[4].retry_after_ms, s[2].retry_after_ms);
    expect("/v1/resolve", "{'identity':" ID "}", 200, "'revision':0");
    char *text = ask("/metrics", NULL, 200);
    ck_assert_ptr_nonnull(strstr(text, "\nshunt_route_streams_refused_total "));
    ck_assert_ptr_nonnull(strstr(text, "path=\"/v1/watch\",status=\"503\"}"));
    free(text);
    http_call_cancel(s[1].call);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("register");
    TCase *t = tcase_create("expiry");
    tcase_add_checked_fixture(t, setup_short, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, leaves_when_expired);
    suite_add_tcase(s, t);
    t = tcase_create("people");
    tcase_add_checked_fixture(t, setup_people, teardown_people);
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, filtered, 0,
                        (int)(sizeof(filters) / sizeof(filters[0])));
    tcase_add_test(t, paged);
    tcase_add_test(t, behind);
    tcase_add_test(t, moves_of_a_part);
    suite_add_tcase(s, t);
    t = tcase_create("coming back");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, comes_back_in_time);
    tcase_add_loop_test(t, resumed, 0,
                        (int)(sizeof(resumes) / sizeof(resumes[0])));
    suite_add_tcase(s, t);
    t = tcase_create("admission");
    tcase_add_checked_fixture(t, setup_slow, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, told_to_come_back);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
