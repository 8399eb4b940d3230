/*
 * Queues and stores that peers can fill: each ends at its cap, and goes on
 * afterwards.
 */
#include <check.h>
#include <malloc.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/offload.h"
#include "route-service/answers.h"
#include "route-service/audience.h"
#include "route-service/clients.h"
#include "route-service/committer.h"
#include "route-service/limits.h"
#include "tests/support/support.h"
#include "tests/unit/route-service/made.h"

#define LARGE ((size_t)256 << 10)

/* ---- clients that are away ----------------------------------------------- */

static struct client *
come(struct clients *all, int number, char *large)
{
    char instance[16];
    char code[] = "c";
    char role[] = "consumer";
    (void)snprintf(instance, sizeof(instance), "i%d", number);
    (void)snprintf(large, 16, "%015d", number);
    large[15] = '-'; /* and the rest of it */
    const struct pt_client who = {.instance = instance};
    const struct pt_identity id = {
        .cluster_code = code, .role = role, .client_id = large};
    return clients_add(all, &who, &id, "127.0.0.1", NULL);
}

START_TEST(clients_away_are_capped)
{
    const int enough = (int)(2 * LIMIT_AWAY_BYTES / LARGE);
    struct audiences *audiences = audiences_new();
    struct clients *all = clients_new(audiences, 60000);
    char *large = malloc(LARGE + 1);
    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    for (int i = 0; i < enough; i++)
        client_away(come(all, i, large));
    ck_assert_uint_le(clients_away(all) * LARGE, LIMIT_AWAY_BYTES);
    ck_assert_uint_gt(clients_away(all), (size_t)enough / 3);
    ck_assert_uint_eq(audiences_count(audiences), clients_away(all));
    ck_assert_ptr_null(clients_find(all, "i0"));
    char last[16];
    (void)snprintf(last, sizeof(last), "i%d", enough - 1);
    ck_assert_ptr_nonnull(clients_find(all, last));
    clients_free(all);
    audiences_free(audiences);
    free(large);
}
END_TEST

/* ---- answers ------------------------------------------------------------- */

/* Says how much was allocated meanwhile, at the end. */
static size_t
in_use(void)
{
    return mallinfo2().uordblks;
}

START_TEST(answers_are_capped)
{
    struct table *t = table_empty();
    struct answers *all = answers_new();
    made_push(&t, MADE_CLUSTER("a") "," MADE_RULE("r", "0", "", "a"));
    char code[] = "c";
    char role[] = "consumer";
    char *topic = malloc(LARGE + 1);
    memset(topic, 't', LARGE);
    topic[LARGE] = '\0';
    struct pt_identity id = {
        .cluster_code = code, .role = role, .topics = {.v = &topic, .n = 1}};
    const size_t before = in_use();
    for (int i = 0; i < 300; i++) {
        (void)snprintf(topic, 16, "%015d", i);
        topic[15] = '-';
        const struct answer *a = answers_get(all, t, &id);
        ck_assert_ptr_nonnull(strstr(a->text, topic));
    }
    /* What is kept, one text with its revision, and the last one made. */
    ck_assert_uint_lt(in_use() - before, 3 * LIMIT_ANSWERS_BYTES);
    answers_free(all);
    table_unref(t);
    free(topic);
}
END_TEST

/* ---- queues -------------------------------------------------------------- */

static sem_t busy, go_on;
static int n_done;

/* The thread that came here first waits. */
static void
hold(void)
{
    ck_assert_int_eq(sem_post(&busy), 0);
    ck_assert_int_eq(sem_wait(&go_on), 0);
}

static void
let_go(int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(sem_post(&go_on), 0);
}

static void
queues_setup(void)
{
    n_done = 0;
    ck_assert_int_eq(sem_init(&busy, 0, 0), 0);
    ck_assert_int_eq(sem_init(&go_on, 0, 0), 0);
}

static void
on_work(void *arg)
{
    (void)arg;
    hold();
}

static void
on_worked(void *arg)
{
    (void)arg;
    n_done++;
}

START_TEST(offloaded_work_is_capped)
{
    struct loop *loop;
    struct offload *o;
    struct err err;
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_int_eq(offload_start(LIMIT_OFFLOAD, &o, &err), 0);
    ck_assert_int_eq(offload_submit(o, loop, on_work, on_worked, NULL, &err),
                     0);
    ck_assert_int_eq(sem_wait(&busy), 0);
    for (int i = 0; i < LIMIT_OFFLOAD; i++)
        ck_assert_int_eq(
            offload_submit(o, loop, on_work, on_worked, NULL, &err), 0);
    ck_assert_int_eq(offload_submit(o, loop, on_work, on_worked, NULL, &err),
                     ERR_BUSY);
    let_go(LIMIT_OFFLOAD + 1);
    offload_stop(o);
    ck_assert(loop_drain(loop));
    ck_assert_int_eq(n_done, LIMIT_OFFLOAD + 1);
    offload_free(o);
    loop_free(loop);
}
END_TEST

static void
on_publish(struct table *t, const struct touched *touched, void *arg)
{
    (void)t;
    (void)touched;
    (void)arg;
    hold();
}

static void
on_outcome(const struct outcome *o, void *arg)
{
    (void)arg;
    ck_assert_msg(o->rc == 0, "%s", o->err->text);
    n_done++;
}

static int
submit(struct committer *k, struct loop *loop, int number, struct err *err)
{
    char body[256];
    (void)snprintf(body, sizeof(body),
                   "{\"operations\":[{\"op\":\"put\",\"cluster\":{\"name\":"
                   "\"c%d\",\"bootstrap.servers\":\"h:1\"}}]}",
                   number);
    return committer_submit_take(k, strdup(body), strlen(body), loop,
                                 on_outcome, NULL, err);
}

START_TEST(waiting_changes_are_capped)
{
    struct tmpdir dir;
    struct loop *loop;
    struct committer *k;
    struct err err;
    struct committer_conf conf = {.publish = on_publish};
    tmpdir_make(&dir);
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_int_eq(store_open(dir.path, &conf.store, &err), 0);
    ck_assert_int_eq(history_load(conf.store, &conf.head, &err), 0);
    conf.history = history_new(conf.store);
    ck_assert_int_eq(committer_start(&conf, &k, &err), 0);
    ck_assert_int_eq(submit(k, loop, 0, &err), 0);
    ck_assert_int_eq(sem_wait(&busy), 0); /* the writer is */
    for (int i = 1; i <= LIMIT_PENDING; i++)
        ck_assert_int_eq(submit(k, loop, i, &err), 0);
    ck_assert_int_eq(submit(k, loop, LIMIT_PENDING + 1, &err), ERR_BUSY);
    let_go(LIMIT_PENDING + 1);
    committer_stop(k);
    ck_assert_int_eq(submit(k, loop, LIMIT_PENDING + 2, &err), ERR_UNAVAILABLE);
    ck_assert(loop_drain(loop));
    ck_assert_int_eq(n_done, LIMIT_PENDING + 1);
    committer_free(k);
    table_unref(conf.head);
    history_free(conf.history);
    store_close(conf.store);
    loop_free(loop);
    tmpdir_remove(&dir);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("caps");
    TCase *t = tcase_create("caps");
    tcase_add_checked_fixture(t, queues_setup, NULL);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, clients_away_are_capped);
    tcase_add_test(t, answers_are_capped);
    tcase_add_test(t, offloaded_work_is_capped);
    tcase_add_test(t, waiting_changes_are_capped);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
