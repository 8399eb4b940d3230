/*
 * The HTTP side over a real socket: the choice of flow and direction, bad
 * input, and that the process answers on after each of them.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/net/http_client.h"
#include "offset-mapper/api.h"
#include "tests/support/support.h"

static struct tmpdir dir;
static struct config config;
static struct store *store;
static struct loop *loop;
static struct api *api;
static pthread_t thread;
static char *answer;

/* a <-> b rename; c -> d keeps names, both ways; e stands alone. */
static const char flows[] =
    "{\"clusters\":["
    "{\"name\":\"a\",\"bootstrap.servers\":\"h:1\"},"
    "{\"name\":\"b\",\"bootstrap.servers\":\"h:1\"},"
    "{\"name\":\"c\",\"bootstrap.servers\":\"h:1\"},"
    "{\"name\":\"d\",\"bootstrap.servers\":\"h:1\"},"
    "{\"name\":\"e\",\"bootstrap.servers\":\"h:1\"}],"
    "\"flows\":["
    "{\"source\":\"a\",\"target\":\"b\"},{\"source\":\"b\",\"target\":\"a\"},"
    "{\"source\":\"c\",\"target\":\"d\",\"policy\":\"identity\"},"
    "{\"source\":\"d\",\"target\":\"c\",\"policy\":\"identity\"},"
    "{\"source\":\"a\",\"target\":\"c\"}]}";

static void
put(const char *flow, const char *topic, int64_t up, int64_t down)
{
    const struct store_part part = {flow, topic, 0};
    struct store_progress p = {0};
    struct store_batch *b;
    enum runs_change change;
    ck_assert_int_eq(store_batch_begin(store, &b, NULL), 0);
    ck_assert_int_eq(store_batch_sync(b, &part, up, down, 0, &p, &change, NULL),
                     0);
    ck_assert_int_eq(store_batch_commit_take(b, flow, "t@c", &p, NULL), 0);
}

static void *
run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void
setup(void)
{
    struct err err = {0};
    tmpdir_make(&dir);
    ck_assert_msg(config_parse(flows, strlen(flows), &config, &err) == 0, "%s",
                  err.text);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &store, &err), 0);
    put("a->b", "orders", 100, 50);
    put("a->b", "orders", 200, 150);
    put("b->a", "orders", 10, 7);
    put("c->d", "orders", 1000, 900);
    put("d->c", "payments", 30, 20);
    put("a->b", "shipments", 100, 50);
    put("a->b", "shipments", 200, 150);
    put("a->c", "shipments", 100, 1000);
    put("a->c", "shipments", 150, 1050);
    put("a->c", "shipments", 190, 1080);
    put("c->d", "a.shipments", 1000, 2000);
    put("c->d", "a.shipments", 1050, 2050);
    const struct api_parts parts = {.config = &config, .store = store};
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_msg(api_start(loop, "127.0.0.1:0", &parts, &api, &err) == 0, "%s",
                  err.text);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
}

static void
teardown(void)
{
    loop_stop(loop);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    api_free(api);
    loop_free(loop);
    store_close(store);
    config_fini(&config);
    free(answer);
    answer = NULL;
    tmpdir_remove(&dir);
}

static int
call(const char *method, const char *path, const char *body)
{
    char url[512];
    int status = 0;
    struct err err = {0};
    free(answer);
    answer = NULL;
    (void)snprintf(url, sizeof(url), "%s%s", api_url(api), path);
    ck_assert_msg(
        http_fetch(method, url, body, 10000, &status, &answer, &err) == 0, "%s",
        err.text);
    return status;
}

static void
answers(const char *word)
{
    ck_assert_msg(strstr(answer, word) != NULL, "%s not in %s", word, answer);
}

static void
translate(const char *from, const char *to, const char *topic, int64_t offset,
          const char *wanted)
{
    char body[256];
    (void)snprintf(body, sizeof(body),
                   "{\"from\":\"%s\",\"to\":\"%s\",\"positions\":[{\"topic\":"
                   "\"%s\",\"partition\":0,\"offset\":%lld}]}",
                   from, to, topic, (long long)offset);
    ck_assert_int_eq(call("POST", "/v1/translate", body), 200);
    answers(wanted);
}

START_TEST(forward_and_back)
{
    translate("a", "b", "orders", 150,
              "\"quality\":\"exact\",\"to_topic\":\"a.orders\","
              "\"position\":100,\"low\":100,\"high\":100,");
    translate("a", "b", "orders", 221,
              "\"quality\":\"bounded\",\"to_topic\":\"a.orders\","
              "\"position\":151,\"low\":151,\"high\":171,\"reason\":"
              "\"20 records after the sync 200 -> 150 of flow a->b\"");
    translate("a", "b", "orders", 3,
              "\"quality\":\"before\",\"to_topic\":\"a.orders\","
              "\"position\":0,\"low\":0,\"high\":50,");
    translate("b", "a", "a.orders", 60,
              "\"quality\":\"exact\",\"to_topic\":\"orders\","
              "\"position\":110,\"low\":110,\"high\":110,");
    answers("of flow a->b, in reverse");
    translate("b", "a", "orders", 10,
              "\"quality\":\"exact\",\"to_topic\":\"b.orders\","
              "\"position\":7,");
    translate("a", "b", "b.orders", 7,
              "\"quality\":\"exact\",\"to_topic\":\"orders\","
              "\"position\":10,");
    translate("a", "b", "unknown", 7,
              "\"quality\":\"none\",\"to_topic\":null,\"position\":-1,");
    answers("flow a->b has no sync of unknown [0]");
}
END_TEST

START_TEST(identity_policy)
{
    translate("c", "d", "orders", 1000,
              "\"to_topic\":\"orders\",\"position\":900,");
    translate("d", "c", "orders", 900,
              "\"to_topic\":\"orders\",\"position\":1000,");
    translate("c", "d", "payments", 20,
              "\"to_topic\":\"payments\",\"position\":30,");
    translate("d", "c", "payments", 30,
              "\"to_topic\":\"payments\",\"position\":20,");
    translate("d", "c", "nothing", 30, "\"quality\":\"none\"");
    /* Heartbeats alone are renamed: c's own are no copies of d's. */
    put("d->c", "heartbeats", 7, 9);
    translate("c", "d", "heartbeats", 9, "\"quality\":\"none\"");
    put("c->d", "heartbeats", 7, 20);
    translate("c", "d", "heartbeats", 7,
              "\"to_topic\":\"c.heartbeats\",\"position\":20,");
    translate("c", "d", "d.heartbeats", 9,
              "\"to_topic\":\"heartbeats\",\"position\":7,");
}
END_TEST

START_TEST(flow_one_way_only)
{
    translate("c", "a", "orders", 5,
              "orders is no copy from a, and there is no flow c->a");
    translate("c", "a", "a.orders", 5, "flow a->c has no sync of orders [0]");
}
END_TEST

/* c -> d has ended, then d -> c began: with its last records copied, and with
 * five that never were. */
START_TEST(failback_with_names_kept)
{
    put("c->d", "ledger", 0, 0);
    put("c->d", "ledger", 940, 940);
    put("d->c", "ledger", 1000, 1000);
    put("d->c", "ledger", 1500, 1500);
    translate("d", "c", "ledger", 500,
              "\"exact\",\"to_topic\":\"ledger\","
              "\"position\":500,");
    answers("of flow c->d, in reverse");
    translate("d", "c", "ledger", 1400,
              "\"exact\",\"to_topic\":\"ledger\","
              "\"position\":1400,");
    answers("of flow d->c");
    put("c->d", "tail", 0, 0);
    put("c->d", "tail", 940, 940);
    put("d->c", "tail", 1000, 1005);
    put("d->c", "tail", 1500, 1505);
    translate("d", "c", "tail", 1400,
              "\"bounded\",\"to_topic\":\"tail\",\"position\":941,"
              "\"low\":941,\"high\":1405,");
    answers("but records of c from 941 on may not be read yet");
    /* As many offsets follow on both, but d has markers: some of them. */
    put("c->d", "marked", 0, 0);
    put("c->d", "marked", 500, 501);
    put("c->d", "marked", 940, 941);
    put("d->c", "marked", 1001, 1000);
    put("d->c", "marked", 1501, 1500);
    translate("d", "c", "marked", 1400,
              "\"bounded\",\"to_topic\":\"marked\",\"position\":941,"
              "\"low\":941,\"high\":1399,");
}
END_TEST

/* b -> a against a->b, a -> c along a->c, c -> d along c->d. */
START_TEST(over_other_clusters)
{
    translate("b", "c", "a.shipments", 60,
              "\"quality\":\"exact\",\"to_topic\":\"a.shipments\","
              "\"position\":1010,\"low\":1010,\"high\":1010,");
    answers("in the run 50..150 -> 100..200 of flow a->b, in reverse; then in "
            "the run 100..150 -> 1000..1050 of flow a->c");
    translate("b", "d", "a.shipments", 60,
              "\"quality\":\"exact\",\"to_topic\":\"a.shipments\","
              "\"position\":2010,");
    translate("d", "b", "a.shipments", 2010,
              "\"quality\":\"exact\",\"to_topic\":\"a.shipments\","
              "\"position\":60,");
    translate("b", "c", "a.shipments", 130,
              "\"quality\":\"bounded\",\"to_topic\":\"a.shipments\","
              "\"position\":1051,\"low\":1051,\"high\":1080,");
    translate("b", "c", "a.shipments", 9,
              "\"quality\":\"before\",\"to_topic\":\"a.shipments\","
              "\"position\":0,\"low\":0,\"high\":1000,");
    translate("b", "c", "orders", 9, "\"quality\":\"none\"");
    answers("no way of flows from b to c has syncs of orders [0]");
}
END_TEST

START_TEST(explained)
{
    ck_assert_int_eq(
        call("POST", "/v1/translate",
             "{\"from\":\"b\",\"to\":\"c\",\"explain\":true,\"positions\":[{"
             "\"topic\":\"a.shipments\",\"partition\":0,\"offset\":60},{"
             "\"topic\":\"x\",\"partition\":0,\"offset\":60}]}"),
        200);
    answers("\"path\":[{\"flow\":\"a->b\",\"reverse\":true,\"quality\":"
            "\"exact\",\"to_topic\":\"shipments\",\"position\":110,\"low\":"
            "110,\"high\":110,\"incarnation\":1,");
    answers("\"runs\":[{\"up\":100,\"down\":50,\"length\":101}],");
    answers("{\"flow\":\"a->c\",\"reverse\":false,\"quality\":\"exact\","
            "\"to_topic\":\"a.shipments\",\"position\":1010,");
    answers("\"runs\":[{\"up\":100,\"down\":1000,\"length\":51},{\"up\":190,"
            "\"down\":1080,\"length\":1}],");
    answers("\"lag\":null,\"path\":[]}]}");
}
END_TEST

static const struct {
    const char *body;
    int status;
    const char *word;
} bad[] = {
    {"", 400, "\"code\":\"PARSE\""},
    {"{\"from\":", 400, "\"code\":\"PARSE\""},
    {"[]", 400, "\"code\":"},
    {"{\"from\":\"a\",\"to\":\"x\",\"positions\":[]}", 400,
     "\"field\":\"to\",\"value\":\"x\""},
    {"{\"from\":\"x\",\"to\":\"a\",\"positions\":[]}", 400,
     "\"field\":\"from\",\"value\":\"x\""},
    {"{\"from\":\"a\",\"to\":\"a\",\"positions\":[]}", 400, "same cluster"},
    {"{\"from\":\"a\",\"to\":\"e\",\"positions\":[]}", 400,
     "no flows of this mapper join"},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[{\"topic\":\"t\","
     "\"partition\":0,\"offset\":-1}]}",
     400, "\"field\":\"positions[0].offset\",\"value\":\"-1\""},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[],\"wait_ms\":-1}", 400,
     "\"field\":\"wait_ms\""},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[],\"verify\":true}", 501,
     "\"field\":\"verify\""},
    {"{\"from\":\"a\",\"to\":\"b\",\"group\":\"g\"}", 501,
     "\"field\":\"group\",\"value\":\"g\""},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[],\"when\":1}", 400,
     "\"field\":\"when\""},
};

START_TEST(bad_questions)
{
    ck_assert_int_eq(call("POST", "/v1/translate", bad[_i].body),
                     bad[_i].status);
    answers(bad[_i].word);
    answers("\"message\":");
    ck_assert_int_eq(call("GET", "/healthz", NULL), 200);
}
END_TEST

static int
ask_many(size_t n)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 24);
    buf_puts(&b, "{\"from\":\"a\",\"to\":\"b\",\"positions\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b,
                   "%s{\"topic\":\"orders\",\"partition\":0,\"offset\":%zu}",
                   i ? "," : "", i);
    buf_puts(&b, "]}");
    const int status = call("POST", "/v1/translate", b.data);
    buf_fini(&b);
    return status;
}

START_TEST(many_positions)
{
    ck_assert_int_eq(ask_many(10000), 200);
    struct json_t *j, *positions;
    ck_assert_int_eq(js_parse(answer, strlen(answer), &j, NULL), 0);
    ck_assert_int_eq(
        js_get_array(j, "", "positions", JS_REQUIRED, &positions, NULL), 0);
    ck_assert_uint_eq(js_len(positions), 10000);
    js_free(j);
    ck_assert_int_eq(ask_many(10001), 413);
    answers("\"code\":\"LIMIT\",\"field\":\"positions\"");
}
END_TEST

START_TEST(runs)
{
    ck_assert_int_eq(
        call("GET", "/v1/runs?flow=a-%3Eb&topic=orders&partition=0", NULL),
        200);
    ck_assert_str_eq(answer,
                     "{\"runs\":[{\"up\":100,\"down\":50,\"length\":101}]}");
    ck_assert_int_eq(
        call("GET", "/v1/runs?flow=a-%3Eb&topic=none&partition=0", NULL), 200);
    ck_assert_str_eq(answer, "{\"runs\":[]}");
    ck_assert_int_eq(call("GET", "/v1/runs?flow=x&topic=orders", NULL), 404);
    ck_assert_int_eq(call("GET", "/v1/runs?topic=orders", NULL), 400);
    ck_assert_int_eq(call("GET", "/v1/runs?flow=a-%3Eb", NULL), 400);
    ck_assert_int_eq(
        call("GET", "/v1/runs?flow=a-%3Eb&topic=orders&partition=-1", NULL),
        400);
    ck_assert_int_eq(
        call("GET", "/v1/runs?flow=a-%3Eb&topic=orders&limit=x", NULL), 400);
}
END_TEST

START_TEST(health_and_metrics)
{
    ck_assert_int_eq(call("GET", "/healthz", NULL), 200);
    ck_assert_str_eq(answer, "{\"status\":\"ok\"}");
    ck_assert_int_eq(call("GET", "/readyz", NULL), 200);
    ck_assert_str_eq(answer, "{\"ready\":true,\"flows\":[]}");
    ck_assert_int_eq(call("GET", "/v1/flows", NULL), 200);
    translate("a", "b", "orders", 150, "exact");
    ck_assert_int_eq(call("GET", "/metrics", NULL), 200);
    answers("shunt_offset_translations_total{quality=\"exact\"} 1\n");
    answers("# TYPE shunt_offset_syncs_total counter");
    ck_assert_int_eq(call("GET", "/nothing", NULL), 404);
    ck_assert_int_eq(call("GET", "/v1/translate", NULL), 405);
}
END_TEST

START_TEST(port_taken)
{
    struct api *second;
    struct loop *other;
    struct err err;
    ck_assert_int_eq(loop_new(&other, &err), 0);
    const struct api_parts parts = {.config = &config, .store = store};
    ck_assert_int_eq(api_start(other, api_url(api) + strlen("http://"), &parts,
                               &second, &err),
                     ERR_BUSY);
    loop_free(other);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mapper api");
    TCase *t = tcase_create("http");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, forward_and_back);
    tcase_add_test(t, identity_policy);
    tcase_add_test(t, flow_one_way_only);
    tcase_add_test(t, failback_with_names_kept);
    tcase_add_test(t, over_other_clusters);
    tcase_add_test(t, explained);
    tcase_add_loop_test(t, bad_questions, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(t, many_positions);
    tcase_add_test(t, runs);
    tcase_add_test(t, health_and_metrics);
    tcase_add_test(t, port_taken);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
