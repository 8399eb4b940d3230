/* Heartbeats of pairs that no flow joins: three clusters, of which c is a under
 * another name. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/mm2/codec.h"
#include "replicator/beats.h"
#include "tests/support/support.h"
#include "tests/unit/replicator/world.h"

static void
note_pair(const rd_kafka_message_t *m, void *arg)
{
    char *pairs = arg, one[16];
    struct mm2_heartbeat h;
    struct err err = {0};
    ck_assert_int_eq(m->partition, 0);
    ck_assert_msg(mm2_heartbeat_decode(m->key, m->key_len, m->payload, m->len,
                                       &h, &err) == 0,
                  "%s", err.text);
    (void)snprintf(one, sizeof(one), "%s>%s ", h.source, h.target);
    if (!strstr(pairs, one))
        strcat(pairs, one);
    mm2_heartbeat_fini(&h);
}

struct awaited_pairs {
    const struct world *w;
    int cluster;
    const char *a, *b; /* NULL: one is enough */
    char pairs[128];
};

static bool
have_come(void *arg)
{
    struct awaited_pairs *a = arg;
    a->pairs[0] = '\0';
    read_topic(a->w, a->cluster, "heartbeats", note_pair, a->pairs);
    return strstr(a->pairs, a->a) && (!a->b || strstr(a->pairs, a->b));
}

static void
world_of_three(struct world *w, const char *more)
{
    char of_c[512], servers[256];
    struct err err = {0};
    world_make(w, "");
    (void)snprintf(servers, sizeof(servers), "%s",
                   rd_kafka_mock_cluster_bootstraps(w->mock[0]));
    (void)snprintf(of_c, sizeof(of_c), "\nc.bootstrap.servers = %s\n%s",
                   servers, more);
    char *text = strdup(w->text);
    (void)snprintf(w->text, sizeof(w->text), "clusters = a, b, c\n%s%s",
                   strchr(text, '\n') + 1, of_c);
    free(text);
    settings_fini(&w->settings);
    ck_assert_msg(settings_load(w->text, strlen(w->text), &w->settings, &err) ==
                      0,
                  "%s", err.text);
}

START_TEST(every_pair_has_them)
{
    struct world w;
    struct beats *b;
    struct err err = {0};
    world_of_three(&w, "");
    ck_assert_int_eq(beats_start(&w.settings, &b, &err), 0);
    ck_assert_ptr_nonnull(b);
    struct awaited_pairs here = {&w, 0, "a>c ", "c>a ", ""};
    struct awaited_pairs also = {&w, 0, "b>c ", NULL, ""};
    struct awaited_pairs there = {&w, 1, "c>b ", NULL, ""};
    ck_assert_msg(wait_until(have_come, &here, DEADLINE_MS), "%s", here.pairs);
    ck_assert_msg(wait_until(have_come, &also, DEADLINE_MS), "%s", also.pairs);
    ck_assert_msg(wait_until(have_come, &there, DEADLINE_MS), "%s",
                  there.pairs);
    beats_stop(b);
    /* The flow's own pair is the flow's. */
    ck_assert_ptr_null(strstr(also.pairs, "b>a "));
    ck_assert_ptr_null(strstr(there.pairs, "a>b "));
    world_remove(&w);
}
END_TEST

static size_t
alone(const struct settings *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_flows; i++)
        n += settings_beats_alone(s, &s->flows[i]);
    return n;
}

/* As MirrorMaker 2's clusterPairs(), but for those that a flow joins. */
START_TEST(which_pairs)
{
    struct world w;
    struct beats *b;
    struct err err = {0};
    world_of_three(&w, "");
    ck_assert_uint_eq(alone(&w.settings), 4);
    world_remove(&w);
    world_of_three(&w, "emit.heartbeats.enabled = false\n");
    ck_assert_uint_eq(alone(&w.settings), 0);
    ck_assert_int_eq(beats_start(&w.settings, &b, &err), 0);
    ck_assert_ptr_null(b);
    world_remove(&w);
    world_of_three(&w, "a->c.emit.heartbeats.enabled = false\n"
                       "c->a.emit.heartbeats.enabled = false\n");
    ck_assert_uint_eq(alone(&w.settings), 2);
    world_remove(&w);
    world_of_three(&w, "emit.heartbeats.enabled = false\n"
                       "c->a.emit.heartbeats.enabled = true\n");
    ck_assert_uint_eq(alone(&w.settings), 1);
    world_remove(&w);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator beats");
    TCase *t = tcase_create("beats");
    tcase_set_timeout(t, 90);
    tcase_add_test(t, every_pair_has_them);
    tcase_add_test(t, which_pairs);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
