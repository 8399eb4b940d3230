/*
 * A topic that was made anew while nobody read it: another embedded cluster in
 * the place of a, whose log has grown past the position, or ends before it.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"
#include "tests/unit/replicator/world.h"

#define BEFORE 10 /* records that were copied */

static const char *const modes[] = {
    "", "b.exactly.once.source.support = enabled\n"};

static void
copy_all(const struct world *w, int64_t upto)
{
    struct flow *f = ready_flow(w);
    await(w, "a.orders", PARTITIONS, upto);
    flow_free(f);
}

/* a from now on; what ends with the process is not taken down. */
static void
another_source(struct world *w)
{
    struct err err = {0};
    char *was = strdup(rd_kafka_mock_cluster_bootstraps(w->mock[0]));
    rd_kafka_mock_cluster_t *mock =
        rd_kafka_mock_cluster_new(new_producer(NULL), 1);
    const char *is = rd_kafka_mock_cluster_bootstraps(mock);
    rd_kafka_mock_topic_create(mock, "orders", PARTITIONS, 1);
    rd_kafka_destroy(w->rk[0]);
    w->rk[0] = new_producer(is);
    w->mock[0] = mock;
    warm_up(w->rk[0], "orders");
    char *text = strdup(w->text), *at = strstr(text, was);
    ck_assert_ptr_nonnull(at);
    (void)snprintf(w->text, sizeof(w->text), "%.*s%s%s", (int)(at - text), text,
                   is, at + strlen(was));
    free(text);
    free(was);
    settings_fini(&w->settings);
    ck_assert_msg(settings_load(w->text, strlen(w->text), &w->settings, &err) ==
                      0,
                  "%s", err.text);
}

static void
look_for_first(const rd_kafka_message_t *m, void *arg)
{
    int *n = arg;
    n[m->partition] += m->len == 4 && memcmp(m->payload, "1000", 4) == 0;
}

/* All of it is copied: the first one, too. */
START_TEST(it_is_copied_from_its_beginning)
{
    static const int lengths[] = {BEFORE * 3, BEFORE + 1, BEFORE, BEFORE - 1,
                                  1};
    struct world w;
    int first[PARTITIONS] = {0};
    const int n = lengths[_i / 2];
    world_make(&w, modes[_i % 2]);
    put_numbers(&w, 0, BEFORE);
    copy_all(&w, BEFORE);
    another_source(&w);
    put_numbers(&w, 1000, 1000 + n);
    copy_all(&w, BEFORE + n);
    read_topic(&w, 1, "a.orders", look_for_first, first);
    for (int p = 0; p < PARTITIONS; p++) {
        ck_assert_int_eq(first[p], 1);
        ck_assert_int_eq(end_of(&w, 1, "a.orders", p), BEFORE + n);
    }
    world_remove(&w);
}
END_TEST

/* The same log: nothing is copied twice, by whomever it was left. */
START_TEST(the_same_goes_on)
{
    struct world w;
    world_make(&w, modes[_i]);
    for (int i = 1; i <= 3; i++) {
        put_numbers(&w, (i - 1) * BEFORE, i * BEFORE);
        copy_all(&w, i * BEFORE);
    }
    struct flow *f = ready_flow(&w); /* nothing new */
    put_numbers(&w, 3 * BEFORE, 3 * BEFORE + 1);
    await(&w, "a.orders", PARTITIONS, 3 * BEFORE + 1);
    flow_free(f);
    for (int p = 0; p < PARTITIONS; p++)
        ck_assert_int_eq(end_of(&w, 1, "a.orders", p), 3 * BEFORE + 1);
    world_remove(&w);
}
END_TEST

static bool
all_stopped(void *flow)
{
    struct flow_look l;
    size_t n = 0;
    flow_look(flow, NULL, &l);
    for (size_t i = 0; i < l.n; i++)
        n += l.parts[i].problem &&
             strstr(l.parts[i].problem, "is not the one that was copied");
    flow_look_fini(&l);
    return n == PARTITIONS;
}

START_TEST(it_stops_where_the_file_says_so)
{
    struct world w;
    struct err err = {0};
    world_make(&w, "shunt.on.truncation = stop\n");
    put_numbers(&w, 0, BEFORE);
    copy_all(&w, BEFORE);
    another_source(&w);
    put_numbers(&w, 1000, 1000 + 2 * BEFORE);
    struct flow *f = ready_flow(&w);
    ck_assert(wait_until(all_stopped, f, DEADLINE_MS));
    ck_assert_int_eq(flow_resume(f, NULL, &err), 0);
    await(&w, "a.orders", PARTITIONS, 3 * BEFORE);
    flow_free(f);
    world_remove(&w);
}
END_TEST

static bool
all_gone(void *flow)
{
    struct flow_look l;
    size_t n = 0;
    flow_look(flow, NULL, &l);
    for (size_t i = 0; i < l.n; i++)
        n += strcmp(part_look_state(&l.parts[i]), "gone") == 0;
    flow_look_fini(&l);
    return n == PARTITIONS;
}

/* A broker that has just started may not know of it yet. */
START_TEST(what_was_unknown_for_a_while_is_the_same)
{
    struct world w;
    char *more = NULL;
    ck_assert_int_gt(
        asprintf(&more, "%srefresh.topics.interval.seconds = 1\n", modes[_i]),
        0);
    world_make(&w, more);
    free(more);
    put_numbers(&w, 0, BEFORE);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, BEFORE);
    rd_kafka_mock_topic_set_error(w.mock[0], "orders",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    ck_assert(wait_until(all_gone, f, DEADLINE_MS));
    rd_kafka_mock_topic_set_error(w.mock[0], "orders", 0);
    put_numbers(&w, BEFORE, 2 * BEFORE);
    await(&w, "a.orders", PARTITIONS, 2 * BEFORE);
    flow_free(f);
    for (int p = 0; p < PARTITIONS; p++)
        ck_assert_int_eq(end_of(&w, 1, "a.orders", p), 2 * BEFORE);
    world_remove(&w);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator anew");
    TCase *t = tcase_create("anew");
    tcase_set_timeout(t, 90);
    tcase_add_loop_test(t, it_is_copied_from_its_beginning, 0, 10);
    tcase_add_loop_test(t, the_same_goes_on, 0, 2);
    tcase_add_test(t, it_stops_where_the_file_says_so);
    tcase_add_loop_test(t, what_was_unknown_for_a_while_is_the_same, 0, 2);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
