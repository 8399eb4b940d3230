/* Where a server listens: addresses, free ports, occupied ones. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/http_server.h"

static const struct http_limits limits = {.connections_max = 1};
static const struct http_route routes[] = {{0}};
static char url[256];

/* Listens, keeps the URL, and is gone again. */
static int
listen_on(const char *addr, struct err *err)
{
    struct loop *l;
    struct http_server *s;
    ck_assert_int_eq(loop_new(&l, err), 0);
    ck_assert_int_eq(http_server_new(l, &limits, routes, NULL, &s, err), 0);
    const int rc = http_server_listen(s, addr, false, err);
    if (!rc)
        (void)snprintf(url, sizeof(url), "%s", http_server_url(s));
    http_server_free(s);
    loop_free(l);
    return rc;
}

START_TEST(says_what_to_do_about_an_occupied_port)
{
    struct err err;
    struct loop *holder;
    struct http_server *first;
    ck_assert_int_eq(loop_new(&holder, &err), 0);
    ck_assert_int_eq(
        http_server_new(holder, &limits, routes, NULL, &first, &err), 0);
    ck_assert_int_eq(http_server_listen(first, "127.0.0.1:0", false, &err), 0);
    ck_assert_int_eq(
        listen_on(http_server_url(first) + strlen("http://"), &err), ERR_BUSY);
    ck_assert_msg(strstr(err.text, "choose another port") != NULL, "%s",
                  err.text);
    http_server_free(first);
    loop_free(holder);
}
END_TEST

START_TEST(checks_addresses)
{
    static const char *const bad[] = {"",        "7070",          "1.2.3.4.5:1",
                                      "1.2.3.4", "1.2.3.4:x",     "::1:80",
                                      "[::1]",   "1.2.3.4:99999", ":80"};
    struct err err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ck_assert_int_eq(listen_on(bad[i], &err), ERR_INVALID);
        ck_assert_str_eq(err.value, bad[i]);
    }
    if (listen_on("[::1]:0", &err) == 0)
        ck_assert_msg(strncmp(url, "http://[::1]:", 13) == 0, "%s", url);
    else
        ck_assert_int_eq(err.code, ERR_IO); /* a machine without IPv6 */
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("listen");
    TCase *tc = tcase_create("listen");
    tcase_add_test(tc, says_what_to_do_about_an_occupied_port);
    tcase_add_test(tc, checks_addresses);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
