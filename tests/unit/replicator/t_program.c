/* The command line: what ends with status 1 before anything is copied. */
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "replicator/run.h"
#include "tests/support/support.h"

static void
quiet(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

static int
run(const char *one, const char *two)
{
    char name[] = "shunt-replicator", a[512] = "", b[512] = "";
    (void)snprintf(a, sizeof(a), "%s", one);
    (void)snprintf(b, sizeof(b), "%s", two ? two : "");
    char *argv[] = {name, a, two ? b : NULL, NULL};
    log_set_sink(quiet);
    return replicator_run(two ? 3 : 2, argv);
}

START_TEST(an_occupied_port)
{
    static const char good[] = "clusters = a, b\na->b.enabled = true\n"
                               "a.bootstrap.servers = 127.0.0.1:1\n"
                               "b.bootstrap.servers = 127.0.0.1:1\n";
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    struct tmpdir dir;
    char option[64];
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(option, sizeof(option), "--listen=127.0.0.1:%d",
                   ntohs(at.sin_port));
    tmpdir_make(&dir);
    const char *path = tmpdir_file(&dir, "mm2.properties");
    ck_assert_int_eq(file_replace(path, good, strlen(good), NULL), 0);
    ck_assert_int_eq(run(option, path), 1);
    close(fd);
    tmpdir_remove(&dir);
}
END_TEST

START_TEST(bad_command_lines)
{
    struct tmpdir dir;
    struct err err = {0};
    static const char bad[] = "clusters = a\n";
    tmpdir_make(&dir);
    const char *path = tmpdir_file(&dir, "bad.properties");
    ck_assert_int_eq(file_replace(path, bad, strlen(bad), &err), 0);
    ck_assert_int_eq(run(path, NULL), 1);
    ck_assert_int_eq(run(path, "--check"), 1);
    ck_assert_int_eq(run("/does/not/exist", NULL), 1);
    ck_assert_int_eq(run("--nonsense", path), 1);
    ck_assert_int_eq(run(path, "another"), 1);
    ck_assert_int_eq(run("--log.level=loud", path), 1);
    static const char good[] = "clusters = a, b\na->b.enabled = true\n"
                               "a.bootstrap.servers = x:1\n"
                               "b.bootstrap.servers = y:1\n";
    ck_assert_int_eq(file_replace(path, good, strlen(good), &err), 0);
    ck_assert_int_eq(run("--check", path), 0);
    tmpdir_remove(&dir);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator program");
    TCase *t = tcase_create("program");
    tcase_set_timeout(t, 90);
    tcase_add_test(t, bad_command_lines);
    tcase_add_test(t, an_occupied_port);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
