/*
 * What copies get of their topics' settings and access rights: MirrorMaker 2's
 * rules, with the data of its own tests (mm2.md 8.2 to 8.4, 11.5).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "replicator/acls.h"
#include "replicator/config_rule.h"
#include "tests/support/support.h"

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static struct config_entry source_v[] = {
    {"name-1", "value-1", CONFIG_OF_TOPIC, false, false},
    {"name-2", "value-2", CONFIG_DEFAULT, false, false},
    {"of-brokers", "3", CONFIG_OF_BROKERS, false, false},
    {"of-file", "4", CONFIG_OF_BROKER_FILE, false, false},
    {"read-only", "5", CONFIG_OF_TOPIC, true, false},
    {"secret", NULL, CONFIG_OF_TOPIC, false, true},
    {"min.insync.replicas", "2", CONFIG_OF_TOPIC, false, false},
    {"exclude_param.param1", "x", CONFIG_OF_TOPIC, false, false},
};
static const struct config source = {.v = source_v, .n = COUNT(source_v)};

static struct config_rule
rule_of(const char *exclude, bool defaults_from_source)
{
    struct pattern *p;
    struct err err = {0};
    ck_assert_int_eq(pattern_new(exclude, &p, &err), 0);
    return (struct config_rule){.exclude = p,
                                .defaults_from_source = defaults_from_source};
}

static void
free_rule(struct config_rule *r)
{
    pattern_free((struct pattern *)(uintptr_t)r->exclude);
}

static const char *
text_of(struct props *p)
{
    static char text[512];
    text[0] = '\0';
    props_sort(p);
    for (size_t i = 0; i < p->n; i++) {
        const size_t at = strlen(text);
        (void)snprintf(text + at, sizeof(text) - at, "%s%s=%s", i ? " " : "",
                       p->v[i].key, p->v[i].value);
    }
    return text;
}

START_TEST(a_new_copy_gets_what_was_set)
{
    struct config_rule r =
        rule_of("min.insync.replicas, exclude_param.*", false);
    struct props got = {0};
    config_of_new(&r, &source, &got);
    ck_assert_str_eq(text_of(&got), "name-1=value-1 of-brokers=3");
    props_fini(&got);
    r.defaults_from_source = true;
    config_of_new(&r, &source, &got);
    ck_assert_str_eq(text_of(&got),
                     "name-1=value-1 name-2=value-2 of-brokers=3");
    props_fini(&got);
    free_rule(&r);
}
END_TEST

struct merge_case {
    const char *what;
    bool defaults_from_source;
    struct config_entry target[4];
    size_t n;
    enum config_merge merge;
    const char *want;
};

static const struct merge_case merges[] = {
    {"all there",
     false,
     {{"name-1", "value-1", CONFIG_OF_TOPIC, false, false},
      {"of-brokers", "3", CONFIG_OF_TOPIC, false, false},
      {"name-2", "other", CONFIG_DEFAULT, false, false}},
     3,
     CONFIG_SAME,
     "name-1=value-1 of-brokers=3"},
    {"nothing there",
     false,
     {{0}},
     0,
     CONFIG_DIFFERS,
     "name-1=value-1 of-brokers=3"},
    {"another value",
     false,
     {{"name-1", "old", CONFIG_OF_TOPIC, false, false},
      {"of-brokers", "3", CONFIG_OF_TOPIC, false, false}},
     2,
     CONFIG_DIFFERS,
     "name-1=value-1 of-brokers=3"},
    {"the same by default counts as not set",
     false,
     {{"name-1", "value-1", CONFIG_DEFAULT, false, false},
      {"of-brokers", "3", CONFIG_OF_TOPIC, false, false}},
     2,
     CONFIG_DIFFERS,
     "name-1=value-1 of-brokers=3"},
    {"back at its default",
     false,
     {{"name-1", "value-1", CONFIG_OF_TOPIC, false, false},
      {"name-2", "once", CONFIG_OF_TOPIC, false, false},
      {"of-brokers", "3", CONFIG_OF_TOPIC, false, false}},
     3,
     CONFIG_DIFFERS,
     "name-1=value-1 of-brokers=3"},
    {"excluded stays, so does what the source does not know",
     false,
     {{"min.insync.replicas", "1", CONFIG_OF_TOPIC, false, false},
      {"only.here", "7", CONFIG_OF_TOPIC, false, false},
      {"of-file", "mine", CONFIG_OF_TOPIC, false, false}},
     3,
     CONFIG_DIFFERS,
     "min.insync.replicas=1 name-1=value-1 of-brokers=3 of-file=mine "
     "only.here=7"},
    {"defaults of the source",
     true,
     {{"name-1", "value-1", CONFIG_OF_TOPIC, false, false},
      {"of-brokers", "3", CONFIG_OF_TOPIC, false, false}},
     2,
     CONFIG_DIFFERS,
     "name-1=value-1 name-2=value-2 of-brokers=3"},
    {"a hidden value",
     false,
     {{"password", NULL, CONFIG_OF_TOPIC, false, true}},
     1,
     CONFIG_HIDDEN,
     "password="},
};

START_TEST(merging)
{
    const struct merge_case *c = &merges[_i];
    struct config_entry there[4];
    memcpy(there, c->target, sizeof(there));
    const struct config target = {.v = there, .n = c->n};
    struct config_rule r = rule_of("min.insync.replicas, exclude_param.*",
                                   c->defaults_from_source);
    struct props got = {0};
    ck_assert_msg(config_merge(&r, &source, &target, &got) == c->merge, "%s",
                  c->what);
    ck_assert_msg(strcmp(text_of(&got), c->want) == 0, "%s: %s", c->what,
                  text_of(&got));
    props_fini(&got);
    free_rule(&r);
}
END_TEST

/* ---- access rights ----------------------------------------------------- */

#define TOPIC   RD_KAFKA_RESOURCE_TOPIC
#define LITERAL RD_KAFKA_RESOURCE_PATTERN_LITERAL
#define PREFIX  RD_KAFKA_RESOURCE_PATTERN_PREFIXED
#define OP(x)   RD_KAFKA_ACL_OPERATION_##x
#define ALLOW   RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW
#define DENY    RD_KAFKA_ACL_PERMISSION_TYPE_DENY

static const struct {
    struct acl here;
    bool copied;
    int operation; /* there */
} rights[] = {
    {{TOPIC, LITERAL, "test", "User:u", "*", OP(ALL), ALLOW}, true, OP(READ)},
    {{TOPIC, LITERAL, "test", "User:u", "*", OP(ALL), DENY}, true, OP(ALL)},
    {{TOPIC, LITERAL, "test", "User:u", "*", OP(READ), ALLOW}, true, OP(READ)},
    {{TOPIC, LITERAL, "test", "User:u", "*", OP(ALTER), ALLOW},
     true,
     OP(ALTER)},
    {{TOPIC, LITERAL, "test", "User:u", "*", OP(WRITE), DENY}, true, OP(WRITE)},
    {{TOPIC, LITERAL, "test", "User:u", "*", OP(WRITE), ALLOW}, false, 0},
    {{TOPIC, PREFIX, "test", "User:u", "*", OP(READ), ALLOW}, false, 0},
    {{TOPIC, LITERAL, "other", "User:u", "*", OP(READ), ALLOW}, false, 0},
    {{TOPIC, LITERAL, "b.test", "User:u", "*", OP(READ), ALLOW}, false, 0},
    {{TOPIC, LITERAL, "__test", "User:u", "*", OP(READ), ALLOW}, false, 0},
    {{RD_KAFKA_RESOURCE_GROUP, LITERAL, "test", "User:u", "*", OP(READ), ALLOW},
     false,
     0},
};

START_TEST(access_rights)
{
    static const char text[] = "clusters = a, b\na.bootstrap.servers = x\n"
                               "b.bootstrap.servers = y\na->b.enabled = true\n"
                               "topics = .*test\n";
    struct settings s;
    struct err err = {0};
    struct acl there;
    char remote[64];
    ck_assert_int_eq(settings_load(text, strlen(text), &s, &err), 0);
    const struct flow_settings *c = settings_flow(&s, "a", "b");
    const struct acl *here = &rights[_i].here;
    ck_assert(acl_of_copy(c, here, remote, sizeof(remote), &there) ==
              rights[_i].copied);
    if (rights[_i].copied) {
        ck_assert_str_eq(there.topic, "a.test");
        ck_assert_int_eq((int)there.operation, rights[_i].operation);
        ck_assert(there.permission == here->permission);
        ck_assert_str_eq(there.principal, here->principal);
        ck_assert_str_eq(there.host, here->host);
        ck_assert(there.pattern == LITERAL && there.type == TOPIC);
    }
    settings_fini(&s);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator configs");
    TCase *t = tcase_create("rules");
    tcase_add_test(t, a_new_copy_gets_what_was_set);
    tcase_add_loop_test(t, merging, 0, (int)COUNT(merges));
    tcase_add_loop_test(t, access_rights, 0, (int)COUNT(rights));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
