/*
 * Groups over HTTP: two of librdkafka's mock clusters, a store with a map, and
 * a route service that says what it is told to.  (The mock cannot list groups:
 * who is a member is told by its refusal.)
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/log.h"
#include "common/net/http_client.h"
#include "common/net/http_server.h"
#include "offset-mapper/api.h"
#include "offset-mapper/store_checkpoints.h"
#include "tests/support/support.h"

struct site {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *mock;
    const char *servers;
};

static struct tmpdir dir;
static struct site a, b;
static struct config config;
static struct store *store;
static struct loop *loop;
static struct http_server *route;   /* the service */
static const char *_Atomic clients; /* what it answers */
static char clients_asked[512];
static struct strlist services;
static struct groups *groups;
static struct api *api;
static pthread_t thread;
static char *answer;

static void
quiet(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

/* ---- the world ------------------------------------------------------------- */

static void
site_start(struct site *s)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    s->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    s->mock = rd_kafka_mock_cluster_new(s->host, 1);
    s->servers = rd_kafka_mock_cluster_bootstraps(s->mock);
    for (size_t i = 0; i < 3; i++) {
        static const char *const topics[] = {"orders", "a.orders", "b.orders"};
        ck_assert_int_eq(rd_kafka_mock_topic_create(s->mock, topics[i], 2, 1),
                         0);
    }
}

static void
site_stop(struct site *s)
{
    rd_kafka_mock_cluster_destroy(s->mock);
    rd_kafka_destroy(s->host);
}

static void
put(const char *flow, const char *topic, int64_t up, int64_t down)
{
    const struct store_part part = {flow, topic, 0};
    struct store_progress p = {0};
    struct store_batch *batch;
    enum runs_change change;
    ck_assert_int_eq(store_batch_begin(store, &batch, NULL), 0);
    ck_assert_int_eq(
        store_batch_sync(batch, &part, up, down, 0, &p, &change, NULL), 0);
    ck_assert_int_eq(store_batch_commit_take(batch, flow, "t@c", &p, NULL), 0);
}

static void
put_checkpoint(const char *flow, int32_t partition, int64_t up, int64_t down)
{
    char group[] = "g", topic[] = "a.orders", metadata[] = "";
    const struct mm2_checkpoint c = {group, topic, partition,
                                     up,    down,  metadata};
    struct store_progress p = {0};
    struct store_batch *batch;
    ck_assert_int_eq(store_batch_begin(store, &batch, NULL), 0);
    ck_assert_int_eq(
        store_batch_checkpoint(batch, flow, &c, clock_wall_ms() - 60000, NULL),
        0);
    ck_assert_int_eq(store_batch_commit_take(batch, flow, "t@c", &p, NULL), 0);
}

static void
make_config(void)
{
    char json[1024];
    struct err err = {0};
    (void)snprintf(json, sizeof(json),
                   "{\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":"
                   "\"%s\"},{\"name\":\"b\",\"bootstrap.servers\":\"%s\"}],"
                   "\"flows\":[{\"source\":\"a\",\"target\":\"b\"},"
                   "{\"source\":\"b\",\"target\":\"a\"}]}",
                   a.servers, b.servers);
    ck_assert_msg(config_parse(json, strlen(json), &config, &err) == 0, "%s",
                  err.text);
}

static void
get_clients(struct http_req *req, void *ctx)
{
    (void)ctx;
    (void)snprintf(clients_asked, sizeof(clients_asked), "%s %s",
                   http_req_query(req, "group"),
                   http_req_query(req, "positions"));
    char *text = json_text(clients);
    http_reply_text(req, 200, "application/json", text);
    free(text);
}

static void
start_route(void)
{
    static const struct http_limits limits = {.body_max_bytes = 1 << 20,
                                              .header_max_bytes = 16 << 10,
                                              .connections_max = 10,
                                              .stream_backlog_max_bytes =
                                                  1 << 20};
    static const struct http_route routes[] = {
        {"GET", "/v1/clients?positions&limit&group&after", get_clients}, {0}};
    ck_assert_int_eq(http_server_new(loop, &limits, routes, NULL, &route, NULL),
                     0);
    ck_assert_int_eq(http_server_listen(route, "127.0.0.1:0", false, NULL), 0);
    ck_assert_int_eq(strlist_add(&services, http_server_url(route)), 0);
}

static void *
run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void
start_api(void)
{
    struct err err = {0};
    const struct groups_parts gp = {&config, store, loop, &services};
    ck_assert_int_eq(groups_start(&gp, &groups, &err), 0);
    const struct api_parts parts = {
        .config = &config, .store = store, .groups = groups};
    ck_assert_msg(api_start(loop, "127.0.0.1:0", &parts, &api, &err) == 0, "%s",
                  err.text);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
}

static void
setup(void)
{
    log_set_sink(quiet);
    tmpdir_make(&dir);
    site_start(&a);
    site_start(&b);
    make_config();
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &store, NULL), 0);
    put("a->b", "orders", 100, 50);
    put("a->b", "orders", 200, 150);
    put("b->a", "orders", 10, 7);
    clients = "{'clients':[],'total':0,'next':null}";
    ck_assert_int_eq(loop_new(&loop, NULL), 0);
    start_route();
    start_api();
}

static void
teardown(void)
{
    loop_stop(loop);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    groups_stop(groups);
    while (loop_drain(loop))
        ;
    api_free(api);
    groups_free(groups);
    http_server_free(route);
    loop_free(loop);
    store_close(store);
    config_fini(&config);
    strlist_fini(&services);
    site_stop(&a);
    site_stop(&b);
    free(answer);
    answer = NULL;
    tmpdir_remove(&dir);
}

/* ---- clients ---------------------------------------------------------------- */

static rd_kafka_t *
consumer_of(const struct site *s, const char *group)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", s->servers, NULL, 0);
    (void)rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
    (void)rd_kafka_conf_set(conf, "session.timeout.ms", "6000", NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    ck_assert_ptr_nonnull(rk);
    return rk;
}

static void
commit(const struct site *s, const char *topic, int64_t offset,
       const char *metadata)
{
    rd_kafka_t *rk = consumer_of(s, "g");
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *p =
        rd_kafka_topic_partition_list_add(l, topic, 0);
    p->offset = offset;
    p->metadata = strdup(metadata);
    p->metadata_size = strlen(metadata);
    ck_assert_int_eq(rd_kafka_commit(rk, l, 0), 0);
    rd_kafka_topic_partition_list_destroy(l);
    rd_kafka_destroy(rk);
}

static int64_t
committed(const struct site *s, const char *topic, char *metadata, size_t size)
{
    rd_kafka_t *rk = consumer_of(s, "g");
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(l, topic, 0);
    ck_assert_int_eq(rd_kafka_committed(rk, l, DEADLINE_MS), 0);
    (void)snprintf(metadata, size, "%.*s", (int)l->elems[0].metadata_size,
                   (const char *)l->elems[0].metadata);
    const int64_t at = l->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(l);
    rd_kafka_destroy(rk);
    return at;
}

static int
call(const char *method, const char *path, const char *body)
{
    char url[512];
    int status = 0;
    struct err err = {0};
    char *text = body ? json_text(body) : NULL;
    free(answer);
    answer = NULL;
    (void)snprintf(url, sizeof(url), "%s%s", api_url(api), path);
    ck_assert_msg(
        http_fetch(method, url, text, DEADLINE_MS, &status, &answer, &err) == 0,
        "%s", err.text);
    free(text);
    return status;
}

static void
show(void)
{
    ck_assert_int_eq(call("GET", "/v1/groups/g?from=a&to=b", NULL), 200);
}

static int
land(const char *more)
{
    char body[512];
    (void)snprintf(body, sizeof(body), "{'from':'a','to':'b','verify':false%s}",
                   more);
    return call("POST", "/v1/groups/g/land", body);
}

static void
answers(const char *words)
{
    char *text = json_text(words);
    ck_assert_msg(strstr(answer, text) != NULL, "%s not in %s", text, answer);
    free(text);
}

/* ---- showing ---------------------------------------------------------------- */

#define MEMBER(offset)                                                         \
    "{'clients':[{'client':{'instance':'m1'},'identity':{'group':'g'},"        \
    "'connected':true,'report':{'instance':'m1','revision':1,'cluster':'a',"   \
    "'state':'running','positions':[{'topic':'orders','partition':0,"          \
    "'offset':" offset "}]},'report_age_ms':3000}],'total':1,'next':null}"

START_TEST(shows_all_that_is_known)
{
    commit(&a, "orders", 120, "mine");
    commit(&a, "b.orders", 7, "");
    commit(&b, "a.orders", 60, "");
    clients = MEMBER("150");
    show();
    ck_assert_str_eq(clients_asked, "g true");
    answers("{'topic':'orders','partition':0,'used':'live','offset':150,");
    answers("'live':{'offset':150,'age_ms':3000,'member':'m1','connected':"
            "true},'commit':{'offset':120,'metadata':'mine'},");
    answers("'target':{'offset':60,'metadata':''},'mapped':{'to_topic':"
            "'a.orders','position':100,'low':100,'high':100,'quality':"
            "'exact',");
    answers("{'topic':'b.orders','partition':0,'used':'commit','offset':7,");
    answers("'mapped':{'to_topic':'orders','position':10,");
    answers("'live':{'asked':true,'error':null,'members':1}");
}
END_TEST

/* Its column says so, and the others are there in time. */
START_TEST(a_dead_source_holds_nothing_up)
{
    commit(&a, "orders", 120, "");
    clients = MEMBER("150");
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(a.mock, 1), 0);
    const int64_t began = clock_mono_ms();
    show();
    ck_assert_int_lt(clock_mono_ms() - began, GROUPS_DEADLINE_MS + 2000);
    answers("'commit':{'asked':true,'error':'cannot read the commits of group "
            "g on cluster a: ");
    answers("'used':'live','offset':150,'why':'the source cluster does not "
            "answer'");
    answers("'position':100,");
}
END_TEST

/* Partition 1 has no syncs: MirrorMaker's own translation could be one to
 * records that are no more. */
START_TEST(checkpoints_are_what_is_left_of_a_dead_source)
{
    char metadata[64];
    put_checkpoint("a->b", 0, 120, 60);
    put_checkpoint("a->b", 1, 40, 33);
    show();
    answers("'checkpoint':{'offset':120,'to_topic':'a.orders','to_offset':60,"
            "'age_ms':6");
    answers("'used':'checkpoint','offset':120,'why':'the source cluster has no "
            "commit");
    answers("'mapped':{'to_topic':'a.orders','position':70,'low':70,'high':70,"
            "'quality':'exact'");
    answers("'to_offset':33,");
    answers("'mapped':{'to_topic':null,'position':-1,'low':-1,'high':-1,"
            "'quality':'none'");
    commit(&a, "orders", 110, "");
    show();
    answers("'used':'commit','offset':110,");
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(a.mock, 1), 0);
    ck_assert_int_eq(land(",'dry_run':false"), 200);
    answers("'used':'checkpoint','offset':120,'why':'the source cluster does "
            "not answer");
    answers("'unmapped':1,'landed':1");
    ck_assert_int_eq(committed(&b, "a.orders", metadata, sizeof(metadata)), 70);
}
END_TEST

/* It counted records that are no more. */
START_TEST(a_checkpoint_of_an_older_topic_is_forgotten)
{
    struct store_progress p = {0};
    struct store_batch *batch;
    const struct store_part part = {"a->b", "orders", 0};
    put_checkpoint("a->b", 0, 120, 60);
    ck_assert_int_eq(store_batch_begin(store, &batch, NULL), 0);
    ck_assert_int_eq(store_batch_incarnation(batch, &part, STORE_SOURCE_ANEW,
                                             clock_wall_ms(), &p, NULL),
                     0);
    ck_assert_int_eq(store_batch_commit_take(batch, "a->b", "t@c", &p, NULL),
                     0);
    put("a->b", "orders", 0, 200);
    show();
    answers("'used':'none','offset':-1,");
    answers("'checkpoint':null");
}
END_TEST

/* `translate` takes a group, too. */
START_TEST(a_group_is_a_question)
{
    commit(&a, "orders", 120, "");
    ck_assert_int_eq(
        call("POST", "/v1/translate", "{'from':'a','to':'b','group':'g'}"),
        200);
    answers("'to_topic':'a.orders','position':70,");
    ck_assert_int_eq(
        call("POST", "/v1/translate", "{'from':'a','to':'b','group':'gg'}"),
        404);
    answers("group gg has no commit on cluster a");
}
END_TEST

START_TEST(a_group_that_nobody_knows)
{
    ck_assert_int_eq(call("GET", "/v1/groups/gg?from=a&to=b", NULL), 404);
    answers("group gg has no commit on cluster a");
    ck_assert_int_eq(call("GET", "/v1/groups/g?from=a&to=zz", NULL), 400);
    ck_assert_int_eq(call("GET", "/v1/groups/g?from=a", NULL), 400);
    answers("'field':'to'");
    ck_assert_int_eq(call("GET", "/v1/groups/g?from=a&to=b&verify=x", NULL),
                     400);
    commit(&a, "orders", 120, "");
    clients = "{'clients':'none'}"; /* some other program's */
    show();
    answers("'live':{'asked':true,'error':'clients must be a list");
}
END_TEST

/* ---- landing ----------------------------------------------------------------- */

START_TEST(lands_once)
{
    char metadata[64];
    commit(&a, "orders", 120, "mine");
    ck_assert_int_eq(land(""), 200); /* dry, unless told otherwise */
    answers("'dry_run':true,'members':null,");
    answers("'to_topic':'a.orders','position':70,");
    answers("'was':null,'result':'would_land','error':null");
    ck_assert_int_lt(committed(&b, "a.orders", metadata, sizeof(metadata)), 0);
    ck_assert_int_eq(land(",'dry_run':false"), 200);
    answers("'was':null,'result':'landed'");
    answers("'results':{'unmapped':0,'landed':1,'would_land':0,'same':0,"
            "'backwards':0,'failed':0}");
    ck_assert_int_eq(committed(&b, "a.orders", metadata, sizeof(metadata)), 70);
    ck_assert_str_eq(metadata, "mine");
    ck_assert_int_eq(land(",'dry_run':false"), 200);
    answers("'was':70,'result':'same'");
}
END_TEST

/* Who gave up is not surprised later: nothing is written then.  A landing that
 * went on would be behind the first question and before the second. */
START_TEST(a_client_that_leaves_lands_nothing)
{
    char url[512], metadata[64];
    int status;
    char *text = json_text("{'from':'a','to':'b','verify':false,'dry_run':"
                           "false}");
    put_checkpoint("a->b", 0, 120, 60);
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(a.mock, 1), 0);
    (void)snprintf(url, sizeof(url), "%s/v1/groups/g/land", api_url(api));
    free(answer);
    answer = NULL;
    ck_assert_int_ne(http_fetch("POST", url, text, 300, &status, &answer, NULL),
                     0);
    free(text);
    show();
    show();
    ck_assert_int_lt(committed(&b, "a.orders", metadata, sizeof(metadata)), 0);
}
END_TEST

START_TEST(goes_back_when_told_to)
{
    char metadata[64];
    commit(&a, "orders", 120, "{\"shunt\":1,\"since\":3}");
    commit(&b, "a.orders", 90, "theirs");
    ck_assert_int_eq(land(",'dry_run':false"), 200);
    answers("'position':70,");
    answers("'was':90,'result':'backwards'");
    ck_assert_int_eq(committed(&b, "a.orders", metadata, sizeof(metadata)), 90);
    ck_assert_int_eq(land(",'dry_run':false,'backwards':true"), 200);
    answers("'was':90,'result':'landed'");
    ck_assert_int_eq(committed(&b, "a.orders", metadata, sizeof(metadata)), 70);
    ck_assert_str_eq(metadata, ""); /* a residency on a means nothing on b */
}
END_TEST

/* The mock keeps 5 MiB of a partition. */
static void
push_the_log_start(const struct site *s, const char *topic)
{
    enum { BYTES = 900000, RECORDS = 9 };
    char *value = calloc(1, BYTES);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", s->servers, NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    for (int i = 0; i < RECORDS; i++)
        ck_assert_int_eq(
            rd_kafka_producev(
                rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                RD_KAFKA_V_VALUE(value, BYTES),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
            0);
    ck_assert_int_eq(rd_kafka_flush(rk, DEADLINE_MS), 0);
    rd_kafka_destroy(rk);
    free(value);
}

/* An offset that is out of range would be reset to wherever the application
 * says: to the end, perhaps. */
START_TEST(never_lands_below_the_log_start)
{
    char metadata[64];
    push_the_log_start(&b, "a.orders");
    commit(&a, "orders", 3, ""); /* before the first sync */
    ck_assert_int_eq(land(",'dry_run':false"), 200);
    answers("'quality':'before'");
    answers("'result':'landed'");
    const int64_t at = committed(&b, "a.orders", metadata, sizeof(metadata));
    ck_assert_int_gt(at, 0);
    ck_assert_int_lt(at, 9);
}
END_TEST

START_TEST(lands_what_it_is_given)
{
    char metadata[64];
    ck_assert_int_eq(land(",'dry_run':false,'positions':["
                          "{'topic':'orders','partition':0,'offset':130},"
                          "{'topic':'orders','partition':1,'offset':130}]"),
                     200);
    answers("'used':'given','offset':130,");
    answers("'result':'landed'");
    answers("'to_topic':null,'position':-1,");
    answers("'result':'unmapped'");
    ck_assert_int_eq(committed(&b, "a.orders", metadata, sizeof(metadata)), 80);
}
END_TEST

START_TEST(lands_what_is_picked)
{
    char metadata[64];
    commit(&a, "orders", 120, "");
    commit(&a, "b.orders", 7, "");
    ck_assert_int_eq(land(",'dry_run':false,'partitions':[{'topic':"
                          "'b.orders'}]"),
                     200);
    ck_assert_ptr_null(strstr(answer, "a.orders"));
    ck_assert_int_eq(committed(&b, "orders", metadata, sizeof(metadata)), 10);
    ck_assert_int_lt(committed(&b, "a.orders", metadata, sizeof(metadata)), 0);
    ck_assert_int_eq(land(",'partitions':[{'topic':'b.orders','partition':1}]"),
                     404);
    answers("of these partitions");
}
END_TEST

static const struct {
    const char *more, *field;
} bad[] = {
    {",'dry_run':1", "dry_run"},
    {",'force':true", "force"},
    {",'positions':[{'topic':'','partition':0,'offset':1}]",
     "positions[0].topic"},
    {",'positions':[{'topic':'t','partition':0,'offset':-1}]",
     "positions[0].offset"},
    {",'positions':[{'topic':'t','partition':0,'offset':1},"
     "{'topic':'t','partition':0,'offset':2}]",
     "positions[1]"},
    {",'partitions':['t']", "partitions[0]"},
    {",'partitions':[{'topic':'t','partition':-1}]", "partitions[0].partition"},
    {",'partitions':[]", "partitions"},
    {",'positions':[]", "positions"},
    {",'wait_ms':-1", "wait_ms"},
};

START_TEST(refuses_what_it_does_not_know)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char field[128];
        ck_assert_int_eq(land(bad[i].more), 400);
        (void)snprintf(field, sizeof(field), "'field':'%s'", bad[i].field);
        answers(field);
    }
}
END_TEST

static bool
is_assigned(void *arg)
{
    rd_kafka_t *rk = arg;
    rd_kafka_topic_partition_list_t *l = NULL;
    rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 20);
    if (m)
        rd_kafka_message_destroy(m);
    ck_assert_int_eq(rd_kafka_assignment(rk, &l), 0);
    const int n = l->cnt;
    rd_kafka_topic_partition_list_destroy(l);
    return n > 0;
}

START_TEST(the_broker_refuses_while_there_are_members)
{
    char metadata[64];
    rd_kafka_t *member = consumer_of(&b, "g");
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(l, "a.orders",
                                            RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(rd_kafka_subscribe(member, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
    ck_assert(wait_until(is_assigned, member, DEADLINE_MS));
    commit(&a, "orders", 120, "");
    ck_assert_int_eq(land(",'dry_run':false"), 200);
    answers("'result':'failed','error':'refused because the group has members");
    ck_assert_int_eq(rd_kafka_consumer_close(member), 0);
    rd_kafka_destroy(member);
    ck_assert_int_lt(committed(&b, "a.orders", metadata, sizeof(metadata)), 0);
}
END_TEST

START_TEST(a_dead_target_is_said)
{
    commit(&a, "orders", 120, "");
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(b.mock, 1), 0);
    show();
    answers("'target':{'asked':true,'error':'cannot read the commits");
    ck_assert_int_eq(land(",'dry_run':false"), 503);
    answers("of group g on cluster b");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("groups");
    TCase *shows = tcase_create("show");
    tcase_add_checked_fixture(shows, setup, teardown);
    tcase_set_timeout(shows, 60);
    tcase_add_test(shows, shows_all_that_is_known);
    tcase_add_test(shows, a_dead_source_holds_nothing_up);
    tcase_add_test(shows, checkpoints_are_what_is_left_of_a_dead_source);
    tcase_add_test(shows, a_checkpoint_of_an_older_topic_is_forgotten);
    tcase_add_test(shows, a_group_is_a_question);
    tcase_add_test(shows, a_group_that_nobody_knows);
    suite_add_tcase(s, shows);
    TCase *lands = tcase_create("land");
    tcase_add_checked_fixture(lands, setup, teardown);
    tcase_set_timeout(lands, 60);
    tcase_add_test(lands, lands_once);
    tcase_add_test(lands, a_client_that_leaves_lands_nothing);
    tcase_add_test(lands, goes_back_when_told_to);
    tcase_add_test(lands, never_lands_below_the_log_start);
    tcase_add_test(lands, lands_what_it_is_given);
    tcase_add_test(lands, lands_what_is_picked);
    tcase_add_test(lands, refuses_what_it_does_not_know);
    tcase_add_test(lands, the_broker_refuses_while_there_are_members);
    tcase_add_test(lands, a_dead_target_is_said);
    suite_add_tcase(s, lands);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
