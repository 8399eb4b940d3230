/*
 * Flows between two embedded clusters: what arrives, what is written beside
 * it, and that neither a kill nor a refusal leaves anything out.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/mm2/codec.h"
#include "replicator/flow.h"
#include "replicator/run.h"
#include "replicator/syncs.h"
#include "replicator/topics.h"
#include "tests/support/support.h"
#include "tests/unit/replicator/world.h"

/* ---- what arrives ------------------------------------------------------ */

struct seen {
    int n;
    bool same;
};

static void
look_at_record(const rd_kafka_message_t *m, void *arg)
{
    struct seen *s = arg;
    rd_kafka_headers_t *h;
    rd_kafka_timestamp_type_t type;
    const char *name;
    const void *value;
    size_t len;
    if (m->partition != 1)
        return;
    s->n++;
    if (m->offset == 0) {
        s->same = m->key_len == 3 && memcmp(m->key, "k\0y", 3) == 0 &&
                  !m->payload &&
                  rd_kafka_message_timestamp(m, &type) == 1234567890123 &&
                  rd_kafka_message_headers(m, &h) == 0 &&
                  rd_kafka_header_cnt(h) == 2 &&
                  rd_kafka_header_get_all(h, 0, &name, &value, &len) == 0 &&
                  strcmp(name, "h1") == 0 && len == 2 &&
                  rd_kafka_header_get_all(h, 1, &name, &value, &len) == 0 &&
                  strcmp(name, "h2") == 0 && !value;
        return;
    }
    s->same = s->same && !m->key && m->payload && m->len == 0 &&
              rd_kafka_message_headers(m, &h) != 0;
}

START_TEST(records_stay_as_they_are)
{
    struct world w;
    world_make(&w, "");
    ck_assert_int_eq(
        rd_kafka_producev(w.rk[0], RD_KAFKA_V_TOPIC("orders"),
                          RD_KAFKA_V_PARTITION(1), RD_KAFKA_V_KEY("k\0y", 3),
                          RD_KAFKA_V_VALUE(NULL, 0),
                          RD_KAFKA_V_TIMESTAMP(1234567890123),
                          RD_KAFKA_V_HEADER("h1", "\0v", 2),
                          RD_KAFKA_V_HEADER("h2", NULL, 0), RD_KAFKA_V_END),
        0);
    ck_assert_int_eq(
        rd_kafka_producev(
            w.rk[0], RD_KAFKA_V_TOPIC("orders"), RD_KAFKA_V_PARTITION(1),
            RD_KAFKA_V_VALUE((void *)(uintptr_t) "", 0), RD_KAFKA_V_END),
        0);
    ck_assert_int_eq(rd_kafka_flush(w.rk[0], DEADLINE_MS), 0);
    struct flow *f = ready_flow(&w);
    put(&w, 0, "x"); /* also one that comes later */
    await_one(&w, "a.orders", 0, 1);
    await_one(&w, "a.orders", 1, 2); /* nothing says which comes first */
    flow_free(f);
    struct seen s = {0};
    read_topic(&w, 1, "a.orders", look_at_record, &s);
    ck_assert_int_eq(s.n, 2);
    ck_assert(s.same);
    ck_assert_int_eq(end_of(&w, 1, "a.orders", 0), 1);
    world_remove(&w);
}
END_TEST

struct numbers {
    int next[PARTITIONS]; /* highest so far + 1 */
    int zeroes[PARTITIONS];
    int repeated;
    bool gap;
};

static void
look_at_number(const rd_kafka_message_t *m, void *arg)
{
    struct numbers *n = arg;
    char text[16] = "";
    memcpy(text, m->payload, m->len < 15 ? m->len : 15);
    const int i = atoi(text);
    int *next = &n->next[m->partition];
    n->gap = n->gap || i > *next;
    n->repeated += i < *next;
    n->zeroes[m->partition] += i == 0;
    if (i == *next)
        ++*next;
}

static struct numbers
numbers_of(const struct world *w)
{
    struct numbers n = {0};
    read_topic(w, 1, "a.orders", look_at_number, &n);
    return n;
}

/* As soon as all below `end` are there. */
static struct numbers
numbers_up_to(const struct world *w, int end)
{
    const int64_t until = clock_mono_ms() + DEADLINE_MS;
    struct numbers n;
    do
        n = numbers_of(w);
    while ((n.next[0] < end || n.next[1] < end) && clock_mono_ms() < until);
    for (int p = 0; p < PARTITIONS; p++)
        ck_assert_int_eq(n.next[p], end);
    return n;
}

START_TEST(a_clean_stop_repeats_nothing)
{
    struct world w;
    world_make(&w, "");
    put_numbers(&w, 0, 500);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, 500);
    flow_free(f);
    put_numbers(&w, 500, 700);
    f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, 700);
    flow_free(f);
    const struct numbers n = numbers_up_to(&w, 700);
    ck_assert(!n.gap);
    ck_assert_int_eq(n.repeated, 0);
    world_remove(&w);
}
END_TEST

/* ---- a kill ------------------------------------------------------------ */

/* A process that runs the program on the file whose name it is sent; forked
 * before this one has threads. */
struct runner {
    pid_t pid;
    int fd;
};

static struct runner
runner_make(void)
{
    int fds[2];
    char path[512] = "";
    ck_assert_int_eq(pipe(fds), 0);
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0) {
        close(fds[0]);
        return (struct runner){.pid = pid, .fd = fds[1]};
    }
    close(fds[1]);
    log_set_sink(quiet);
    char name[] = "shunt-replicator";
    char *argv[] = {name, path, NULL};
    if (read(fds[0], path, sizeof(path) - 1) <= 0)
        _exit(3);
    _exit(replicator_run(2, argv));
}

static void
runner_go(const struct runner *r, const char *path)
{
    ck_assert_int_eq(write(r->fd, path, strlen(path)), (ssize_t)strlen(path));
    close(r->fd);
}

static int
runner_end(const struct runner *r, int signo)
{
    int status;
    ck_assert_int_eq(kill(r->pid, signo), 0);
    ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
    return status;
}

static void
count_record(const rd_kafka_message_t *m, void *arg)
{
    (void)m;
    ++*(int *)arg;
}

static bool
has_position(void *arg)
{
    int n = 0;
    read_topic(arg, 1, "mm2-offsets.a.internal", count_record, &n);
    return n >= PARTITIONS;
}

START_TEST(a_kill_leaves_nothing_out)
{
    struct world w;
    struct tmpdir dir;
    struct err err = {0};
    const struct runner first = runner_make(), second = runner_make();
    tmpdir_make(&dir);
    world_make(&w, "");
    const char *path = tmpdir_file(&dir, "mm2.properties");
    ck_assert_int_eq(file_replace(path, w.text, strlen(w.text), &err), 0);
    put_numbers(&w, 0, 500);
    runner_go(&first, path);
    await(&w, "a.orders", PARTITIONS, 500);
    ck_assert(wait_until(has_position, &w, DEADLINE_MS));
    for (int i = 500; i < 3000; i += 50)
        put_numbers(&w, i, i + 50);
    ck_assert(WIFSIGNALED(runner_end(&first, SIGKILL)));
    put_numbers(&w, 3000, 3200);
    runner_go(&second, path);
    await(&w, "a.orders", PARTITIONS, 3200);
    const struct numbers n = numbers_up_to(&w, 3200);
    ck_assert(!n.gap);
    ck_assert_int_eq(n.zeroes[0], 1); /* not from the beginning */
    const int status = runner_end(&second, SIGTERM);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    world_remove(&w);
    tmpdir_remove(&dir);
}
END_TEST

START_TEST(a_refusal_leaves_nothing_out)
{
    const rd_kafka_resp_err_t refusal = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    struct world w;
    /* One record a batch: those behind the refused one are accepted. Nothing
     * but records is written, so that they are refused. */
    world_make(&w, "emit.heartbeats.enabled = false\n"
                   "emit.checkpoints.enabled = false\n"
                   "b.offset.flush.interval.ms = 600000\n"
                   "a->b.producer.override.batch.num.messages = 1\n");
    put_numbers(&w, 0, 10);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, 10);
    for (int i = 10; i < 500; i += 10) {
        if (i == 100 || i == 300)
            rd_kafka_mock_push_request_errors_array(w.mock[1], 0 /* Produce */,
                                                    1, &refusal);
        put_numbers(&w, i, i + 10);
    }
    (void)numbers_up_to(&w, 500);
    ck_assert_uint_gt(sum_of(f).refused, 0);
    flow_free(f);
    world_remove(&w);
}
END_TEST

/* ---- what is written beside it ----------------------------------------- */

struct syncs {
    struct sync_point at[64];
    int n; /* of partition 0 */
};

static void
look_at_sync(const rd_kafka_message_t *m, void *arg)
{
    struct syncs *s = arg;
    struct mm2_offset_sync sync;
    ck_assert_int_eq(mm2_offset_sync_decode(m->key, m->key_len, m->payload,
                                            m->len, &sync, NULL),
                     0);
    ck_assert_str_eq(sync.topic, "orders");
    if (sync.partition == 0 && s->n < 64)
        s->at[s->n++] = (struct sync_point){sync.upstream, sync.downstream};
    mm2_offset_sync_fini(&sync);
}

static void
expect_first_syncs(const char *more, int cluster, const char *topic)
{
    static const int64_t want[] = {0, 101, 202, 249};
    struct world w;
    struct syncs s = {0};
    world_make(&w, more);
    put_numbers(&w, 0, 250);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, 250);
    flow_free(f);
    read_topic(&w, cluster, topic, look_at_sync, &s);
    ck_assert_int_eq(s.n, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(s.at[i].up, want[i]);
        ck_assert_int_eq(s.at[i].down, want[i]);
    }
    world_remove(&w);
}

START_TEST(syncs_on_the_source)
{
    expect_first_syncs("b.offset.flush.interval.ms = 600000\n", 0, SYNCS_TOPIC);
}
END_TEST

START_TEST(syncs_on_the_target)
{
    expect_first_syncs("b.offset.flush.interval.ms = 600000\n"
                       "offset-syncs.topic.location = target\n",
                       1, "mm2-offset-syncs.a.internal");
}
END_TEST

static bool
was_told(const struct world *w, int64_t up, int64_t down)
{
    struct syncs s = {0};
    read_topic(w, 0, SYNCS_TOPIC, look_at_sync, &s);
    for (int i = 0; i < s.n; i++)
        if (s.at[i].up == up && s.at[i].down == down)
            return true;
    return false;
}

/* A record of someone else in the copy: the run breaks there. */
START_TEST(syncs_at_a_break)
{
    struct world w;
    world_make(&w, "");
    put_numbers(&w, 0, 10);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, 10);
    ck_assert_int_eq(rd_kafka_producev(w.rk[1], RD_KAFKA_V_TOPIC("a.orders"),
                                       RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_KEY("k", 1), RD_KAFKA_V_END),
                     0);
    ck_assert_int_eq(rd_kafka_flush(w.rk[1], DEADLINE_MS), 0);
    put_numbers(&w, 10, 20);
    await(&w, "a.orders", PARTITIONS, 20);
    flow_free(f);
    ck_assert(was_told(&w, 9, 9));
    ck_assert(was_told(&w, 10, 11));
    world_remove(&w);
}
END_TEST

/* A position is written behind its syncs, however often they are refused. */
START_TEST(refused_syncs_are_told_again)
{
    static const rd_kafka_resp_err_t no =
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    const rd_kafka_resp_err_t refusals[] = {no, no, no};
    struct world w;
    world_make(&w, "emit.heartbeats.enabled = false\n");
    put_numbers(&w, 0, 10);
    rd_kafka_mock_push_request_errors_array(w.mock[0], 0 /* Produce */, 3,
                                            refusals);
    struct flow *f = ready_flow(&w);
    ck_assert(wait_until(has_position, &w, DEADLINE_MS));
    ck_assert(was_told(&w, 0, 0));
    ck_assert(syncs_are_refused(f));
    flow_free(f);
    world_remove(&w);
}
END_TEST

static bool
all_was_told(void *arg)
{
    return was_told(arg, 19, 19);
}

/* Refused before it is sent. */
START_TEST(a_syncs_topic_that_is_closed)
{
    struct world w;
    world_make(&w, "a.producer.topic.metadata.refresh.interval.ms = 50\n");
    put_numbers(&w, 0, 10);
    struct flow *f = ready_flow(&w);
    ck_assert(wait_until(has_position, &w, DEADLINE_MS));
    rd_kafka_mock_topic_set_error(w.mock[0], SYNCS_TOPIC,
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    (void)usleep(500000); /* refreshes cannot be seen from here */
    put_numbers(&w, 10, 20);
    ck_assert(wait_until(syncs_are_refused, f, DEADLINE_MS));
    rd_kafka_mock_topic_set_error(w.mock[0], SYNCS_TOPIC, 0);
    ck_assert(wait_until(all_was_told, &w, DEADLINE_MS));
    flow_free(f);
    world_remove(&w);
}
END_TEST

static atomic_int gone_said;

static void
look_for_gone(enum log_level level, const char *line)
{
    gone_said += level == LOG_WARN && strstr(line, "are gone") &&
                 strstr(line, "orders/0: records 10 to ");
    quiet(level, line);
}

/* The embedded cluster keeps 5 MiB of a partition. */
static int64_t
put_until_some_are_gone(const struct world *w)
{
    static char value[500001];
    int64_t low = 0, high = 0;
    memset(value, 'x', sizeof(value) - 1);
    for (int i = 0; i < 20; i++) {
        put(w, 0, value);
        ck_assert_int_eq(rd_kafka_flush(w->rk[0], DEADLINE_MS), 0);
    }
    ck_assert_int_eq(rd_kafka_query_watermark_offsets(w->rk[0], "orders", 0,
                                                      &low, &high, DEADLINE_MS),
                     0);
    ck_assert_int_gt(low, 10);
    return low;
}

START_TEST(what_retention_took_is_said)
{
    struct world w;
    world_make(&w, "");
    put_numbers(&w, 0, 10);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, 10);
    flow_free(f);
    const int64_t low = put_until_some_are_gone(&w);
    log_set_sink(look_for_gone);
    f = ready_flow(&w);
    await(&w, "a.orders", 1, 10 + 30 - low);
    ck_assert_int_eq(gone_said, 1);
    ck_assert_uint_eq(sum_of(f).missed, (uint64_t)low - 10);
    flow_free(f);
    ck_assert(was_told(&w, 9, 9));
    ck_assert(was_told(&w, low, 10));
    world_remove(&w);
}
END_TEST

static void
commit(const struct world *w, int64_t offset)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    (void)rd_kafka_conf_set(conf, "bootstrap.servers",
                            rd_kafka_mock_cluster_bootstraps(w->mock[0]), why,
                            sizeof(why));
    (void)rd_kafka_conf_set(conf, "group.id", "g1", why, sizeof(why));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at =
        rd_kafka_topic_partition_list_add(l, "orders", 0);
    at->offset = offset;
    at->metadata = strdup("note");
    at->metadata_size = 4;
    ck_assert_int_eq(rd_kafka_commit(rk, l, 0), 0);
    rd_kafka_topic_partition_list_destroy(l);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

static void
take_checkpoint(const rd_kafka_message_t *m, void *arg)
{
    struct mm2_checkpoint *last = arg;
    mm2_checkpoint_fini(last);
    ck_assert_int_eq(mm2_checkpoint_decode(m->key, m->key_len, m->payload,
                                           m->len, last, NULL),
                     0);
}

START_TEST(checkpoints_follow_commits)
{
    struct world w;
    struct mm2_checkpoint last = {0};
    world_make(&w, "");
    put_numbers(&w, 0, 300);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, 300);
    commit(&w, 137);
    await(&w, "a.checkpoints.internal", 1, 1);
    read_topic(&w, 1, "a.checkpoints.internal", take_checkpoint, &last);
    ck_assert_str_eq(last.group, "g1");
    ck_assert_str_eq(last.topic, "a.orders");
    ck_assert_int_eq(last.partition, 0);
    ck_assert_int_eq(last.upstream, 137);
    ck_assert_int_eq(last.downstream, 137); /* no record is read again */
    ck_assert_str_eq(last.metadata, "note");
    flow_free(f);
    /* A restart knows only syncs of that time: nothing goes back. */
    f = ready_flow(&w);
    commit(&w, 300);
    await(&w, "a.checkpoints.internal", 1, 2);
    flow_free(f);
    read_topic(&w, 1, "a.checkpoints.internal", take_checkpoint, &last);
    ck_assert_int_eq(last.upstream, 300);
    ck_assert_int_eq(last.downstream, 300);
    mm2_checkpoint_fini(&last);
    ck_assert_int_eq(end_of(&w, 1, "a.checkpoints.internal", 0), 2);
    world_remove(&w);
}
END_TEST

static void
look_at_beat(const rd_kafka_message_t *m, void *arg)
{
    struct mm2_heartbeat h;
    ck_assert_int_eq(
        mm2_heartbeat_decode(m->key, m->key_len, m->payload, m->len, &h, NULL),
        0);
    ck_assert_str_eq(h.source, "a");
    ck_assert_str_eq(h.target, "b");
    mm2_heartbeat_fini(&h);
    ++*(int *)arg;
}

START_TEST(heartbeats_beat)
{
    struct world w;
    world_make(&w, "");
    struct flow *f = ready_flow(&w);
    await(&w, "heartbeats", 1, 2);
    flow_free(f);
    int n = 0;
    read_topic(&w, 1, "heartbeats", look_at_beat, &n);
    ck_assert_int_ge(n, 2);
    world_remove(&w);
}
END_TEST

START_TEST(starts_before_its_target)
{
    struct world w;
    world_make(&w, "");
    put_numbers(&w, 0, 10);
    rd_kafka_mock_broker_set_down(w.mock[1], 1);
    struct flow *f = started(&w);
    ck_assert(!flow_ready(f));
    rd_kafka_mock_broker_set_up(w.mock[1], 1);
    ck_assert(wait_until(is_ready, f, DEADLINE_MS));
    await(&w, "a.orders", PARTITIONS, 10);
    flow_free(f);
    world_remove(&w);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator copy");
    TCase *t = tcase_create("copy");
    tcase_set_timeout(t, 90);
    tcase_add_test(t, records_stay_as_they_are);
    tcase_add_test(t, a_clean_stop_repeats_nothing);
    tcase_add_test(t, a_kill_leaves_nothing_out);
    tcase_add_test(t, a_refusal_leaves_nothing_out);
    tcase_add_test(t, syncs_on_the_source);
    tcase_add_test(t, syncs_on_the_target);
    tcase_add_test(t, syncs_at_a_break);
    tcase_add_test(t, refused_syncs_are_told_again);
    tcase_add_test(t, a_syncs_topic_that_is_closed);
    tcase_add_test(t, what_retention_took_is_said);
    tcase_add_test(t, checkpoints_follow_commits);
    tcase_add_test(t, heartbeats_beat);
    tcase_add_test(t, starts_before_its_target);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
