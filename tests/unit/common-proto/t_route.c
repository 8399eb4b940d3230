/*
 * Messages of the route service: what goes in comes out, and every refusal
 * names the field and the value.  JSON is written with ' for ".
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/proto/route.h"
#include "tests/unit/common-proto/messages.h"

static const struct refusal bad_clusters[] = {
    {"'a'", ERR_INVALID, "cluster", "\"a\""},
    {"{'bootstrap.servers':'h:1'}", ERR_INVALID, "cluster.name", ""},
    {"{'name':'','bootstrap.servers':'h:1'}", ERR_INVALID, "cluster.name", ""},
    {"{'name':'a.b','bootstrap.servers':'h:1'}", ERR_INVALID, "cluster.name",
     "a.b"},
    {"{'name':7,'bootstrap.servers':'h:1'}", ERR_INVALID, "cluster.name", "7"},
    {"{'name':'a'}", ERR_INVALID, "cluster.bootstrap.servers", ""},
    {"{'name':'a','bootstrap.servers':' , '}", ERR_INVALID,
     "cluster.bootstrap.servers", " , "},
    {"{'name':'a','bootstrap.servers':'h:1,h2'}", ERR_INVALID,
     "cluster.bootstrap.servers", "h2"},
    {"{'name':'a','bootstrap.servers':'h:0'}", ERR_INVALID,
     "cluster.bootstrap.servers", "h:0"},
    {"{'name':'a','bootstrap.servers':'h:65536'}", ERR_INVALID,
     "cluster.bootstrap.servers", "h:65536"},
    {"{'name':'a','bootstrap.servers':':9092'}", ERR_INVALID,
     "cluster.bootstrap.servers", ":9092"},
    {"{'name':'a','bootstrap.servers':'http://h:9092'}", ERR_INVALID,
     "cluster.bootstrap.servers", "http://h:9092"},
    {"{'name':'a','bootstrap.servers':'h:1','color':'red'}", ERR_INVALID,
     "cluster.color", "\"red\""},
    {"{'name':'a','bootstrap.servers':'h:1','properties':[]}", ERR_INVALID,
     "cluster.properties", ""},
    {"{'name':'a','bootstrap.servers':'h:1','properties':{'x':[1]}}",
     ERR_INVALID, "cluster.properties.x", ""},
    {"{'name':'a','bootstrap.servers':'h:1','properties':"
     "{'group.id':'g'}}",
     ERR_INVALID, "cluster.properties.group.id", ""},
    {"{'name':'a','bootstrap.servers':'h:1','properties':"
     "{'bootstrap.servers':'x:1'}}",
     ERR_INVALID, "cluster.properties.bootstrap.servers", ""},
};

START_TEST(cluster_refused)
{
    const struct refusal *r = &bad_clusters[_i];
    struct json_t *j = json_of(r->json);
    struct pt_cluster c;
    struct err err;
    assert_refused(pt_cluster_decode(j, "cluster", &c, &err), &err, r);
    js_free(j);
}
END_TEST

static const struct refusal bad_flows[] = {
    {"{'target':'b'}", ERR_INVALID, "flow.source", ""},
    {"{'source':'a'}", ERR_INVALID, "flow.target", ""},
    {"{'source':'a','target':'a'}", ERR_INVALID, "flow.target", "a"},
    {"{'source':'a','target':'b>'}", ERR_INVALID, "flow.target", "b>"},
    {"{'source':'a','target':'b','policy':'legacy'}", ERR_INVALID,
     "flow.policy", "legacy"},
    {"{'source':'a','target':'b','separator':''}", ERR_INVALID,
     "flow.separator", ""},
    {"{'source':'a','target':'b','separator':'/'}", ERR_INVALID,
     "flow.separator", "/"},
    {"{'source':'a','target':'b','offset-syncs.topic.location':'x'}",
     ERR_INVALID, "flow.offset-syncs.topic.location", "x"},
    {"{'source':'a','target':'b','mappers':['http://h:1','h:2']}", ERR_INVALID,
     "flow.mappers[1]", "h:2"},
    {"{'source':'a','target':'b','mappers':[1]}", ERR_INVALID,
     "flow.mappers[0]", "1"},
    {"{'source':'a','target':'b','via':'c'}", ERR_INVALID, "flow.via", "\"c\""},
};

START_TEST(flow_refused)
{
    const struct refusal *r = &bad_flows[_i];
    struct json_t *j = json_of(r->json);
    struct pt_flow f;
    struct err err;
    assert_refused(pt_flow_decode(j, "flow", &f, &err), &err, r);
    js_free(j);
}
END_TEST

static const struct refusal bad_identities[] = {
    {"{'role':'consumer'}", ERR_INVALID, "identity.cluster.code", ""},
    {"{'cluster.code':'','role':'consumer'}", ERR_INVALID,
     "identity.cluster.code", ""},
    {"{'cluster.code':'c'}", ERR_INVALID, "identity.role", ""},
    {"{'cluster.code':'c','role':'both'}", ERR_INVALID, "identity.role",
     "both"},
    {"{'cluster.code':'c','role':'producer','topics':['x','']}", ERR_INVALID,
     "identity.topics[1]", ""},
    {"{'cluster.code':'c','role':'producer','topics':{'x':1}}", ERR_INVALID,
     "identity.topics", "{\"x\":1}"},
    {"{'cluster.code':'c','role':'producer','group':1}", ERR_INVALID,
     "identity.group", "1"},
    {"{'cluster.code':'c','role':'producer','attributes':{'k':{}}}",
     ERR_INVALID, "identity.attributes.k", "{}"},
    {"{'cluster.code':'c','role':'producer','topic':'x'}", ERR_INVALID,
     "identity.topic", "\"x\""},
};

START_TEST(identity_refused)
{
    const struct refusal *r = &bad_identities[_i];
    struct json_t *j = json_of(r->json);
    struct pt_identity id;
    struct err err;
    assert_refused(pt_identity_decode(j, "identity", &id, &err), &err, r);
    js_free(j);
}
END_TEST

#define TAIL          "'clusters':[{'name':'a','bootstrap.servers':'h:1'}],'flows':[]}"
#define ROUTE(fields) "{'revision':3,'routes':[{'topic':'t'," fields "}]," TAIL

static const struct refusal bad_answers[] = {
    {"{'routes':[]," TAIL, ERR_INVALID, "revision", ""},
    {"{'revision':-1,'routes':[]," TAIL, ERR_INVALID, "revision", "-1"},
    {"{'revision':3," TAIL, ERR_INVALID, "routes", ""},
    {"{'revision':3,'routes':{}," TAIL, ERR_INVALID, "routes", "{}"},
    {"{'revision':3,'routes':[7]," TAIL, ERR_INVALID, "routes[0]", "7"},
    {"{'revision':3,'routes':[],'clusters':[]}", ERR_INVALID, "flows", ""},
    {"{'revision':3,'routes':[],'flows':[]}", ERR_INVALID, "clusters", ""},
    {"{'revision':3,'routes':[],'x':1," TAIL, ERR_INVALID, "x", "1"},
    {ROUTE("'cluster':'b','rule':'r','since':1,'view':[]"), ERR_INVALID,
     "routes[0].cluster", "b"},
    {ROUTE("'cluster':'..','rule':'r','since':1,'view':[]"), ERR_INVALID,
     "routes[0].cluster", ".."},
    {ROUTE("'cluster':'a','since':1,'view':[]"), ERR_INVALID, "routes[0].rule",
     "null"},
    {ROUTE("'cluster':'a','rule':'r','since':0,'view':[]"), ERR_INVALID,
     "routes[0].since", "0"},
    {ROUTE("'cluster':'a','rule':'r','since':-4,'view':[]"), ERR_INVALID,
     "routes[0].since", "-4"},
    {ROUTE("'cluster':'a','rule':'r','since':1"), ERR_INVALID, "routes[0].view",
     ""},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[{'topic':'t'}]"),
     ERR_INVALID, "routes[0].view[0].origin", ""},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':"
           "[{'topic':'','origin':'a'}]"),
     ERR_INVALID, "routes[0].view[0].topic", ""},
    {ROUTE("'cluster':null,'rule':null,'since':0,'view':"
           "[{'topic':'t','origin':'a'}]"),
     ERR_INVALID, "routes[0].view", "t"},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[],'previous':'?'"),
     ERR_INVALID, "routes[0].previous", "?"},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[],"
           "'properties':{'sasl.password':'x'}"),
     ERR_INVALID, "routes[0].properties.sasl.password", ""},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[],'fence':'yes'"),
     ERR_INVALID, "routes[0].fence", "\"yes\""},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[],'standby':'b'"),
     ERR_INVALID, "routes[0].standby", "b"},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[],'standby':'a'"),
     ERR_INVALID, "routes[0].standby", "a"},
    {ROUTE("'cluster':null,'rule':null,'since':0,'view':[],'standby':'a'"),
     ERR_INVALID, "routes[0].standby", "a"},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[],'standby':'/'"),
     ERR_INVALID, "routes[0].standby", "/"},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[],'standby_view':"
           "[{'topic':'t','origin':'a'}]"),
     ERR_INVALID, "routes[0].standby_view", "t"},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[],'standby_view':"
           "[{'topic':'t'}]"),
     ERR_INVALID, "routes[0].standby_view[0].origin", ""},
    {ROUTE("'cluster':'a','rule':'r','since':1,'view':[],'hint':0"),
     ERR_INVALID, "routes[0].hint", "0"},
    {"{'revision':3,'routes':[],'clusters':[{'name':'a'}],'flows':[]}",
     ERR_INVALID, "clusters[0].bootstrap.servers", ""},
    {"{'revision':3,'routes':[],'clusters':[],'flows':[{'source':'a'}]}",
     ERR_INVALID, "flows[0].target", ""},
};

START_TEST(answer_refused)
{
    const struct refusal *r = &bad_answers[_i];
    struct json_t *j = json_of(r->json);
    struct pt_answer a;
    struct err err;
    assert_refused(pt_answer_decode(j, &a, &err), &err, r);
    js_free(j);
}
END_TEST

static const struct refusal bad_reports[] = {
    {"{'revision':1,'state':'running'}", ERR_INVALID, "instance", ""},
    {"{'instance':'i','state':'running'}", ERR_INVALID, "revision", ""},
    {"{'instance':'i','revision':1}", ERR_INVALID, "state", ""},
    {"{'instance':'i','revision':1,'state':'fine'}", ERR_INVALID, "state",
     "fine"},
    {"{'instance':'i','revision':1,'state':'stuck','switch_ms':-2}",
     ERR_INVALID, "switch_ms", "-2"},
    {"{'instance':'i','revision':1,'state':'stuck','lag':-2}", ERR_INVALID,
     "lag", "-2"},
    {"{'instance':'i','revision':1,'state':'stuck','mood':2}", ERR_INVALID,
     "mood", "2"},
#define PHASES(list)                                                           \
    "{'instance':'i','revision':1,'state':'running','phases':[" list "]}"
#define POSITIONS(p)                                                           \
    "{'instance':'i','revision':1,'state':'stuck','positions':[" p "]}"
    {POSITIONS("{'topic':'','partition':0,'offset':1}"), ERR_INVALID,
     "positions[0].topic", ""},
    {POSITIONS("{'topic':'t','partition':0,'offset':1},"
               "{'topic':'t','partition':-1,'offset':1}"),
     ERR_INVALID, "positions[1].partition", "-1"},
    {POSITIONS("{'topic':'t','partition':0,'offset':-1}"), ERR_INVALID,
     "positions[0].offset", "-1"},
    {POSITIONS("{'topic':'t','partition':0}"), ERR_INVALID,
     "positions[0].offset", ""},
    {POSITIONS("{'topic':'t','partition':0,'offset':1,'epoch':1}"), ERR_INVALID,
     "positions[0].epoch", "1"},
    {POSITIONS("7"), ERR_INVALID, "positions[0]", "7"},
    {PHASES("7"), ERR_INVALID, "phases[0]", "7"},
    {PHASES("{'ms':1}"), ERR_INVALID, "phases[0].name", ""},
    {PHASES("{'name':'a b','ms':1}"), ERR_INVALID, "phases[0].name", "a b"},
    {PHASES("{'name':'joined'}"), ERR_INVALID, "phases[0].ms", ""},
    {PHASES("{'name':'joined','ms':-1}"), ERR_INVALID, "phases[0].ms", "-1"},
    {PHASES("{'name':'joined','ms':1,'s':1}"), ERR_INVALID, "phases[0].s", "1"},
    {PHASES("{'name':'1234567890123456789012345678901234567890x','ms':1}"),
     ERR_LIMIT, "phases[0].name", "1234567890123456789012345678901234567890x"},
};

START_TEST(report_refused)
{
    const struct refusal *r = &bad_reports[_i];
    struct json_t *j = json_of(r->json);
    struct pt_report report;
    struct err err;
    assert_refused(pt_report_decode(j, &report, &err), &err, r);
    js_free(j);
}
END_TEST

/* ---- round trips --------------------------------------------------------- */

#define CLUSTER                                                                \
    "{'name':'a-1_B','bootstrap.servers':'h1:9092,[::1]:9093',"                \
    "'properties':{'security.protocol':'ssl','socket.x':'true'}}"
#define FLOW                                                                   \
    "{'source':'a','target':'b','policy':'identity','separator':'-',"          \
    "'offset-syncs.topic.location':'target','mappers':['http://h:1',"          \
    "'https://h:2']}"
#define IDENTITY                                                               \
    "{'cluster.code':'orders','role':'consumer','topics':['orders','x'],"      \
    "'group':'billing','client.id':'c1','attributes':{'flink.id':'1234'}}"
#define ANSWER                                                                 \
    "{'revision':12,'routes':[{'topic':'orders','cluster':'b',"                \
    "'rule':'orders-dr','since':12,'previous':'a',"                            \
    "'properties':{'security.protocol':'ssl'},'view':"                         \
    "[{'topic':'orders','origin':'b'},{'topic':'a.orders','origin':'a'}],"     \
    "'fence':true,'standby':'c','standby_view':"                               \
    "[{'topic':'orders','origin':'c'},{'topic':'b.orders','origin':'b'}]},"    \
    "{'topic':'x','cluster':null,'rule':null,'since':0,'previous':null,"       \
    "'view':[]}],"                                                             \
    "'clusters':[{'name':'b','bootstrap.servers':'h:1','properties':{}},"      \
    "{'name':'c','bootstrap.servers':'h:2','properties':{}}],"                 \
    "'flows':[" FLOW "]}"
#define CLIENT                                                                 \
    "{'instance':'h-1-2','name':'billing','version':'0.1.0','host':'h7',"      \
    "'pid':4711}"
#define REPORT                                                                 \
    "{'instance':'h-1-2','revision':12,'cluster':'b','state':'running',"       \
    "'detail':null,'since':12,'switch_ms':41,'reread_bound':0,"                \
    "'lag':7,'positions':[{'topic':'orders','partition':0,'offset':17},"       \
    "{'topic':'a.orders','partition':3,'offset':0}],"                          \
    "'phases':[{'name':'prepared','ms':12},{'name':'caught-up','ms':40}]}"

START_TEST(cluster_round_trip)
{
    struct json_t *j = json_of(CLUSTER);
    struct pt_cluster c;
    ck_assert_int_eq(pt_cluster_decode(j, "", &c, NULL), 0);
    assert_json(pt_cluster_encode(&c), CLUSTER);
    pt_cluster_fini(&c);
    js_free(j);
}
END_TEST

START_TEST(flow_round_trip)
{
    struct json_t *j = json_of(FLOW);
    struct pt_flow f;
    ck_assert_int_eq(pt_flow_decode(j, "", &f, NULL), 0);
    assert_json(pt_flow_encode(&f), FLOW);
    pt_flow_fini(&f);
    js_free(j);
}
END_TEST

START_TEST(flow_defaults)
{
    struct json_t *j = json_of("{'source':'a','target':'b'}");
    struct pt_flow f;
    ck_assert_int_eq(pt_flow_decode(j, "", &f, NULL), 0);
    ck_assert_str_eq(f.policy, "default");
    ck_assert_str_eq(f.separator, ".");
    ck_assert_str_eq(f.syncs_location, "source");
    ck_assert_uint_eq(f.mappers.n, 0);
    pt_flow_fini(&f);
    js_free(j);
}
END_TEST

START_TEST(identity_round_trip)
{
    struct json_t *j = json_of(IDENTITY);
    struct pt_identity i;
    ck_assert_int_eq(pt_identity_decode(j, "", &i, NULL), 0);
    assert_json(pt_identity_encode(&i), IDENTITY);
    pt_identity_fini(&i);
    js_free(j);
}
END_TEST

START_TEST(identity_small)
{
    struct json_t *j = json_of("{'cluster.code':'c','role':'producer',"
                               "'group':null,'topics':[]}");
    struct pt_identity i;
    ck_assert_int_eq(pt_identity_decode(j, "", &i, NULL), 0);
    ck_assert_ptr_null(i.group);
    ck_assert_ptr_null(i.client_id);
    assert_json(pt_identity_encode(&i),
                "{'cluster.code':'c','role':'producer','topics':[]}");
    pt_identity_fini(&i);
    js_free(j);
}
END_TEST

START_TEST(answer_round_trip)
{
    struct json_t *j = json_of(ANSWER);
    struct pt_answer a;
    ck_assert_int_eq(pt_answer_decode(j, &a, NULL), 0);
    ck_assert_ptr_nonnull(pt_answer_cluster(&a, "b"));
    ck_assert_ptr_null(pt_answer_cluster(&a, "a"));
    ck_assert_ptr_null(a.routes[1].cluster);
    assert_json(pt_answer_encode(&a), ANSWER);
    pt_answer_fini(&a);
    js_free(j);
}
END_TEST

/* What is cut off anywhere, or has a byte changed, is refused or decoded; it
 * never does harm (run it under sanitizers). */
START_TEST(answer_mangled)
{
    struct json_t *whole = json_of(ANSWER);
    char *text = js_dump(whole);
    const size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        static const char with[] = "0\"[{}],x";
        const char kept = text[i];
        for (const char *w = with; *w; w++) {
            struct json_t *j = NULL;
            struct pt_answer a;
            text[i] = *w;
            if (js_parse(text, len, &j, NULL) == 0 &&
                pt_answer_decode(j, &a, NULL) == 0)
                pt_answer_fini(&a);
            js_free(j);
        }
        text[i] = kept;
    }
    free(text);
    js_free(whole);
}
END_TEST

START_TEST(client_round_trip)
{
    struct json_t *j = json_of(CLIENT);
    struct pt_client c;
    ck_assert_int_eq(pt_client_decode(j, "", &c, NULL), 0);
    assert_json(pt_client_encode(&c), CLIENT);
    pt_client_fini(&c);
    js_free(j);
}
END_TEST

START_TEST(report_small)
{
    struct json_t *j =
        json_of("{'instance':'i','revision':1,'state':'starting'}");
    struct pt_report r;
    ck_assert_int_eq(pt_report_decode(j, &r, NULL), 0);
    ck_assert_int_eq(r.lag, -1);
    ck_assert_int_eq(r.reread_bound, -1);
    ck_assert_int_eq(r.switch_ms, -1);
    pt_report_fini(&r);
    js_free(j);
}
END_TEST

/* One more than there may be. */
START_TEST(report_positions_capped)
{
    struct pt_position one = {.topic = (char[]){"t"}, .offset = 3};
    struct pt_report r = {.instance = (char[]){"i"},
                          .state = (char[]){"stuck"}};
    struct err err;
    r.positions = calloc(PT_POSITIONS_MAX + 1, sizeof(one));
    for (size_t i = 0; i <= PT_POSITIONS_MAX; i++)
        r.positions[i] = one;
    for (size_t over = 0; over < 2; over++) {
        struct pt_report back;
        r.n_positions = PT_POSITIONS_MAX + over;
        struct json_t *j = pt_report_encode(&r);
        const int rc = pt_report_decode(j, &back, &err);
        ck_assert_int_eq(rc, over ? ERR_LIMIT : 0);
        if (over) {
            ck_assert_str_eq(err.field, "positions");
        } else {
            ck_assert_uint_eq(back.n_positions, PT_POSITIONS_MAX);
            ck_assert_int_eq(back.positions[PT_POSITIONS_MAX - 1].offset, 3);
            pt_report_fini(&back);
        }
        js_free(j);
    }
    free(r.positions);
}
END_TEST

START_TEST(report_phases_capped)
{
    char name[] = "p";
    struct pt_phase phases[PT_PHASES_MAX + 1];
    struct pt_report r = {.instance = (char[]){"i"},
                          .state = (char[]){"running"},
                          .phases = phases};
    for (int i = 0; i <= PT_PHASES_MAX; i++)
        phases[i] = (struct pt_phase){name, i};
    for (size_t over = 0; over < 2; over++) {
        struct pt_report back;
        struct err err;
        r.n_phases = PT_PHASES_MAX + over;
        struct json_t *j = pt_report_encode(&r);
        const int rc = pt_report_decode(j, &back, &err);
        js_free(j);
        ck_assert_int_eq(rc, over ? ERR_LIMIT : 0);
        if (over) {
            ck_assert_str_eq(err.field, "phases");
            continue;
        }
        ck_assert_uint_eq(back.n_phases, PT_PHASES_MAX);
        ck_assert_int_eq(back.phases[PT_PHASES_MAX - 1].ms, PT_PHASES_MAX - 1);
        pt_report_fini(&back);
    }
}
END_TEST

START_TEST(client_refused)
{
    struct json_t *j = json_of("{'instance':'','pid':1}");
    struct pt_client c;
    struct err err;
    ck_assert_int_eq(pt_client_decode(j, "client", &c, &err), ERR_INVALID);
    ck_assert_str_eq(err.field, "client.instance");
    js_free(j);
}
END_TEST

START_TEST(report_round_trip)
{
    struct json_t *j = json_of(REPORT);
    struct pt_report r;
    ck_assert_int_eq(pt_report_decode(j, &r, NULL), 0);
    assert_json(pt_report_encode(&r), REPORT);
    pt_report_fini(&r);
    js_free(j);
}
END_TEST

/* The text that is written at once is that of what is built first. */
static void
assert_written(struct buf *b, struct json_t *built)
{
    char *text = js_dump(built);
    ck_assert_str_eq(b->data, text);
    free(text);
    js_free(built);
    buf_fini(b);
}

START_TEST(written_as_encoded)
{
    char words[] = "\"quoted\", \\ and \xc3\xa9\x01";
    char *list[] = {words, words};
    struct prop attr[] = {{words, words}, {words + 1, words}};
    const struct pt_client c = {words, words, words, words, 17};
    struct pt_identity i = {.cluster_code = words, .role = words};
    struct pt_report r = {.instance = words, .state = words, .lag = 3};
    struct buf b;
    buf_init(&b, 10000);
    pt_client_write(&b, &c);
    assert_written(&b, pt_client_encode(&c));
    pt_identity_write(&b, &i);
    assert_written(&b, pt_identity_encode(&i));
    i.topics = (struct strlist){list, 2};
    i.attrs = (struct props){attr, 2};
    i.group = i.client_id = words;
    pt_identity_write(&b, &i);
    assert_written(&b, pt_identity_encode(&i));
    pt_report_write(&b, &r);
    assert_written(&b, pt_report_encode(&r));
    struct pt_position at[] = {{words, 0, 1}, {words, 2, 9000000000000000000}};
    r.cluster = r.detail = words;
    r.positions = at;
    r.n_positions = 2;
    pt_report_write(&b, &r);
    assert_written(&b, pt_report_encode(&r));
    struct pt_phase phases[] = {{words, 0}, {words, 17}};
    r.phases = phases;
    r.n_phases = 2;
    pt_report_write(&b, &r);
    assert_written(&b, pt_report_encode(&r));
    r.n_positions = 0;
    pt_report_write(&b, &r);
    assert_written(&b, pt_report_encode(&r));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("route protocol");
    TCase *refused = tcase_create("refusals");
    tcase_add_loop_test(refused, cluster_refused, 0, COUNT(bad_clusters));
    tcase_add_loop_test(refused, flow_refused, 0, COUNT(bad_flows));
    tcase_add_loop_test(refused, identity_refused, 0, COUNT(bad_identities));
    tcase_add_loop_test(refused, answer_refused, 0, COUNT(bad_answers));
    tcase_add_loop_test(refused, report_refused, 0, COUNT(bad_reports));
    tcase_add_test(refused, client_refused);
    suite_add_tcase(s, refused);
    TCase *trips = tcase_create("round trips");
    tcase_add_test(trips, cluster_round_trip);
    tcase_add_test(trips, flow_round_trip);
    tcase_add_test(trips, flow_defaults);
    tcase_add_test(trips, identity_round_trip);
    tcase_add_test(trips, identity_small);
    tcase_add_test(trips, answer_round_trip);
    tcase_add_test(trips, answer_mangled);
    tcase_add_test(trips, client_round_trip);
    tcase_add_test(trips, report_round_trip);
    tcase_add_test(trips, report_small);
    tcase_add_test(trips, report_positions_capped);
    tcase_add_test(trips, report_phases_capped);
    tcase_add_test(trips, written_as_encoded);
    suite_add_tcase(s, trips);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
