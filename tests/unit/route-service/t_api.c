/*
 * The service over HTTP: its loop on a thread of its own, the client on the
 * test's.  Every test has a service with an empty store.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/net/http_client.h"
#include "route-service/limits.h"
#include "route-service/service.h"
#include "tests/support/support.h"
#include "tests/unit/route-service/made.h"

#define DEADLINE_MS 10000
#define BODY_MAX    (1 << 20)
#define SETTLE                                                                 \
    MADE_CLUSTER("a")                                                          \
    "," MADE_CLUSTER("b") "," MADE_FLOW("a", "b") "," MADE_FLOW(               \
        "b", "a") "," MADE_RULE("r", "0", "'cluster.code':'c'", "a")
#define ID                                                                     \
    "{'cluster.code':'c','role':'consumer','group':'g',"                       \
    "'topics':['orders']}"

static struct tmpdir dir;
static struct loop *loop;
static struct service service;
static pthread_t thread;
static bool running;
static char *url;
static struct http_client *client;

static void *
run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static int
start(const char *data_dir, const char *listen, struct err *err)
{
    const struct service_conf conf = {
        .listen = listen,
        .data_dir = data_dir,
        .heartbeat_ms = 100,
        .limits = {.body_max_bytes = BODY_MAX,
                   .header_max_bytes = 8192,
                   .connections_max = 50,
                   .stream_backlog_max_bytes = 1 << 20,
                   .idle_timeout_ms = 30000},
    };
    ck_assert_int_eq(loop_new(&loop, err), 0);
    const int rc = service_open(&service, loop, &conf, err);
    if (rc) {
        loop_free(loop);
        return rc;
    }
    url = strdup(http_server_url(service.server));
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
    running = true;
    return 0;
}

static void
stop_service(void *arg)
{
    service_stop(arg);
}

static void
stop(void)
{
    if (!running)
        return;
    ck_assert_int_eq(loop_post(loop, stop_service, &service), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    running = false;
    service_close(&service);
    loop_free(loop);
    free(url);
}

static void
quiet(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

static void
setup(void)
{
    struct err err;
    log_set_sink(quiet);
    tmpdir_make(&dir);
    ck_assert_msg(start(dir.path, "127.0.0.1:0", &err) == 0, "%s", err.text);
    ck_assert_int_eq(http_client_new(&client, &err), 0);
}

static void
teardown(void)
{
    http_client_free(client);
    stop();
    tmpdir_remove(&dir);
}

/* ---- asking -------------------------------------------------------------- */

static char *
full_url(const char *path)
{
    char *s = malloc(strlen(url) + strlen(path) + 1);
    (void)strcpy(s, url);
    (void)strcat(s, path);
    return s;
}

/* `body` has ' for "; NULL: GET.  The answer is the caller's. */
static char *
ask(const char *path, const char *body, int status)
{
    char *at = full_url(path);
    char *copy = body ? strdup(body) : NULL;
    char *answer = NULL;
    int got = 0;
    struct err err;
    for (char *p = copy; p && *p; p++)
        if (*p == '\'')
            *p = '"';
    ck_assert_msg(http_fetch(body ? "POST" : "GET", at, copy, DEADLINE_MS, &got,
                             &answer, &err) == 0,
                  "%s", err.text);
    ck_assert_msg(got == status, "%s: %d, not %d: %s", path, got, status,
                  answer);
    free(at);
    free(copy);
    return answer;
}

/* The same, looking for words in the answer, which have ' for " too. */
static void
expect(const char *path, const char *body, int status, const char *words)
{
    char *answer = ask(path, body, status);
    char *wanted = strdup(words);
    for (char *p = wanted; *p; p++)
        if (*p == '\'')
            *p = '"';
    ck_assert_msg(strstr(answer, wanted) != NULL, "%s: no %s in %s", path,
                  wanted, answer);
    free(wanted);
    free(answer);
}

#define CHANGE(operations) "{'operations':[" operations "]}"
#define FLIP(cluster)      CHANGE(MADE_RULE("r", "0", "'cluster.code':'c'", cluster))

struct request {
    const char *path, *body;
    int status;
    const char *words;
};

static const struct request requests[] = {
    {"/healthz", NULL, 200, "{'status':'ok','revision':1}"},
    {"/readyz", NULL, 200, "'revision':1"},
    {"/v1/table", NULL, 200, "{'revision':1,'clusters':[{'name':'a'"},
    {"/v1/clients", NULL, 200, "{'clients':[]}"},
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
     CHANGE("{'op':'put','rule':{'id':'x','cluster':'a','fence':1}}"), 501,
     "'code':'UNSUPPORTED','field':'operations[0].rule.fence'"},
    {"/v1/changes", "{'expect_revision':0,'operations':[]}", 409,
     "'code':'CONFLICT','field':'expect_revision','value':'0'"},
    {"/v1/changes", "{'expect_revision':0,'operations':[]}", 409,
     "'revision':1}}"},
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

/* ---- watching ------------------------------------------------------------ */

struct seen {
    char event[32], id[32], data[4096]; /* of the last that is no heartbeat */
    int events, heartbeats;
    bool done;
    struct http_call *call;
};

static void
on_event(const struct sse_event *e, void *arg)
{
    struct seen *s = arg;
    if (strcmp(e->event, "heartbeat") == 0) {
        s->heartbeats++;
        return;
    }
    s->events++;
    (void)snprintf(s->event, sizeof(s->event), "%s", e->event);
    (void)snprintf(s->id, sizeof(s->id), "%s", e->id);
    (void)snprintf(s->data, sizeof(s->data), "%s", e->data);
}

static void
on_done(const struct http_answer *a, void *arg)
{
    (void)a;
    ((struct seen *)arg)->done = true;
}

static void
watch(struct seen *s, const char *body)
{
    char *at = full_url("/v1/watch");
    char *copy = strdup(body);
    struct err err;
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    const struct http_call_conf conf = {
        .method = "POST",
        .url = at,
        .body = copy,
        .timeout_ms = DEADLINE_MS,
        .silence_ms = DEADLINE_MS,
        .answer_max_bytes = BODY_MAX,
        .on_done = on_done,
        .on_event = on_event,
        .arg = s,
    };
    *s = (struct seen){0};
    ck_assert_msg(http_call_start(client, &conf, &s->call, &err) == 0, "%s",
                  err.text);
    free(at);
    free(copy);
}

#define WATCH(instance)                                                        \
    "{'client':{'instance':'" instance "','name':'n'},'identity':" ID "}"

struct waiting {
    const struct seen *s;
    int events, heartbeats;
    bool done;
};

static bool
has_seen(void *arg)
{
    const struct waiting *w = arg;
    http_client_poll(client, 10);
    return w->s->events >= w->events && w->s->heartbeats >= w->heartbeats &&
           w->s->done >= w->done;
}

static void
wait_events(const struct seen *s, int events)
{
    struct waiting w = {.s = s, .events = events};
    ck_assert_msg(wait_until(has_seen, &w, DEADLINE_MS), "%d events, not %d",
                  s->events, events);
}

static void
wait_heartbeats(const struct seen *s, int more)
{
    struct waiting w = {.s = s, .heartbeats = s->heartbeats + more};
    ck_assert(wait_until(has_seen, &w, DEADLINE_MS));
}

static void
wait_done(const struct seen *s)
{
    struct waiting w = {.s = s, .done = true};
    ck_assert(wait_until(has_seen, &w, DEADLINE_MS));
}

static void
assert_data(const struct seen *s, const char *words)
{
    char *wanted = strdup(words);
    for (char *p = wanted; *p; p++)
        if (*p == '\'')
            *p = '"';
    ck_assert_msg(strstr(s->data, wanted) != NULL, "no %s in %s", wanted,
                  s->data);
    free(wanted);
}

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

static bool
nobody_listed(void *arg)
{
    (void)arg;
    char *answer = ask("/v1/clients", NULL, 200);
    const bool empty = strcmp(answer, "{\"clients\":[]}") == 0;
    free(answer);
    http_client_poll(client, 10);
    return empty;
}

START_TEST(listed_while_connected)
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
    ck_assert(wait_until(nobody_listed, NULL, DEADLINE_MS));
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
    char *answer = ask("/v1/clients", NULL, 200);
    ck_assert_ptr_null(strstr(strstr(answer, "i1") + 1, "\"i1\""));
    free(answer);
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
    expect("/v1/clients", NULL, 200, "{'clients':[]}");
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
    const struct service_conf conf = {
        .listen = listen,
        .data_dir = data_dir,
        .heartbeat_ms = 100,
        .limits = {1024, 1024, 10, 65536, 1000},
    };
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
                       "change 1 of the store can't be used");
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
    t = tcase_create("watch");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, pushed);
    tcase_add_test(t, not_pushed);
    tcase_add_test(t, route_comes_and_goes);
    tcase_add_test(t, listed_while_connected);
    tcase_add_test(t, same_client_comes_back);
    tcase_add_test(t, slow_reader_is_dropped);
    tcase_add_test(t, told_when_it_stops);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
