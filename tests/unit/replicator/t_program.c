/* The command line: what ends with status 1 before anything is copied. */
#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/js.h"
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

/* ---- a process of its own ------------------------------------------------ */

#define GOOD                                                                   \
    "clusters = a, b\na->b.enabled = true\n"                                   \
    "a.bootstrap.servers = 127.0.0.1:1\n"                                      \
    "b.bootstrap.servers = 127.0.0.1:1\n"

static struct tmpdir dir;
static char said[1 << 16];

static void
put_file(const char *text)
{
    ck_assert_int_eq(file_replace(tmpdir_file(&dir, "mm2.properties"), text,
                                  strlen(text), NULL),
                     0);
}

/* Runs the program with FILE and these words; what it prints goes to "out". */
static pid_t
spawn(const char *one, const char *two)
{
    char name[] = "shunt-replicator", path[512], a[128], b[128];
    (void)snprintf(path, sizeof(path), "%s",
                   tmpdir_file(&dir, "mm2.properties"));
    (void)snprintf(a, sizeof(a), "%s", one ? one : "");
    (void)snprintf(b, sizeof(b), "%s", two ? two : "");
    char *argv[] = {name, path, one ? a : NULL, two ? b : NULL, NULL};
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        if (!freopen(tmpdir_file(&dir, "out"), "w", stdout) ||
            dup2(fileno(stdout), STDERR_FILENO) < 0)
            _exit(9);
        const int rc = replicator_run(one ? (two ? 4 : 3) : 2, argv);
        (void)fflush(NULL);
        _exit(rc);
    }
    ck_assert_int_gt(pid, 0);
    return pid;
}

static int
status_of(pid_t pid)
{
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

/* Is it in what the process has printed? */
static bool
is_said(void *words)
{
    char *text;
    size_t len;
    if (file_read(tmpdir_file(&dir, "out"), sizeof(said) - 1, &text, &len,
                  NULL) != 0)
        return false;
    memcpy(said, text, len + 1);
    free(text);
    return strstr(said, words) != NULL;
}

static void
says(const char *words)
{
    ck_assert_msg(wait_until(is_said, (void *)(uintptr_t)words, DEADLINE_MS),
                  "\"%s\" is not in: %s", words, said);
}

START_TEST(check_for_people)
{
    tmpdir_make(&dir);
    put_file(GOOD "a->b.topics = orders.*\ntasks.max = 4\n"
                  "a.consumer.fetch.max.wait.ms = 7\n"
                  "b.ssl.key.password = s3cret\n"
                  "a.producer.s3cret.key = x\n");
    ck_assert_int_eq(status_of(spawn("--check", NULL)), 0);
    says("flow a->b, at least once; TOPIC is copied to a.TOPIC, "
         "compressed: as the records of the source\n");
    says("  topics = orders.*   (line 5: a->b.topics)\n");
    says("  groups = .*   (default)\n");
    says("  positions in mm2-offsets.a.internal on b\n");
    says("  offset syncs in mm2-offset-syncs.b.internal on a\n");
    says("    fetch.wait.max.ms = 7   (line 7: a.consumer.fetch.max.wait.ms)");
    says("    ssl.key.password = (hidden)   (line 8: b.ssl.key.password)\n");
    says("warning: line 6: tasks.max: ignored: ");
    says("mm2.properties: ok\n");
    ck_assert_ptr_null(strstr(said, "= s3cret"));
    put_file(GOOD "a->b.topics = (\n");
    ck_assert_int_eq(status_of(spawn("--check", NULL)), 1);
    says("topics");
    tmpdir_remove(&dir);
}
END_TEST

START_TEST(check_as_json)
{
    struct json_t *v;
    struct err err = {0};
    tmpdir_make(&dir);
    put_file(GOOD "b.ssl.key.password = s3cret\nbogus = 1\n");
    ck_assert_int_eq(status_of(spawn("--check", "--json")), 0);
    says("}\n");
    ck_assert_msg(js_parse(said, strlen(said), &v, &err) == 0, "%s: %s",
                  err.text, said);
    const struct json_t *flow = js_at(js_any(v, "flows"), 0);
    ck_assert_str_eq(js_str(js_any(flow, "flow")), "a->b");
    ck_assert_str_eq(js_str(js_any(flow, "delivery")), "at least once");
    ck_assert_uint_eq(js_len(js_any(v, "clusters")), 2);
    ck_assert_uint_eq(js_len(js_any(v, "warnings")), 1);
    ck_assert_ptr_null(strstr(said, "s3cret"));
    js_free(v);
    tmpdir_remove(&dir);
}
END_TEST

START_TEST(hangup_loads_anew)
{
    tmpdir_make(&dir);
    put_file(GOOD "b.ssl.key.password = s3cret\n");
    const pid_t pid = spawn("--log.level=info", "--listen=127.0.0.1:0");
    says("listening: ");
    put_file(GOOD "topics = (\n");
    ck_assert_int_eq(kill(pid, SIGHUP), 0);
    says("not reloaded, the old settings stay in force: ");
    says("topics: \"(\" is no regular expression");
    put_file(GOOD "topics = x\noffset.lag.max = 5\n");
    ck_assert_int_eq(kill(pid, SIGHUP), 0);
    says("reloaded: ");
    says("a->b.offset.lag.max has changed, which needs a restart");
    ck_assert_ptr_null(strstr(said, "s3cret"));
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    ck_assert_int_eq(status_of(pid), 0);
    tmpdir_remove(&dir);
}
END_TEST

/* MirrorMaker 2 takes them as words behind the option. */
START_TEST(clusters_as_words)
{
    tmpdir_make(&dir);
    put_file(GOOD "b->a.enabled = true\n");
    ck_assert_int_eq(status_of(spawn("--check", "--clusters=b")), 0);
    says("flow a->b");
    ck_assert_ptr_null(strstr(said, "flow b->a"));
    ck_assert_int_eq(status_of(spawn("--clusters", "c")), 1);
    says("\"c\" is none of");
    ck_assert_int_eq(status_of(spawn("--clusters", NULL)), 1);
    says("--clusters needs a name");
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
    tcase_add_test(t, check_for_people);
    tcase_add_test(t, check_as_json);
    tcase_add_test(t, hangup_loads_anew);
    tcase_add_test(t, clusters_as_words);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
