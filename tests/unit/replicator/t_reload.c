/* A file that is loaded while flows run: what is taken over, what waits for a
 * restart, and that a bad file changes nothing. */
#include <unistd.h>

#include "common/base/file.h"
#include "replicator/check.h"
#include "replicator/clients.h"
#include "replicator/load.h"
#include "tests/unit/replicator/world.h"

#define HEAD                                                                   \
    "clusters = a, b\n"                                                        \
    "a.bootstrap.servers = one:1\n"                                            \
    "b.bootstrap.servers = two:2\n"                                            \
    "a->b.enabled = true\n"

static struct tmpdir dir;
static struct loaded loaded;

static void
begin(void)
{
    log_set_sink(quiet);
    tmpdir_make(&dir);
    loaded = (struct loaded){.path = strdup(tmpdir_file(&dir, "mm2"))};
}

static void
end(void)
{
    char *path = (char *)(uintptr_t)loaded.path;
    load_fini(&loaded);
    free(path);
    tmpdir_remove(&dir);
}

static int
load(const char *text, struct err *err)
{
    ck_assert_int_eq(file_replace(loaded.path, text, strlen(text), NULL), 0);
    return load_file(&loaded, err);
}

static const struct flow_settings *
flow(void)
{
    return settings_flow(load_current(&loaded), "a", "b");
}

static bool
is_stale(const char *key)
{
    return strlist_has(&load_current(&loaded)->stale, key);
}

START_TEST(taken_over)
{
    struct err err = {0};
    ck_assert_msg(load(HEAD, &err) == 0, "%s", err.text);
    const struct flow_settings *first = flow();
    ck_assert_int_eq(load(HEAD "a->b.topics = x\ngroups.exclude = y\n"
                               "emit.checkpoints.interval.seconds = 7\n"
                               "b.offset.flush.interval.ms = 8\n"
                               "config.properties.exclude = retention.*\n",
                          &err),
                     0);
    ck_assert_uint_eq(load_current(&loaded)->stale.n, 0);
    ck_assert(settings_copies_topic(flow(), "x"));
    ck_assert(!settings_copies_topic(flow(), "orders"));
    ck_assert(!settings_follows_group(flow(), "y"));
    ck_assert_int_eq(flow()->checkpoints_interval_s, 7);
    ck_assert_int_eq(flow()->target->flush_interval_ms, 8);
    ck_assert(pattern_match(flow()->configs_exclude, "retention.ms"));
    /* Whoever still reads the first finds it as it was. */
    ck_assert(settings_copies_topic(first, "orders"));
    ck_assert_int_eq(first->checkpoints_interval_s, 60);
}
END_TEST

START_TEST(needs_a_restart)
{
    struct err err = {0};
    ck_assert_int_eq(load(HEAD "a.consumer.fetch.min.bytes = 5\n"
                               "a.consumer.fetch.max.bytes = 5000000\n",
                          &err),
                     0);
    const char *text = "clusters = a, b, c\n"
                       "a.bootstrap.servers = other:1\n"
                       "b.bootstrap.servers = two:2\n"
                       "c.bootstrap.servers = three:2\n"
                       "a->b.enabled = true\n"
                       "a->b.topics = x\n"
                       "a->c.enabled = true\n"
                       "a->b.offset.lag.max = 3\n"
                       "a->b.replication.factor = 9\n"
                       "b.offset.storage.topic = positions\n"
                       "a.consumer.fetch.min.bytes = 6\n"
                       "a.consumer.fetch.max.wait.ms = 6\n"
                       "emit.heartbeats.enabled = false\n";
    ck_assert_msg(load(text, &err) == 0, "%s", err.text);
    ck_assert(is_stale("a.bootstrap.servers"));
    ck_assert(is_stale("a->b.offset.lag.max"));
    ck_assert(is_stale("a->b.replication.factor"));
    ck_assert(is_stale("a->b.emit.heartbeats.enabled"));
    ck_assert(is_stale("b.offset.storage.topic"));
    ck_assert(is_stale("a->c.enabled"));
    ck_assert(is_stale("a->b.source.consumer.fetch.min.bytes"));
    ck_assert(is_stale("a->b.source.consumer.fetch.wait.max.ms"));
    ck_assert(is_stale("a->b.source.consumer.fetch.max.bytes"));
    ck_assert(!is_stale("a->b.topics"));
    ck_assert_int_eq(flow()->lag_max, 100);
    ck_assert(flow()->heartbeats_enabled);
    ck_assert_ptr_null(flow()->target->positions_topic);
    ck_assert_str_eq(flow()->source->bootstrap_servers, "one:1");
    const struct client_settings *c = &flow()->clients[ROLE_SOURCE_CONSUMER];
    ck_assert_str_eq(client_settings_get(c, "fetch.min.bytes"), "5");
    ck_assert_ptr_null(client_settings_get(c, "fetch.wait.max.ms"));
    ck_assert(settings_copies_topic(flow(), "x"));
    ck_assert(!settings_copies_topic(flow(), "orders"));
    /* Put back, nothing is stale. */
    ck_assert_int_eq(load(HEAD "a.consumer.fetch.min.bytes = 5\n"
                               "a.consumer.fetch.max.bytes = 5000000\n",
                          &err),
                     0);
    ck_assert_uint_eq(load_current(&loaded)->stale.n, 0);
}
END_TEST

START_TEST(a_bad_file)
{
    static const char *const bad[] = {
        "",
        HEAD "topics = (\n",
        HEAD "a->b.topics = x\nemit.checkpoints.interval.seconds = soon\n",
        HEAD "a->b.topics = x\na.ssl.what = 1\n",
        HEAD "a->b.topics = x\ny = \\u1\n",
    };
    struct err err = {0};
    ck_assert_int_eq(load(HEAD, &err), 0);
    const struct settings *was = load_current(&loaded);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err.text[0] = '\0';
        ck_assert_msg(load(bad[i], &err) != 0, "%s", bad[i]);
        ck_assert_msg(strstr(err.text, loaded.path) != NULL, "%s", err.text);
        ck_assert_ptr_eq(load_current(&loaded), was);
    }
    ck_assert_msg(load(bad[2], &err) == ERR_INVALID, "%s", err.text);
    ck_assert_str_eq(err.field, "emit.checkpoints.interval.seconds");
    ck_assert_str_eq(err.value, "soon");
    ck_assert_msg(strstr(err.text, "line 6") != NULL, "%s", err.text);
    ck_assert_int_eq(unlink(loaded.path), 0);
    ck_assert_int_eq(load_file(&loaded, &err), ERR_NOTFOUND);
    ck_assert_ptr_eq(load_current(&loaded), was);
}
END_TEST

START_TEST(only_some_clusters)
{
    struct err err = {0};
    ck_assert_int_eq(strlist_add(&loaded.targets, "b"), 0);
    const char *text = HEAD "b->a.enabled = true\n";
    ck_assert_msg(load(text, &err) == 0, "%s", err.text);
    const struct settings *s = load_current(&loaded);
    ck_assert(flow()->enabled);
    ck_assert(!settings_flow(s, "b", "a")->enabled);
    ck_assert(!settings_flow(s, "b", "a")->heartbeats_enabled);
    ck_assert_int_eq(load(text, &err), 0);
    ck_assert_uint_eq(load_current(&loaded)->stale.n, 0);
    const char *path = loaded.path;
    load_fini(&loaded);
    loaded.path = path;
    ck_assert_int_eq(strlist_add(&loaded.targets, "c"), 0);
    ck_assert_int_eq(load(text, &err), ERR_INVALID);
    ck_assert_str_eq(err.field, "--clusters");
    loaded.targets.v[0][0] = 'a';
    ck_assert_int_eq(load(HEAD, &err), ERR_INVALID);
    ck_assert_msg(strstr(err.text, "no flow to these") != NULL, "%s", err.text);
}
END_TEST

/* ---- a flow ------------------------------------------------------------ */

static void
put_to(const struct world *w, const char *topic, const char *value)
{
    ck_assert_int_eq(
        rd_kafka_producev(
            w->rk[0], RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
            RD_KAFKA_V_END),
        0);
    ck_assert_int_eq(rd_kafka_flush(w->rk[0], DEADLINE_MS), 0);
}

/* All parts of the flow that are read now. */
static bool
orders_are_left(void *arg)
{
    return sum_of(arg).mine == PARTITIONS &&
           sum_of(arg).parts == 2 * (size_t)PARTITIONS;
}

static bool
all_are_mine(void *arg)
{
    return sum_of(arg).mine == 2 * (size_t)PARTITIONS;
}

static struct settings
with_topics(const struct world *w, const char *topics)
{
    char text[8192];
    struct settings s;
    struct err err = {0};
    (void)snprintf(text, sizeof(text), "%s\na->b.topics = %s\n", w->text,
                   topics);
    ck_assert_int_eq(settings_load(text, strlen(text), &s, &err), 0);
    return s;
}

START_TEST(a_flow_follows)
{
    struct world w;
    world_make(&w, "heartbeats.replication.enabled = false\n");
    struct flow *f = ready_flow(&w);
    put_to(&w, "orders", "1");
    await_one(&w, "a.orders", 0, 1);
    struct settings others = with_topics(&w, "unrelated");
    struct settings both = with_topics(&w, "orders, unrelated");
    flow_reconf(f, settings_flow(&others, "a", "b"));
    put_to(&w, "unrelated", "1");
    await_one(&w, "a.unrelated", 0, 1);
    ck_assert(wait_until(orders_are_left, f, DEADLINE_MS));
    put_to(&w, "orders", "2");
    put_to(&w, "unrelated", "2");
    await_one(&w, "a.unrelated", 0, 2);
    ck_assert_int_eq(end_of(&w, 1, "a.orders", 0), 1);
    /* Selected again, it goes on where it was. */
    flow_reconf(f, settings_flow(&both, "a", "b"));
    await_one(&w, "a.orders", 0, 2);
    ck_assert(wait_until(all_are_mine, f, DEADLINE_MS));
    flow_stop(f);
    flow_free(f);
    ck_assert_int_eq(end_of(&w, 1, "a.orders", 0), 2);
    settings_fini(&others);
    settings_fini(&both);
    world_remove(&w);
}
END_TEST

START_TEST(what_would_be_copied_now)
{
    struct world w;
    struct err err = {0};
    char *text = NULL;
    size_t len;
    world_make(&w, "");
    ck_assert_msg(clients_check(&w.settings, &err) == 0, "%s", err.text);
    FILE *to = open_memstream(&text, &len);
    ck_assert_msg(check_print(&w.settings, "mm2", true, false, to, &err) == 0,
                  "%s", err.text);
    (void)fclose(to);
    ck_assert_msg(strstr(text, "  copies orders to a.orders, 2 partitions\n"),
                  "%s", text);
    ck_assert_msg(!strstr(text, "unrelated"), "%s", text);
    free(text);
    world_remove(&w);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator reload");
    TCase *t = tcase_create("reload");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, taken_over);
    tcase_add_test(t, needs_a_restart);
    tcase_add_test(t, a_bad_file);
    tcase_add_test(t, only_some_clusters);
    tcase_add_test(t, a_flow_follows);
    tcase_add_test(t, what_would_be_copied_now);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
