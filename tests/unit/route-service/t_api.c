/*
 * The service over HTTP: requests and answers.  Every test has a service with
 * an empty store.
 */
#include "tests/unit/route-service/world.h"

struct request {
    const char *path, *body;
    int status;
    const char *words;
};

static const struct request requests[] = {
    {"/healthz", NULL, 200, "{'status':'ok','revision':1}"},
    {"/readyz", NULL, 200, "'revision':1"},
    {"/v1/table", NULL, 200, "{'revision':1,'clusters':[{'name':'a'"},
    {"/v1/clients", NULL, 200, "{'clients':[],'total':0,'next':null}"},
    {"/v1/clients?limit=0", NULL, 400, "'field':'limit','value':'0'"},
    {"/v1/clients?state=[", NULL, 400, "'field':'state','value':'['"},
    {"/v1/clients?behind=1", NULL, 400, "'field':'behind','value':'1'"},
    {"/v1/clients?role=x", NULL, 400, "'field':'role'"},
    {"/v1/servers", NULL, 200, "{'self':'"},
    {"/v1/history", NULL, 200, "{'changes':[{'revision':1,'time':"},
    {"/v1/history?before=1", NULL, 200, "{'changes':[]}"},
    {"/v1/history?limit=0", NULL, 400, "'field':'limit','value':'0'"},
    {"/v1/history?limit=x", NULL, 400, "'field':'limit','value':'x'"},
    {"/v1/history?before=-1", NULL, 400, "'field':'before'"},
    {"/v1/resolve", "{'identity':" ID "}", 200,
     "'cluster':'a','rule':'r','since':1,'previous':null,'view':"
     "[{'topic':'orders','origin':'a'},{'topic':'b.orders','origin':'b'}]"},
    {"/v1/resolve", "{'identity':{'cluster.code':'z','role':'producer'}}", 200,
     "'topic':'','cluster':null,'rule':null,'since':0,'previous':null,"
     "'view':[]"},
    {"/v1/explain", "{'identity':" ID "}", 200,
     "{'rule':'r','priority':0,'cluster':'a','won':true"},
    {"/v1/nothing", NULL, 404, "'code':'NOTFOUND'"},
    {"/v1/changes", NULL, 405, "'code':"},
    /* bad input */
    {"/v1/changes", "{'operations':", 400, "'code':'PARSE'"},
    {"/v1/changes", "", 400, "'code':'PARSE'"},
    {"/v1/changes", "[]", 400, "'code':'INVALID'"},
    {"/v1/changes", "{'operations':[],'operations':[]}", 400, "'code':'PARSE'"},
    {"/v1/changes", CHANGE(MADE_RULE("x", "0", "", "x9")), 400,
     "'field':'operations[0].rule.cluster','value':'x9'"},
    {"/v1/changes", CHANGE(MADE_RULE("x", "0", "'topic':['a','[']", "a")), 400,
     "'field':'operations[0].rule.match.topic[1]','value':'['"},
    {"/v1/changes", CHANGE("{'op':'delete','cluster':'a'}"), 400,
     "'field':'operations[0].cluster','value':'a'"},
    {"/v1/changes", CHANGE("{'op':'delete','rule':'x'}"), 404,
     "'code':'NOTFOUND','field':'operations[0].rule','value':'x'"},
    {"/v1/changes",
     CHANGE("{'op':'put','rule':{'id':'x','cluster':'a','standby':'x9'}}"), 400,
     "'field':'operations[0].rule.standby','value':'x9'"},
    {"/v1/changes", "{'expect_revision':0,'operations':[]}", 409,
     "'code':'CONFLICT','field':'expect_revision','value':'0'"},
    {"/v1/changes", "{'expect_revision':0,'operations':[]}", 409,
     "'revision':1,'changed':["},
    {"/v1/changes", CHANGE(""), 200, "'revision':1,'dry_run':false"},
    {"/v1/resolve", "{'identity':{'role':'consumer'}}", 400,
     "'field':'identity.cluster.code'"},
    {"/v1/resolve", "{'identity':" ID ",'x':1}", 400, "'field':'x'"},
    {"/v1/resolve", "{}", 400, "'field':'identity'"},
    {"/v1/explain", "{'identity':7}", 400, "'field':'identity','value':'7'"},
    {"/v1/watch", "{'identity':" ID "}", 400, "'field':'client'"},
    {"/v1/watch", "{'client':{'instance':'i'},'identity':{}}", 400,
     "'field':'identity.cluster.code'"},
    {"/v1/reports", "{'instance':'i','revision':1,'state':'dead'}", 400,
     "'field':'state','value':'dead'"},
    {"/v1/reports", "{'instance':'i','revision':1,'state':'running'}", 404,
     "'field':'instance','value':'i'"},
};

START_TEST(request)
{
    const struct request *r = &requests[_i];
    expect("/v1/changes", CHANGE(SETTLE), 200, "'revision':1");
    expect(r->path, r->body, r->status, r->words);
    expect("/healthz", NULL, 200, "'revision':1");
}
END_TEST

/* A reason quotes what the client says, cut inside of a character here. */
START_TEST(explain_quotes_any_text)
{
    static const char a59[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    char body[256];
    expect("/v1/changes",
           CHANGE(SETTLE "," MADE_RULE("g", "1", "'group':'x'", "a")), 200, "");
    (void)snprintf(body, sizeof(body),
                   "{'identity':{'cluster.code':'c','role':'consumer',"
                   "'group':'%s\xc3\xa9'}}",
                   a59);
    expect("/v1/explain", body, 200, "group does not match");
    expect("/healthz", NULL, 200, "'revision':1");
}
END_TEST

START_TEST(too_large)
{
    char *body = malloc(BODY_MAX + 2);
    memset(body, ' ', BODY_MAX + 1);
    body[BODY_MAX + 1] = '\0';
    expect("/v1/changes", body, 413, "'code':'LIMIT'");
    expect("/healthz", NULL, 200, "'revision':0");
    free(body);
}
END_TEST

/* What a client says of itself is kept while its stream is open. */
START_TEST(client_too_large)
{
    static const struct {
        const char *path, *before, *after;
    } cases[] = {{"/v1/watch", "{'client':{'instance':'i','name':'",
                  "'},'identity':" ID "}"},
                 {"/v1/reports",
                  "{'instance':'i','revision':1,'state':'running','detail':'",
                  "'}"}};
    char *words = calloc(1, LIMIT_CLIENT_BYTES + 1);
    char *body = calloc(1, BODY_MAX);
    memset(words, 'x', LIMIT_CLIENT_BYTES);
    (void)snprintf(body, BODY_MAX, "%s%s%s", cases[_i].before, words,
                   cases[_i].after);
    expect(cases[_i].path, body, 413, "'code':'LIMIT'");
    expect("/healthz", NULL, 200, "'revision':0");
    free(words);
    free(body);
}
END_TEST

START_TEST(metrics)
{
    expect("/v1/changes", CHANGE(SETTLE), 200, "");
    expect("/v1/changes", CHANGE("{'op':'delete','rule':'x'}"), 404, "");
    char *text = ask("/metrics", NULL, 200);
    static const char *const wanted[] = {
        "# TYPE shunt_route_revision gauge\nshunt_route_revision 1\n",
        "shunt_route_watchers 0\n",
        "shunt_route_ready 1\n",
        "shunt_route_requests_total{path=\"/v1/changes\",status=\"200\"} 1\n",
        "shunt_route_requests_total{path=\"/v1/changes\",status=\"404\"} 1\n",
        "shunt_route_changes_total{result=\"committed\"} 1\n",
        "shunt_route_changes_total{result=\"refused\"} 1\n",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        ck_assert_msg(strstr(text, wanted[i]) != NULL, "no %s in %s", wanted[i],
                      text);
    free(text);
}
END_TEST

/* ---- restart ------------------------------------------------------------- */

START_TEST(restarted)
{
    struct err err;
    expect("/v1/changes", CHANGE(SETTLE), 200, "");
    expect("/v1/changes", FLIP("b"), 200, "");
    expect("/v1/changes", FLIP("a"), 200, "");
    char *table = ask("/v1/table", NULL, 200);
    char *answer = ask("/v1/resolve", "{'identity':" ID "}", 200);
    ck_assert_ptr_nonnull(strstr(answer, "\"since\":3,\"previous\":\"b\""));
    stop();
    ck_assert_msg(start(dir.path, "127.0.0.1:0", &err) == 0, "%s", err.text);
    char *table_again = ask("/v1/table", NULL, 200);
    char *answer_again = ask("/v1/resolve", "{'identity':" ID "}", 200);
    ck_assert_str_eq(table, table_again);
    ck_assert_str_eq(answer, answer_again);
    expect("/v1/changes", FLIP("b"), 200, "'revision':4");
    free(table);
    free(answer);
    free(table_again);
    free(answer_again);
}
END_TEST

static void
assert_not_started(const char *data_dir, const char *listen, int code,
                   const char *words)
{
    struct service_conf conf = settings;
    conf.listen = listen;
    conf.data_dir = data_dir;
    struct loop *other;
    struct service s;
    struct err err;
    ck_assert_int_eq(loop_new(&other, &err), 0);
    ck_assert_int_eq(service_open(&s, other, &conf, &err), code);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
    loop_free(other);
}

START_TEST(not_started)
{
    struct store *s = NULL;
    char again[512];
    (void)snprintf(again, sizeof(again), "%s", tmpdir_file(&dir, "second"));
    assert_not_started(dir.path, "127.0.0.1:0", ERR_BUSY,
                       "another shunt-route uses");
    assert_not_started(again, url + strlen("http://"), ERR_BUSY, "in use");
    assert_not_started("/proc/nowhere", "127.0.0.1:0", ERR_IO, "/proc/nowhere");
    ck_assert_int_eq(store_open(again, &s, NULL), 0);
    ck_assert_int_eq(store_append(s, 1, "{}", 2, NULL), 0);
    store_close(s);
    assert_not_started(again, "127.0.0.1:0", ERR_CORRUPT,
                       "change 1 can't be used");
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("route service");
    TCase *t = tcase_create("requests");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, request, 0,
                        (int)(sizeof(requests) / sizeof(requests[0])));
    tcase_add_test(t, explain_quotes_any_text);
    tcase_add_test(t, too_large);
    tcase_add_loop_test(t, client_too_large, 0, 2);
    tcase_add_test(t, metrics);
    tcase_add_test(t, restarted);
    tcase_add_test(t, not_started);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
