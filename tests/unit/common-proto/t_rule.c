/*
 * Rules and the properties that they and clusters carry: what goes in comes
 * out, every refusal names the field and the value, and no secret is ever shown.
 */
#include "common/proto/route.h"

#include "tests/unit/common-proto/messages.h"

static const struct refusal bad_rules[] = {
    {"{'cluster':'a'}", ERR_INVALID, "rule.id", ""},
    {"{'id':'','cluster':'a'}", ERR_INVALID, "rule.id", ""},
    {"{'id':'a b','cluster':'a'}", ERR_INVALID, "rule.id", "a b"},
    {"{'id':'r'}", ERR_INVALID, "rule.cluster", ""},
    {"{'id':'r','cluster':'*'}", ERR_INVALID, "rule.cluster", "*"},
    {"{'id':'r','cluster':'a','priority':2147483648}", ERR_INVALID,
     "rule.priority", "2147483648"},
    {"{'id':'r','cluster':'a','priority':'high'}", ERR_INVALID, "rule.priority",
     "\"high\""},
    {"{'id':'r','cluster':'a','enabled':1}", ERR_INVALID, "rule.enabled", "1"},
    {"{'id':'r','cluster':'a','match':[]}", ERR_INVALID, "rule.match", "[]"},
    {"{'id':'r','cluster':'a','match':{'topics':'x'}}", ERR_INVALID,
     "rule.match.topics", "\"x\""},
    {"{'id':'r','cluster':'a','match':{'topic':''}}", ERR_INVALID,
     "rule.match.topic", ""},
    {"{'id':'r','cluster':'a','match':{'topic':['x','[a]']}}", ERR_INVALID,
     "rule.match.topic[1]", "[a]"},
    {"{'id':'r','cluster':'a','match':{'topic':['x',3]}}", ERR_INVALID,
     "rule.match.topic[1]", "3"},
    {"{'id':'r','cluster':'a','match':{'topic':[]}}", ERR_INVALID,
     "rule.match.topic", "[]"},
    {"{'id':'r','cluster':'a','match':{'cluster.code':'x\\\\'}}", ERR_INVALID,
     "rule.match.cluster.code", "x\\"},
    {"{'id':'r','cluster':'a','match':{'group':['[']}}", ERR_INVALID,
     "rule.match.group[0]", "["},
    {"{'id':'r','cluster':'a','match':{'client.id':']'}}", ERR_INVALID,
     "rule.match.client.id", "]"},
    {"{'id':'r','cluster':'a','match':{'role':'reader'}}", ERR_INVALID,
     "rule.match.role", "reader"},
    {"{'id':'r','cluster':'a','match':{'attributes':{'k':'['}}}", ERR_INVALID,
     "rule.match.attributes.k", "["},
    {"{'id':'r','cluster':'a','match':{'attributes':{'k':['x','']}}}",
     ERR_INVALID, "rule.match.attributes.k[1]", ""},
    {"{'id':'r','cluster':'a','match':{'attributes':{'k':null}}}", ERR_INVALID,
     "rule.match.attributes.k", "null"},
    {"{'id':'r','cluster':'a','match':{'attributes':{'':'x'}}}", ERR_INVALID,
     "rule.match.attributes", ""},
    {"{'id':'r','cluster':'a','colour':1}", ERR_INVALID, "rule.colour", "1"},
    {"{'id':'r','cluster':'a','share':5}", ERR_INVALID, "rule.share", "5"},
    {"{'id':'r','cluster':'a','fence':1}", ERR_INVALID, "rule.fence", "1"},
    {"{'id':'r','cluster':'a','standby':'b c'}", ERR_INVALID, "rule.standby",
     "b c"},
    {"{'id':'r','cluster':'a','standby':''}", ERR_INVALID, "rule.standby", ""},
    {"{'id':'r','cluster':'a','standby':['b']}", ERR_INVALID, "rule.standby",
     "[\"b\"]"},
    {"{'id':'r','cluster':'a','standby':'a'}", ERR_INVALID, "rule.standby",
     "a"},
    {"{'id':'r','cluster':'a','valid_from':1}", ERR_INVALID, "rule.valid_from",
     "1"},
    {"{'id':'r','cluster':'a','valid_until':''}", ERR_INVALID,
     "rule.valid_until", ""},
    {"{'id':'r','cluster':'a','valid_until':'soon'}", ERR_INVALID,
     "rule.valid_until", "soon"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01'}", ERR_INVALID,
     "rule.valid_until", "2026-12-01"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T03:00:00'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T03:00:00"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T03:00Z'}", ERR_INVALID,
     "rule.valid_until", "2026-12-01T03:00Z"},
    {"{'id':'r','cluster':'a','valid_until':'2026-13-01T03:00:00Z'}",
     ERR_INVALID, "rule.valid_until", "2026-13-01T03:00:00Z"},
    {"{'id':'r','cluster':'a','valid_until':'2026-02-29T03:00:00Z'}",
     ERR_INVALID, "rule.valid_until", "2026-02-29T03:00:00Z"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T24:00:00Z'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T24:00:00Z"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T03:60:00Z'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T03:60:00Z"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T03:00:60Z'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T03:00:60Z"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T03:00:00.Z'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T03:00:00.Z"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T03:00:00.1234Z'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T03:00:00.1234Z"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T03:00:00+1:00'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T03:00:00+1:00"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T03:00:00+24:00'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T03:00:00+24:00"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01T03:00:00Zz'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T03:00:00Zz"},
    {"{'id':'r','cluster':'a','valid_until':'1969-12-31T23:59:59Z'}",
     ERR_INVALID, "rule.valid_until", "1969-12-31T23:59:59Z"},
    {"{'id':'r','cluster':'a','valid_until':'2026-12-01 03:00:00Z'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01 03:00:00Z"},
    {"{'id':'r','cluster':'a','valid_until':'12026-12-01T03:00:00Z'}",
     ERR_INVALID, "rule.valid_until", "12026-12-01T03:00:00Z"},
    {"{'id':'r','cluster':'a','valid_until':'9999-12-31T23:59:59-01:00'}",
     ERR_INVALID, "rule.valid_until", "9999-12-31T23:59:59-01:00"},
    {"{'id':'r','cluster':'a','valid_from':'2026-12-01T03:00:00Z','valid_until':'2026-12-01T03:00:00Z'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T03:00:00Z"},
    {"{'id':'r','cluster':'a','valid_from':'2026-12-01T03:00:00Z','valid_until':'2026-12-01T03:30:00+01:00'}",
     ERR_INVALID, "rule.valid_until", "2026-12-01T02:30:00Z"},
    {"{'id':'r','cluster':'a','match':{'not':[]}}", ERR_INVALID,
     "rule.match.not", "[]"},
    {"{'id':'r','cluster':'a','match':{'not':{'topics':'x'}}}", ERR_INVALID,
     "rule.match.not.topics", "\"x\""},
    {"{'id':'r','cluster':'a','match':{'not':{'not':{}}}}", ERR_INVALID,
     "rule.match.not.not", "{}"},
    {"{'id':'r','cluster':'a','match':{'not':{'share':5}}}", ERR_INVALID,
     "rule.match.not.share", "5"},
    {"{'id':'r','cluster':'a','match':{'not':{'topic':[]}}}", ERR_INVALID,
     "rule.match.not.topic", "[]"},
    {"{'id':'r','cluster':'a','match':{'not':{'topic':['x','[']}}}",
     ERR_INVALID, "rule.match.not.topic[1]", "["},
    {"{'id':'r','cluster':'a','match':{'not':{'group':''}}}", ERR_INVALID,
     "rule.match.not.group", ""},
    {"{'id':'r','cluster':'a','match':{'not':{'client.id':7}}}", ERR_INVALID,
     "rule.match.not.client.id", "7"},
    {"{'id':'r','cluster':'a','match':{'not':{'cluster.code':']'}}}",
     ERR_INVALID, "rule.match.not.cluster.code", "]"},
    {"{'id':'r','cluster':'a','match':{'not':{'role':'reader'}}}", ERR_INVALID,
     "rule.match.not.role", "reader"},
    {"{'id':'r','cluster':'a','match':{'not':{'attributes':{'k':null}}}}",
     ERR_INVALID, "rule.match.not.attributes.k", "null"},
    {"{'id':'r','cluster':'a','match':{'not':{'attributes':{'k':['x','']}}}}",
     ERR_INVALID, "rule.match.not.attributes.k[1]", ""},
    {"{'id':'r','cluster':'a','match':{'share':5}}", ERR_INVALID,
     "rule.match.share.by", ""},
    {"{'id':'r','cluster':'a','match':{'share.by':'group'}}", ERR_INVALID,
     "rule.match.share", ""},
    {"{'id':'r','cluster':'a','match':{'share':0.5,'share.by':'group'}}",
     ERR_INVALID, "rule.match.share", "0.5"},
    {"{'id':'r','cluster':'a','match':{'share':-1,'share.by':'group'}}",
     ERR_INVALID, "rule.match.share", "-1"},
    {"{'id':'r','cluster':'a','match':{'share':101,'share.by':'group'}}",
     ERR_INVALID, "rule.match.share", "101"},
    {"{'id':'r','cluster':'a','match':{'share':'5','share.by':'group'}}",
     ERR_INVALID, "rule.match.share", "\"5\""},
    {"{'id':'r','cluster':'a','match':{'share':5,'share.by':'role'}}",
     ERR_INVALID, "rule.match.share.by", "role"},
    {"{'id':'r','cluster':'a','match':{'share':5,'share.by':''}}", ERR_INVALID,
     "rule.match.share.by", ""},
    {"{'id':'r','cluster':'a','match':{'share':5,'share.by':'topics'}}",
     ERR_INVALID, "rule.match.share.by", "topics"},
    {"{'id':'r','cluster':'a','match':{'share':5,'share.by':'attributes'}}",
     ERR_INVALID, "rule.match.share.by", "attributes"},
    {"{'id':'r','cluster':'a','match':{'share':5,'share.by':'attributes.'}}",
     ERR_INVALID, "rule.match.share.by", "attributes."},
    {"{'id':'r','cluster':'a','match':{'share':5,'share.by':'share'}}",
     ERR_INVALID, "rule.match.share.by", "share"},
    {"{'id':'r','cluster':'a','match':{'share':5,'share.by':['group']}}",
     ERR_INVALID, "rule.match.share.by", "[\"group\"]"},
};

START_TEST(rule_refused)
{
    const struct refusal *r = &bad_rules[_i];
    struct json_t *j = json_of(r->json);
    struct pt_rule rule;
    struct err err;
    assert_refused(pt_rule_decode(j, "rule", &rule, &err), &err, r);
    js_free(j);
}
END_TEST

/* ---- round trips --------------------------------------------------------- */

#define RULE                                                                   \
    "{'id':'orders-dr','priority':-100,'enabled':false,'match':"               \
    "{'cluster.code':['orders'],'role':['cons*'],'topic':['orders',"           \
    "'orders-*'],'group':['billing'],'client.id':['*'],"                       \
    "'attributes':{'flink.id':['1234'],'zone':['a','b?']},"                    \
    "'not':{'cluster.code':['x'],'role':['producer'],'topic':['t','u*'],"      \
    "'group':['audit'],'client.id':['c?'],'attributes':{'zone':['z']}},"       \
    "'share':5,'share.by':'attributes.flink.id'},"                             \
    "'cluster':'a','fence':true,'standby':'b',"                                \
    "'properties':{'sasl.password':"                                           \
    "'${file:/run/secrets/a:pw}','socket.keepalive.enable':'true'},"           \
    "'valid_from':'2026-12-01T03:00:00Z',"                                     \
    "'valid_until':'2026-12-01T05:00:00.250Z','comment':'why'}"

static void
assert_rule(const char *in, const char *out)
{
    struct json_t *j = json_of(in);
    struct pt_rule r;
    struct err err;
    ck_assert_msg(pt_rule_decode(j, "", &r, &err) == 0, "%s: %s", in, err.text);
    assert_json(pt_rule_encode(&r), out);
    pt_rule_fini(&r);
    js_free(j);
}

START_TEST(round_trip)
{
    assert_rule(RULE, RULE);
}
END_TEST

START_TEST(decoded)
{
    struct json_t *j = json_of(RULE);
    struct pt_rule r;
    ck_assert_int_eq(pt_rule_decode(j, "", &r, NULL), 0);
    ck_assert_uint_eq(r.match.n_attrs, 2);
    ck_assert_uint_eq(r.not_match.topic.n, 2);
    ck_assert_str_eq(r.not_match.attrs[0].key, "zone");
    ck_assert_int_eq(r.share, 5);
    ck_assert_str_eq(r.share_by, "attributes.flink.id");
    ck_assert_int_eq(r.valid_from, INT64_C(1796094000000));
    ck_assert_int_eq(r.valid_until, INT64_C(1796101200250));
    ck_assert_uint_eq(r.properties.n, 2);
    ck_assert(!r.enabled);
    pt_rule_fini(&r);
    js_free(j);
}
END_TEST

START_TEST(defaults)
{
    struct json_t *j = json_of("{'id':'r','cluster':'a'}");
    struct pt_rule r;
    ck_assert_int_eq(pt_rule_decode(j, "", &r, NULL), 0);
    ck_assert(r.enabled);
    ck_assert_int_eq(r.priority, 0);
    ck_assert_str_eq(r.comment, "");
    ck_assert_ptr_null(r.share_by);
    ck_assert(pt_match_is_empty(&r.match));
    ck_assert(pt_match_is_empty(&r.not_match));
    ck_assert_int_eq(r.valid_from, 0);
    ck_assert_int_eq(r.valid_until, PT_NO_END);
    ck_assert_uint_eq(r.properties.n, 0);
    pt_rule_fini(&r);
    js_free(j);
}
END_TEST

struct spelling {
    const char *in, *out; /* what stands in the rule */
};

/* Different spellings, one stored form. */
static const struct spelling spellings[] = {
    {"'match':{}", "'match':{}"},
    {"'match':{'topic':'one'}", "'match':{'topic':['one']}"},
    {"'match':{'not':{}}", "'match':{}"},
    {"'match':{'not':{'topic':'x'}}", "'match':{'not':{'topic':['x']}}"},
    {"'match':{'not':{'attributes':{}}}", "'match':{}"},
    {"'match':{'share':0,'share.by':'topic'}",
     "'match':{'share':0,'share.by':'topic'}"},
    {"'match':{'share':100,'share.by':'cluster.code'}",
     "'match':{'share':100,'share.by':'cluster.code'}"},
    {"'match':{'share':null,'share.by':null}", "'match':{}"},
    {"'match':{'attributes':{'b':'1','a':'2'}}",
     "'match':{'attributes':{'a':['2'],'b':['1']}}"},
    {"'match':{'not':{'attributes':{'b':'1','a':'2'}}}",
     "'match':{'not':{'attributes':{'a':['2'],'b':['1']}}}"},
};

START_TEST(one_spelling)
{
    char in[300];
    char out[300];
    (void)snprintf(in, sizeof(in), "{'id':'r','cluster':'a',%s}",
                   spellings[_i].in);
    (void)snprintf(out, sizeof(out),
                   "{'id':'r','priority':0,'enabled':true,%s,'cluster':'a',"
                   "'comment':''}",
                   spellings[_i].out);
    assert_rule(in, out);
}
END_TEST

static const struct spelling times[] = {
    {"2026-12-01T03:00:00Z", "2026-12-01T03:00:00Z"},
    {"2026-12-01t03:00:00z", "2026-12-01T03:00:00Z"},
    {"2026-12-01T03:00:00+01:30", "2026-12-01T01:30:00Z"},
    {"2026-12-31T23:59:59-00:30", "2027-01-01T00:29:59Z"},
    {"2028-02-29T00:00:00-00:00", "2028-02-29T00:00:00Z"},
    {"2026-12-01T03:00:00.5Z", "2026-12-01T03:00:00.500Z"},
    {"2026-12-01T03:00:00.050Z", "2026-12-01T03:00:00.050Z"},
    {"2026-12-01T03:00:00.000Z", "2026-12-01T03:00:00Z"},
    {"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"},
};

START_TEST(times_are_utc)
{
    char in[300];
    char out[300];
    (void)snprintf(in, sizeof(in),
                   "{'id':'r','cluster':'a','valid_until':'%s'}", times[_i].in);
    (void)snprintf(out, sizeof(out),
                   "{'id':'r','priority':0,'enabled':true,'match':{},"
                   "'cluster':'a','valid_until':'%s','comment':''}",
                   times[_i].out);
    assert_rule(in, out);
}
END_TEST

/* ---- properties ---------------------------------------------------------- */

struct property {
    const char *json; /* what stands between the braces of "properties" */
    const char *key;  /* of the one that is refused; NULL: none is */
};

static const struct property properties[] = {
    {"'security.protocol':'sasl_ssl','sasl.mechanism':'PLAIN',"
     "'sasl.username':'u','enable.ssl.certificate.verification':true",
     NULL},
    {"'ssl.ca.location':'/etc/ca.pem','ssl.key.location':'/k.pem'", NULL},
    {"'ssl.ca.location':'${env:CA_DIR}/ca.pem'", NULL},
    {"'sasl.username':'${file:/run/user}'", NULL},
    {"'sasl.password':'${file:/run/pw}'", NULL},
    {"'sasl.password':'${file:/run/pw:kafka.a}'", NULL},
    {"'sasl.password':'${env:PW}'", NULL},
    {"'ssl.newer.than.this':'${env:X}'", NULL},
    {"'sasl.kerberos.principal':'svc-a/h1.x@REALM.X'", NULL},
    {"'sasl.kerberos.principal':'${env:P}'", NULL},
    {"'sasl.password':'S3CRET'", "sasl.password"},
    {"'sasl.password':''", "sasl.password"},
    {"'sasl.password':34567", "sasl.password"},
    {"'sasl.password':['S3CRET']", "sasl.password"},
    {"'sasl.password':{'S3CRET':1}", "sasl.password"},
    {"'sasl.password':'${file:S3CRET}'", "sasl.password"},
    {"'sasl.password':'${S3CRET}'", "sasl.password"},
    {"'sasl.password':'${env:PW}S3CRET'", "sasl.password"},
    {"'sasl.password':'S3CRET${env:PW}'", "sasl.password"},
    {"'ssl.key.password':'S3CRET'", "ssl.key.password"},
    {"'ssl.key.pem':'S3CRET'", "ssl.key.pem"},
    {"'ssl.keystore.password':'S3CRET'", "ssl.keystore.password"},
    {"'sasl.oauthbearer.client.secret':'S3CRET'",
     "sasl.oauthbearer.client.secret"},
    {"'sasl.oauthbearer.config':'principal=S3CRET'", "sasl.oauthbearer.config"},
    {"'sasl.jaas.config':'S3CRET'", "sasl.jaas.config"},
    {"'sasl.pasword':'S3CRET'", "sasl.pasword"},
    {"'password':'S3CRET'", "password"},
    {"'group.id':'S3CRET'", "group.id"},
    {"'security.protocol':'${S3CRET'", "security.protocol"},
    {"'ssl.engine.location':'/S3CRET.so'", "ssl.engine.location"},
    {"'ssl.engine.location':'${env:X}'", "ssl.engine.location"},
    {"'ssl.providers':'default'", "ssl.providers"},
    {"'sasl.kerberos.kinit.cmd':'S3CRET'", "sasl.kerberos.kinit.cmd"},
    {"'sasl.kerberos.principal':'x; S3CRET'", "sasl.kerberos.principal"},
    {"'sasl.kerberos.keytab':'/x$(S3CRET)'", "sasl.kerberos.keytab"},
};

static void
assert_property(int rc, const struct err *err, const char *in,
                const struct property *p)
{
    char field[128];
    if (!p->key) {
        ck_assert_msg(rc == 0, "%s: %s", p->json, rc ? err->text : "");
        return;
    }
    (void)snprintf(field, sizeof(field), "%s.properties.%s", in, p->key);
    ck_assert_msg(rc == ERR_INVALID, "%s: %s", p->json, err_name(rc));
    ck_assert_str_eq(err->field, field);
    ck_assert_str_eq(err->value, "");
    ck_assert_msg(!strstr(err->text, "S3CRET") && !strstr(err->text, "34567"),
                  "%s", err->text);
    ck_assert_msg(strstr(err->text, p->key) != NULL, "%s", err->text);
}

START_TEST(of_a_cluster)
{
    char text[400];
    struct pt_cluster c;
    struct err err;
    (void)snprintf(text, sizeof(text),
                   "{'name':'a','bootstrap.servers':'h:1','properties':{%s}}",
                   properties[_i].json);
    struct json_t *j = json_of(text);
    const int rc = pt_cluster_decode(j, "cluster", &c, &err);
    assert_property(rc, &err, "cluster", &properties[_i]);
    if (rc == 0)
        pt_cluster_fini(&c);
    js_free(j);
}
END_TEST

START_TEST(of_a_rule)
{
    char text[400];
    struct pt_rule r;
    struct err err;
    (void)snprintf(text, sizeof(text),
                   "{'id':'r','cluster':'a','properties':{%s}}",
                   properties[_i].json);
    struct json_t *j = json_of(text);
    const int rc = pt_rule_decode(j, "rule", &r, &err);
    assert_property(rc, &err, "rule", &properties[_i]);
    if (rc == 0)
        pt_rule_fini(&r);
    js_free(j);
}
END_TEST

/* As answer_mangled in t_route.c: no harm is ever done. */
START_TEST(mangled)
{
    struct json_t *whole = json_of(RULE);
    char *text = js_dump(whole);
    const size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        static const char with[] = "0\"[{}],x$";
        const char kept = text[i];
        for (const char *w = with; *w; w++) {
            struct json_t *j = NULL;
            struct pt_rule r;
            text[i] = *w;
            if (js_parse(text, len, &j, NULL) == 0 &&
                pt_rule_decode(j, "", &r, NULL) == 0)
                pt_rule_fini(&r);
            js_free(j);
        }
        text[i] = kept;
    }
    free(text);
    js_free(whole);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("rules");
    TCase *t = tcase_create("rules");
    tcase_add_loop_test(t, rule_refused, 0, COUNT(bad_rules));
    tcase_add_test(t, round_trip);
    tcase_add_test(t, decoded);
    tcase_add_test(t, defaults);
    tcase_add_loop_test(t, one_spelling, 0, COUNT(spellings));
    tcase_add_loop_test(t, times_are_utc, 0, COUNT(times));
    tcase_add_loop_test(t, of_a_cluster, 0, COUNT(properties));
    tcase_add_loop_test(t, of_a_rule, 0, COUNT(properties));
    tcase_add_test(t, mangled);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
