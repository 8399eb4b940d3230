/* What an mm2.properties file means, what is refused, which topics it
 * selects. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "replicator/settings.h"

#define HEAD                                                                   \
    "clusters = a, b\n"                                                        \
    "a.bootstrap.servers = one:9092\n"                                         \
    "b.bootstrap.servers = two:9092\n"                                         \
    "a->b.enabled = true\n"

static struct settings
loaded(const char *text)
{
    struct settings s;
    struct err err = {0};
    ck_assert_msg(settings_load(text, strlen(text), &s, &err) == 0, "%s",
                  err.text);
    return s;
}

static void
refused(const char *text, int code, const char *field, const char *words)
{
    struct settings s;
    struct err err = {0};
    ck_assert_int_eq(settings_load(text, strlen(text), &s, &err), code);
    ck_assert_str_eq(err.field, field);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
    ck_assert_ptr_null(s.flows);
}

static bool
warned(const struct settings *s, const char *words)
{
    for (size_t i = 0; i < s->warnings.n; i++)
        if (strstr(s->warnings.v[i], words))
            return true;
    return false;
}

START_TEST(defaults)
{
    struct settings s = loaded(HEAD);
    const struct flow_settings *f = settings_flow(&s, "a", "b");
    ck_assert_uint_eq(s.n_clusters, 2);
    ck_assert_uint_eq(s.n_flows, 2);
    ck_assert_uint_eq(s.warnings.n, 0);
    ck_assert(f->enabled);
    ck_assert(!settings_flow(&s, "b", "a")->enabled);
    ck_assert_str_eq(f->source->bootstrap_servers, "one:9092");
    ck_assert_int_eq(f->lag_max, 100);
    ck_assert_int_eq(f->target->flush_interval_ms, 60000);
    ck_assert_int_eq(f->target->positions_partitions, 25);
    ck_assert(!f->syncs_on_target);
    ck_assert(f->heartbeats_enabled && f->checkpoints_enabled);
    ck_assert_int_eq(f->checkpoints_interval_s, 60);
    ck_assert(!f->group_offsets_enabled && f->refresh_groups_enabled);
    ck_assert(f->configs_enabled && f->acls_enabled);
    ck_assert_int_eq(f->configs_interval_s, 600);
    ck_assert_int_eq(f->acls_interval_s, 600);
    ck_assert(!f->configs_defaults_from_source);
    ck_assert(pattern_match(f->configs_exclude, "min.insync.replicas"));
    ck_assert(!pattern_match(f->configs_exclude, "retention.ms"));
    ck_assert_int_eq(f->admin_timeout_ms, 60000);
    ck_assert_int_eq(f->on_refused, REFUSED_WAIT);
    ck_assert_int_eq(f->on_truncation, TRUNCATION_CONTINUE);
    ck_assert_str_eq(f->dead_letter_topic, "a.dead-letter");
    ck_assert_str_eq(f->provenance_header, "");
    ck_assert(!f->target->exactly_once);
    ck_assert_ptr_null(f->target->group_id);
    ck_assert_int_eq(f->target->session_timeout_ms, 10000);
    settings_fini(&s);
}
END_TEST

static void
client_has(const struct flow_settings *f, enum client_role role,
           const char *key, const char *value)
{
    const char *is = client_settings_get(&f->clients[role], key);
    ck_assert_msg(str_equal(is, value), "%s %s %s: %s instead of %s", f->name,
                  client_role_name(role), key, is ? is : "(none)",
                  value ? value : "(none)");
}

START_TEST(precedence)
{
    struct settings s =
        loaded("a->b.topics = x\n"
               "a->b.consumer.fetch.max.bytes = 3\n"
               "a->b.producer.override.linger.ms = 9\n" HEAD "topics = y\n"
               "security.protocol = ssl\n"
               "b.security.protocol = plaintext\n"
               "b.producer.compression.type = lz4\n"
               "offset.storage.replication.factor = 1\n"
               "b.offset.storage.replication.factor = 2\n"
               "b.offset.flush.interval.ms = 500\n");
    const struct flow_settings *f = settings_flow(&s, "a", "b");
    ck_assert_str_eq(f->topics_text, "x");
    ck_assert_str_eq(settings_flow(&s, "b", "a")->topics_text, "y");
    client_has(f, ROLE_SOURCE_CONSUMER, "security.protocol", "ssl");
    client_has(f, ROLE_TARGET_PRODUCER, "security.protocol", "plaintext");
    client_has(f, ROLE_TARGET_PRODUCER, "compression.type", "lz4");
    client_has(f, ROLE_SOURCE_CONSUMER, "fetch.max.bytes", "3");
    client_has(f, ROLE_TARGET_PRODUCER, "linger.ms", "9");
    /* At the top, the worker's keys win over those of a cluster. */
    ck_assert_int_eq(f->source->positions_replication, 1);
    ck_assert_int_eq(f->target->positions_replication, 1);
    ck_assert_int_eq(f->target->flush_interval_ms, 500);
    ck_assert_uint_eq(s.warnings.n, 0);
    settings_fini(&s);
}
END_TEST

/* Aliases may hold dots, and be the beginning of one another. */
START_TEST(odd_aliases)
{
    struct settings s = loaded("clusters = eu, eu.west\n"
                               "eu.bootstrap.servers = one:1\n"
                               "eu.west.bootstrap.servers = two:2\n"
                               "eu->eu.west.enabled = true\n"
                               "eu.west->eu.enabled = true\n"
                               "eu.west->eu.topics = x\n");
    ck_assert_str_eq(settings_cluster(&s, "eu")->bootstrap_servers, "one:1");
    ck_assert_str_eq(settings_cluster(&s, "eu.west")->bootstrap_servers,
                     "two:2");
    ck_assert_str_eq(settings_flow(&s, "eu.west", "eu")->topics_text, "x");
    settings_fini(&s);
}
END_TEST

START_TEST(warnings)
{
    struct settings s = loaded(HEAD "tasks.max = 4\n"
                                    "sync.topic.acls.enabled = false\n"
                                    "sync.topic.configs.enabled = true\n"
                                    "what.is.this = 1\n"
                                    "a->b.source.x = 1\n"
                                    "offset.flush.interval.ms = 5\n"
                                    "b.exactly.once.source.support = disabled\n"
                                    "topics = x\ntopics = y\n");
    ck_assert(warned(&s, "line 5: tasks.max: ignored: not needed"));
    ck_assert(!warned(&s, "acls"));
    ck_assert(warned(&s, "line 8: what.is.this: unknown key (= 1)"));
    ck_assert(warned(&s, "line 9: a->b.source.x: unknown key"));
    ck_assert(warned(&s, "line 10: offset.flush.interval.ms: has no effect"));
    ck_assert(warned(&s, "line 12: topics: is given again"));
    ck_assert_uint_eq(s.warnings.n, 5);
    ck_assert_str_eq(settings_flow(&s, "a", "b")->topics_text, "y");
    settings_fini(&s);
}
END_TEST

START_TEST(refusals)
{
    static const char *const bad[][3] = {
        {HEAD "exactly.once.source.support = enabled\n",
         "exactly.once.source.support", "at least once"},
        {HEAD "replication.policy.class = com.acme.Policy\n",
         "replication.policy.class", "com.acme.Policy"},
        {HEAD "topic.filter.class = com.acme.Filter\n", "topic.filter.class",
         "other topics"},
        {HEAD "value.converter = org.acme.JsonConverter\n", "value.converter",
         "ByteArrayConverter"},
        {HEAD "topics.blacklist = x\n", "topics.blacklist", "topics.exclude"},
        {HEAD "transforms = x\n", "transforms", "unchanged"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(bad[i][0], ERR_UNSUPPORTED, bad[i][1], bad[i][2]);
}
END_TEST

START_TEST(exactly_once)
{
    static const char head[] = HEAD "b.exactly.once.source.support = enabled\n";
    static const char uncommitted[] =
        HEAD "b.exactly.once.source.support = enabled\n"
             "a.consumer.isolation.level = read_uncommitted\n";
    struct settings s = loaded(head);
    ck_assert(settings_cluster(&s, "b")->exactly_once);
    ck_assert(!settings_cluster(&s, "a")->exactly_once);
    settings_fini(&s);
    refused(uncommitted, ERR_INVALID, "isolation.level", "aborted");
}
END_TEST

/* What a misspelt prefix or key asks for must not be left out. */
START_TEST(misspellings)
{
    static const char *const bad[][3] = {
        {HEAD "a->c.topics = x\n", "a->c.topics",
         "line 5: a->c.topics: = x: \"a->c\""},
        {HEAD "c->b.enabled = true\n", "c->b.enabled", "\"c->b\""},
        {HEAD "a->a.enabled = true\n", "a->a.enabled", "\"a->a\""},
        {HEAD "a->c.sync.group.offsets.enabled = true\n",
         "a->c.sync.group.offsets.enabled", "\"a->c\""},
        {HEAD "c.bootstrap.servers = x:1\n", "c.bootstrap.servers",
         "line 5: c.bootstrap.servers: = x:1: \"c\""},
        {HEAD "eu.west.security.protocol = ssl\n", "eu.west.security.protocol",
         "\"eu.west\""},
        {HEAD "c.consumer.fetch.max.bytes = 1\n", "c.consumer.fetch.max.bytes",
         "\"c\""},
        {HEAD "a->b.topicz = x\n", "a->b.topicz",
         "line 5: a->b.topicz: = x: a flow has no such key"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(bad[i][0], ERR_INVALID, bad[i][1], bad[i][2]);
    struct settings s = loaded(HEAD "consumer.group.id = 1\nx->y.z = 1\n");
    ck_assert(warned(&s, "line 6: x->y.z: unknown key (= 1)"));
    settings_fini(&s);
}
END_TEST

START_TEST(bad_values)
{
    static const char *const bad[][3] = {
        {"", "clusters", "is missing"},
        {"clusters = a\n", "clusters", "fewer than two"},
        {"clusters = a, b, a\n", "clusters", "twice"},
        {"clusters = a, b\n", "", "no flow is enabled"},
        {"clusters = a, b\na->b.enabled = true\nb.bootstrap.servers = x\n",
         "a.bootstrap.servers", "a->b needs it"},
        {HEAD "a->b.enabled = yes\n", "a->b.enabled", "line 5"},
        {HEAD "offset.lag.max = -1\n", "offset.lag.max", "\"-1\""},
        {HEAD "emit.heartbeats.interval.seconds = soon\n",
         "emit.heartbeats.interval.seconds", "\"soon\""},
        {HEAD "b.offset.flush.interval.ms = 0\n", "b.offset.flush.interval.ms",
         "line 5"},
        {HEAD "offset-syncs.topic.location = moon\n",
         "offset-syncs.topic.location", "moon"},
        {HEAD "b.exactly.once.source.support = yes\n",
         "b.exactly.once.source.support",
         "none of disabled, preparing, enabled"},
        {HEAD "exactly.once.support = required\n", "exactly.once.support",
         "a->b is not exactly once without b.exactly.once"},
        {HEAD "shunt.on.refused = skip\n", "shunt.on.refused",
         "none of wait, stop, dead-letter"},
        {HEAD "a->b.use.defaults.from = moon\n", "use.defaults.from",
         "\"moon\" is none of source, target"},
        {HEAD "config.properties.exclude = (\n", "config.properties.exclude",
         "no regular expression"},
        {HEAD "topics = orders, inv(oices\n", "topics",
         "\"inv(oices\" is no regular expression"},
        {HEAD "groups.exclude = *\n", "groups.exclude", "\"*\""},
        {HEAD "replication.policy.separator =\n",
         "replication.policy.separator", "empty"},
        {HEAD
         "b->a.enabled = true\nb->a.offset-syncs.topic.location = target\n",
         "offset-syncs.topic.location", "both would write"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(bad[i][0], ERR_INVALID, bad[i][1], bad[i][2]);
    refused(HEAD "x = \\u1\n", ERR_PARSE, "", "line 5");
}
END_TEST

static void
copies(const char *more, const char *yes, const char *no)
{
    char text[1024];
    struct strlist in = {0}, out = {0};
    (void)snprintf(text, sizeof(text), HEAD "%s", more);
    struct settings s = loaded(text);
    const struct flow_settings *f = settings_flow(&s, "a", "b");
    ck_assert_int_eq(strlist_split(&in, yes, " "), 0);
    ck_assert_int_eq(strlist_split(&out, no, " "), 0);
    for (size_t i = 0; i < in.n; i++)
        ck_assert_msg(settings_copies_topic(f, in.v[i]), "%s: %s", more,
                      in.v[i]);
    for (size_t i = 0; i < out.n; i++)
        ck_assert_msg(!settings_copies_topic(f, out.v[i]), "%s: %s", more,
                      out.v[i]);
    strlist_fini(&in);
    strlist_fini(&out);
    settings_fini(&s);
}

START_TEST(topic_filter)
{
    copies("", "orders orders.eu c.orders heartbeats",
           "b.orders b.heartbeats c.b.orders __consumer_offsets "
           "mm2-offsets.b.internal a.checkpoints.internal x.replica .hidden");
    copies("topics = orders, inv.*\n", "orders inv invoices heartbeats",
           "orders2 myorders xinv");
    copies("topics = orders\nheartbeats.replication.enabled = false\n",
           "orders", "heartbeats");
    copies("topics =\n", "heartbeats", "orders x");
    copies("topics.exclude = .*\\\\.tmp\n", "orders ordersxtmp", "orders.tmp");
    copies("replication.policy.class = org.apache.kafka.connect.mirror."
           "IdentityReplicationPolicy\n",
           "orders b.orders", "b.heartbeats");
    copies("replication.policy.separator = __\n", "b.orders orders",
           "b__orders");
}
END_TEST

START_TEST(group_filter)
{
    struct settings s = loaded(HEAD "groups = billing, audit-.*\n");
    const struct flow_settings *f = settings_flow(&s, "a", "b");
    struct strlist names = {0};
    ck_assert(settings_follows_group(f, "billing"));
    ck_assert(settings_follows_group(f, "audit-7"));
    ck_assert(!settings_follows_group(f, "billing2"));
    ck_assert_int_eq(pattern_literals(f->groups, &names), 0);
    ck_assert_uint_eq(names.n, 1);
    ck_assert_str_eq(names.v[0], "billing");
    strlist_fini(&names);
    settings_fini(&s);
    s = loaded(HEAD);
    f = settings_flow(&s, "a", "b");
    ck_assert(!settings_follows_group(f, "console-consumer-17"));
    ck_assert(settings_follows_group(f, "billing"));
    settings_fini(&s);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator settings");
    TCase *t = tcase_create("settings");
    tcase_add_test(t, defaults);
    tcase_add_test(t, precedence);
    tcase_add_test(t, odd_aliases);
    tcase_add_test(t, warnings);
    tcase_add_test(t, refusals);
    tcase_add_test(t, exactly_once);
    tcase_add_test(t, misspellings);
    tcase_add_test(t, bad_values);
    tcase_add_test(t, topic_filter);
    tcase_add_test(t, group_filter);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
