/* SHUNT_LOG, and where the lines of a handle go. */
#include <check.h>
#include <fcntl.h>
#include <shunt/shunt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "sdk/src/handle.h"

static struct log_choice choice;
static struct err err;

START_TEST(words_of_the_variable)
{
    ck_assert_int_eq(log_choice_parse(NULL, &choice, &err), 0);
    ck_assert_int_eq(choice.level, -1);
    ck_assert_int_eq(log_choice_parse("warn", &choice, &err), 0);
    ck_assert_int_eq(choice.level, LOG_WARNING);
    ck_assert_int_eq(
        log_choice_parse(" error , file=/x/%p.log,kafka=cgrp+topic", &choice,
                         &err),
        0);
    ck_assert_int_eq(choice.level, LOG_DEBUG);
    ck_assert_str_eq(choice.debug, "cgrp,topic");
    char path[64];
    (void)snprintf(path, sizeof(path), "/x/%ld.log", (long)getpid());
    ck_assert_str_eq(choice.file, path);
    log_choice_fini(&choice);
    ck_assert_int_eq(log_choice_parse("file=/a,file=/b", &choice, &err), 0);
    ck_assert_str_eq(choice.file, "/b");
    log_choice_fini(&choice);
}
END_TEST

START_TEST(bad_words_are_named)
{
    static const char *const bad[] = {"loud", "file=", "kafka=", "7", "file"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "info,%s,debug", bad[i]);
        ck_assert_int_eq(log_choice_parse(text, &choice, &err), ERR_INVALID);
        ck_assert_str_eq(err.value, bad[i]);
        ck_assert_int_eq(choice.level, LOG_INFO);
        log_choice_fini(&choice);
    }
}
END_TEST

/* ---- with a handle ------------------------------------------------------ */

static char path[] = "/tmp/t_logger.XXXXXX";
static int heard;

static void
on_line(const shunt_t *rk, int level, const char *fac, const char *buf)
{
    (void)rk;
    (void)level;
    if (strcmp(fac, "SHUNTTEST") == 0 && strcmp(buf, "hello") == 0)
        heard++;
}

static shunt_t *
handle(bool with_cb, const char *level)
{
    char why[512] = "";
    shunt_conf_t *conf = shunt_conf_new();
    const char *const props[][2] = {{"cluster.code", "orders"},
                                    {"route.service", "http://127.0.0.1:1"},
                                    {"route.cache.dir", ""},
                                    {"log_level", level}};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(
            shunt_conf_set(conf, props[i][0], props[i][1], why, sizeof(why)),
            RD_KAFKA_CONF_OK);
    shunt_conf_set_log_cb(conf, with_cb ? on_line : NULL);
    shunt_t *rk = shunt_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    return rk;
}

static void
make_file(void)
{
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    heard = 0;
}

static void
remove_file(void)
{
    (void)unlink(path);
    (void)unsetenv("SHUNT_LOG");
}

static void
set_log(const char *fmt)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "%s%s", fmt, path);
    ck_assert_int_eq(setenv("SHUNT_LOG", text, 1), 0);
}

static bool
file_has(const char *words)
{
    char text[65536];
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    const size_t n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return strstr(text, words) != NULL;
}

START_TEST(a_file_gets_what_the_callback_gets)
{
    set_log("debug,file=");
    shunt_t *rk = handle(true, "3");
    handle_log(LOG_DEBUG, "SHUNTTEST", "hello", rk);
    ck_assert_int_eq(heard, 1);
    ck_assert(file_has("|SHUNTTEST|orders#producer-"));
    ck_assert(file_has("| hello\n"));
    shunt_destroy(rk);
}
END_TEST

START_TEST(without_the_variable_the_property_holds)
{
    shunt_t *rk = handle(true, "4");
    handle_log(LOG_NOTICE, "SHUNTTEST", "hello", rk);
    ck_assert_int_eq(heard, 0);
    handle_log(LOG_WARNING, "SHUNTTEST", "hello", rk);
    ck_assert_int_eq(heard, 1);
    shunt_set_log_level(rk, LOG_NOTICE);
    handle_log(LOG_NOTICE, "SHUNTTEST", "hello", rk);
    ck_assert_int_eq(heard, 2);
    shunt_destroy(rk);
}
END_TEST

START_TEST(a_bad_variable_ends_nothing)
{
    ck_assert_int_eq(setenv("SHUNT_LOG", "file=/no/such/folder/x", 1), 0);
    shunt_destroy(handle(false, "6"));
    ck_assert_int_eq(setenv("SHUNT_LOG", "loud", 1), 0);
    shunt_destroy(handle(false, "6"));
    set_log("kafka=nosuchcontext,file=");
    shunt_destroy(handle(false, "6"));
    ck_assert(file_has("nosuchcontext"));
}
END_TEST

static void
capture(int *saved)
{
    (void)fflush(stderr);
    *saved = dup(STDERR_FILENO);
    const int fd = open(path, O_WRONLY | O_APPEND);
    ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
    (void)close(fd);
}

START_TEST(librdkafkas_two_loggers)
{
    int saved;
    shunt_t *rk = handle(false, "3");
    capture(&saved);
    shunt_log_print(rk, LOG_ERR, "FAC", "to stderr");
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    ck_assert(file_has("|FAC|orders#producer-"));
    ck_assert(file_has("| to stderr\n"));
    shunt_log_syslog(rk, LOG_DEBUG, "FAC", "t_logger: nobody need listen");
    shunt_destroy(rk);
}
END_TEST

START_TEST(long_lines_are_cut)
{
    char text[6000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    set_log("info,file=");
    shunt_t *rk = handle(false, "6");
    handle_log(LOG_INFO, "SHUNTTEST", text, rk);
    handle_log(LOG_INFO, "SHUNTTEST", "after", rk);
    ck_assert(file_has("xxx\n%6|"));
    shunt_destroy(rk);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sdk/logger");
    TCase *t = tcase_create("words");
    tcase_add_test(t, words_of_the_variable);
    tcase_add_test(t, bad_words_are_named);
    suite_add_tcase(s, t);
    t = tcase_create("handle");
    tcase_add_checked_fixture(t, make_file, remove_file);
    tcase_add_test(t, a_file_gets_what_the_callback_gets);
    tcase_add_test(t, without_the_variable_the_property_holds);
    tcase_add_test(t, a_bad_variable_ends_nothing);
    tcase_add_test(t, librdkafkas_two_loggers);
    tcase_add_test(t, long_lines_are_cut);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
