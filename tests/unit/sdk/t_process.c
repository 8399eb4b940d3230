/* What a handle does to the process it lives in: signals, fork, threads. */
#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <netinet/in.h>
#include <shunt/shunt.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sdk/disk_world.h"

static volatile sig_atomic_t caught;

static void
on_signal(int signo)
{
    (void)signo;
    caught++;
}

static shunt_t *
busy_handle(rd_kafka_type_t type)
{
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_log_cb(conf, NULL);
    shunt_t *rk = disk_handle_take(type, conf);
    if (type == RD_KAFKA_PRODUCER) {
        disk_produce(rk, "x", NULL);
        ck_assert_int_eq(shunt_flush(rk, DEADLINE_MS), 0);
    } else {
        disk_subscribe(rk);
        rd_kafka_message_t *m;
        while (!(m = shunt_consumer_poll(rk, 100)))
            ;
        rd_kafka_message_destroy(m);
    }
    return rk;
}

/* The embedded cluster's own thread would take them. */
static void
set_up(void)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    disk_world_start();
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* One that is blocked here stays pending: no other thread takes it. */
START_TEST(signals_are_left_to_the_application)
{
    sigset_t usr1, pending;
    shunt_t *p = busy_handle(RD_KAFKA_PRODUCER);
    shunt_t *c = busy_handle(RD_KAFKA_CONSUMER);
    (void)signal(SIGUSR1, on_signal);
    (void)sigemptyset(&usr1);
    (void)sigaddset(&usr1, SIGUSR1);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
    ck_assert_int_eq(sigpending(&pending), 0);
    ck_assert_int_eq(caught, 0);
    ck_assert_int_eq(sigismember(&pending, SIGUSR1), 1);
    ck_assert_int_eq(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL), 0);
    ck_assert_int_eq(caught, 1);
    shunt_destroy(c);
    shunt_destroy(p);
}
END_TEST

/* The child has none of the threads: it may only end or become another
 * program, and make handles of its own. */
static int
child(void)
{
    char why[256] = "";
    shunt_conf_t *conf = shunt_conf_new();
    if (shunt_conf_set(conf, "cluster.code", "x", why, sizeof(why)) ||
        shunt_conf_set(conf, "route.service", DISK_SERVICE, why, sizeof(why)) ||
        shunt_conf_set(conf, "route.cache.dir", "", why, sizeof(why)))
        return 1;
    shunt_conf_set_log_cb(conf, NULL);
#ifdef __SANITIZE_THREAD__ /* dies of new threads with the numbers of old ones */
    shunt_conf_destroy(conf);
#else
    shunt_t *rk = shunt_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!rk)
        return 2;
    shunt_destroy(rk);
#endif
    return 0;
}

START_TEST(a_fork_leaves_the_parent_alone)
{
    int status;
    shunt_t *p = busy_handle(RD_KAFKA_PRODUCER);
    const pid_t pid = fork();
    if (pid == 0)
        _exit(child());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
    disk_produce(p, "y", NULL);
    ck_assert_int_eq(shunt_flush(p, DEADLINE_MS), 0);
    shunt_destroy(p);
}
END_TEST

/* How many sockets a program that is started now begins with. */
static int
inherited(void)
{
    int status;
    const pid_t pid = fork();
    if (pid == 0)
        (void)execl("/bin/sh", "sh", "-c",
                    "n=0; for f in /proc/self/fd/*; do case $(readlink $f) in "
                    "socket:*) n=$((n + 1));; esac; done; exit $n",
                    (char *)NULL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A route service that accepts and says nothing. */
static int
listen_anywhere(char *url, size_t size)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(url, size, "http://127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

/* Those to route services; librdkafka sees to its own. */
START_TEST(sockets_are_not_inherited)
{
    char url[64], why[256];
    const int fd = listen_anywhere(url, sizeof(url));
    const int before = inherited(); /* the embedded broker's */
    shunt_conf_t *conf = shunt_conf_new();
    disk_set(conf, "cluster.code", "x");
    disk_set(conf, "route.service", url);
    disk_set(conf, "route.cache.dir", "");
    shunt_t *waits = shunt_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    disk_produce(waits, "x", NULL);
    const int watch = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(watch, 0);
    /* libcurl wakes itself up by a pair */
    ck_assert_int_le(inherited(), before + 2);
    (void)close(watch);
    (void)close(fd);
    shunt_destroy(waits);
}
END_TEST

static int
threads(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static bool
are_gone(void *arg)
{
    return threads() <= *(const int *)arg;
}

START_TEST(threads_end_with_the_handle)
{
    int before = threads();
    shunt_t *p = busy_handle(RD_KAFKA_PRODUCER);
    shunt_t *c = busy_handle(RD_KAFKA_CONSUMER);
    ck_assert_int_gt(threads(), before);
    ck_assert_int_eq(shunt_consumer_close(c), 0);
    shunt_destroy(c);
    shunt_destroy(p);
    ck_assert(wait_until(are_gone, &before, DEADLINE_MS));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sdk/process");
    TCase *t = tcase_create("process");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, disk_world_stop);
    tcase_add_test(t, signals_are_left_to_the_application);
    tcase_add_test(t, a_fork_leaves_the_parent_alone);
    tcase_add_test(t, sockets_are_not_inherited);
    tcase_add_test(t, threads_end_with_the_handle);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
