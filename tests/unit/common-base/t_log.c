/* The log: one line each, whatever it quotes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"

static char seen[2048];

static void
keep(enum log_level level, const char *line)
{
    (void)level;
    (void)snprintf(seen, sizeof(seen), "%s", line);
}

START_TEST(stays_on_one_line)
{
    log_set_sink(keep);
    log_warn("client %s is gone", "x\n2026-11-21 ERROR forged\r\x1b[2J\t\x7f");
    ck_assert_str_eq(seen, "client x 2026-11-21 ERROR forged  [2J   is gone");
    log_warn("gr\xc3\xbc\xc3\x9f"
             "e");
    ck_assert_str_eq(seen, "gr\xc3\xbc\xc3\x9f"
                           "e");
}
END_TEST

START_TEST(keeps_to_its_level)
{
    log_set_sink(keep);
    log_set_level(LOG_WARN);
    seen[0] = '\0';
    log_info("not this");
    ck_assert_str_eq(seen, "");
    log_error("this");
    ck_assert_str_eq(seen, "this");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("log");
    TCase *t = tcase_create("log");
    tcase_add_test(t, stays_on_one_line);
    tcase_add_test(t, keeps_to_its_level);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
