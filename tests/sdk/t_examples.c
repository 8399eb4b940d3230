/*
 * Programs of examples/ that need real brokers: one that takes the place of
 * another in its group, and transactions.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sdk/real.h"

#define WAIT_MS 90000
#define N       40

/* ---- processes ---------------------------------------------------------- */

/* BUILD/examples/NAME; this program is BUILD/sdk-real/t_examples. */
static const char *
path_of(const char *name)
{
    static char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) / 2);
    ck_assert_int_gt(n, 0);
    path[n] = '\0';
    for (int i = 0; i < 2; i++)
        *strrchr(path, '/') = '\0';
    (void)strcat(path, "/examples/");
    (void)strcat(path, name);
    return path;
}

static pid_t
start(const char *const *argv)
{
    const char *path = path_of(argv[0]);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)execv(path, (char **)(uintptr_t)argv);
        _exit(127);
    }
    ck_assert_int_gt(pid, 0);
    return pid;
}

static int
end(pid_t pid, int signo)
{
    int status;
    ck_assert_int_eq(kill(pid, signo), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

/* ---- what has come out -------------------------------------------------- */

static int seen[10 * N];

static void
mark(const rd_kafka_message_t *m, void *arg)
{
    char value[16] = "";
    (void)arg;
    ck_assert_uint_lt(m->len, sizeof(value));
    memcpy(value, m->payload, m->len);
    ck_assert_int_lt(atoi(value), 10 * N);
    seen[atoi(value)]++;
}

struct want {
    const char *topic;
    int n; /* 0..n-1 */
};

static bool
all_there(void *arg)
{
    const struct want *w = arg;
    memset(seen, 0, sizeof(seen));
    (void)real_read("a", w->topic, mark, NULL);
    (void)real_read("b", w->topic, mark, NULL);
    for (int i = 0; i < w->n; i++)
        if (seen[i] == 0)
            return false;
    return true;
}

static void
wait_for(const char *topic, int n)
{
    struct want w = {topic, n};
    ck_assert_msg(real_wait(all_there, &w, WAIT_MS), "not all of %d came out",
                  n);
}

static void
expect_once(int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(seen[i] == 1, "%d came out %d times", i, seen[i]);
}

/* ---- tests -------------------------------------------------------------- */

/* Records with keys: what before.c and after.c copy. */
static void
produce(const char *cluster, const char *topic, int first, int n)
{
    rd_kafka_t *rk = real_bare(RD_KAFKA_PRODUCER, cluster, NULL);
    for (int i = first; i < first + n; i++) {
        char value[16], key[] = "k";
        (void)snprintf(value, sizeof(value), "%d", i);
        ck_assert_int_eq(
            rd_kafka_producev(
                rk, RD_KAFKA_V_TOPIC(topic),
                RD_KAFKA_V_PARTITION(i % REAL_PARTITIONS),
                RD_KAFKA_V_KEY(key, 1), RD_KAFKA_V_VALUE(value, strlen(value)),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
            0);
    }
    ck_assert_int_eq(rd_kafka_flush(rk, 30000), 0);
    rd_kafka_destroy(rk);
}

/* The old program stops, the new one goes on at its commits, then comes a flip:
 * nothing is missing, and nothing is there twice. */
START_TEST(a_port_takes_the_place_of_its_program)
{
    const char *in = real_topic(), *out = real_topic();
    const char *group = real_name("group");
    const char *before[] = {"port/before", real_servers("a"), group, in, out,
                            NULL};
    const char *after[] = {"port/after", real_route_url(), group, in, out,
                           NULL};
    real_rule("orders", "a"); /* the code stands in the program */
    produce("a", in, 0, N);
    pid_t pid = start(before);
    wait_for(out, N);
    ck_assert_int_eq(end(pid, SIGTERM), 0);
    produce("a", in, N, N);
    pid = start(after);
    wait_for(out, 2 * N);
    real_flip("orders", "b");
    produce("b", in, 2 * N, N);
    wait_for(out, 3 * N);
    ck_assert_int_eq(end(pid, SIGTERM), 0);
    expect_once(3 * N);
}
END_TEST

/* Killed, started again, flipped: everything comes out once. */
START_TEST(transactions)
{
    const char *in = real_topic(), *out = real_topic();
    const char *code = real_name("code"), *group = real_name("group");
    const char *argv[] = {"transaction", real_route_url(), code, group, in, out,
                          NULL};
    real_rule(code, "a");
    produce("a", in, 0, N);
    pid_t pid = start(argv);
    wait_for(out, N / 2);
    (void)end(pid, SIGKILL);
    pid = start(argv);
    produce("a", in, N, N);
    wait_for(out, N + N / 2);
    real_flip(code, "b");
    produce("b", in, 2 * N, N);
    wait_for(out, 3 * N);
    (void)end(pid, SIGKILL);
    expect_once(3 * N);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("examples");
    TCase *c = real_case(s, "examples", 400);
    tcase_add_test(c, a_port_takes_the_place_of_its_program);
    tcase_add_test(c, transactions);
    return real_run(s);
}
