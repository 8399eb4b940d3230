/*
 * Which server is asked next, and when a change may be sent again; what several
 * servers say as one list.  The servers are bare sockets that say one thing.
 */
#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/js.h"
#include "ctl/call.h"
#include "ctl/servers.h"

/* ---- servers that say one thing ------------------------------------------ */

struct bare {
    int fd;
    char url[64];
    const char *answer; /* whole, or "" to hang up */
    atomic_int asked;
    pthread_t thread;
};

static const char ok[] = "HTTP/1.1 200 OK\r\n\r\n"
                         "{\"revision\":7}";
static const char no_changes[] =
    "HTTP/1.1 503 Service Unavailable\r\n\r\n"
    "{\"error\":{\"code\":\"UNAVAILABLE\",\"message\":\"ZooKeeper does not "
    "answer now\"}}";
static const char conflict[] =
    "HTTP/1.1 409 Conflict\r\n\r\n"
    "{\"error\":{\"code\":\"CONFLICT\",\"message\":\"too late\"}}";
static const char lost[] =
    "HTTP/1.1 504 Gateway Timeout\r\n\r\n"
    "{\"error\":{\"code\":\"TIMEOUT\",\"message\":\"no answer\"}}";
static const char not_json[] = "HTTP/1.1 200 OK\r\n\r\nhello";

static void *
serve(void *arg)
{
    struct bare *b = arg;
    char request[4096];
    for (;;) {
        const int fd = accept(b->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        ssize_t n = read(fd, request, sizeof(request));
        atomic_fetch_add(&b->asked, 1);
        if (n > 0)
            n = write(fd, b->answer, strlen(b->answer));
        (void)close(fd);
    }
}

static void
bare_start(struct bare *b, const char *answer)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    b->answer = answer;
    atomic_init(&b->asked, 0);
    b->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(b->fd, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(b->fd, 5), 0);
    ck_assert_int_eq(getsockname(b->fd, (struct sockaddr *)&addr, &len), 0);
    (void)snprintf(b->url, sizeof(b->url), "http://127.0.0.1:%d",
                   ntohs(addr.sin_port));
    ck_assert_int_eq(pthread_create(&b->thread, NULL, serve, b), 0);
}

static void
bare_stop(struct bare *b)
{
    (void)shutdown(b->fd, SHUT_RDWR);
    (void)pthread_join(b->thread, NULL);
    (void)close(b->fd);
}

#define NOBODY "http://127.0.0.1:1"

/* What became of a call to `first`, then a server that says ok. */
struct outcome {
    int exit_code, asked_first, asked_second;
};

static struct outcome
call_two(enum call_kind kind, const char *first)
{
    struct bare a, b;
    struct reply r;
    char author[] = "ann", urls[160];
    const struct ctl ctl = {.conf = {.timeout_ms = 5000, .author = author}};
    const struct call call = {kind, "POST", "/v1/changes", "{}", false};
    bare_start(&a, first ? first : "");
    bare_start(&b, ok);
    (void)snprintf(urls, sizeof(urls), "%s,%s", first ? a.url : NOBODY, b.url);
    struct outcome o = {.exit_code = call_any(&ctl, urls, &call, &r)};
    if (o.exit_code == CTL_OK)
        ck_assert_ptr_nonnull(js_any(r.json, "revision"));
    reply_fini(&r);
    bare_stop(&a);
    bare_stop(&b);
    o.asked_first = atomic_load(&a.asked);
    o.asked_second = atomic_load(&b.asked);
    return o;
}

static void
comes_to(enum call_kind kind, const char *first, struct outcome expected)
{
    const struct outcome o = call_two(kind, first);
    ck_assert_int_eq(o.exit_code, expected.exit_code);
    ck_assert_int_eq(o.asked_first, expected.asked_first);
    ck_assert_int_eq(o.asked_second, expected.asked_second);
}

START_TEST(questions_go_on)
{
    comes_to(CALL_READ, NULL, (struct outcome){CTL_OK, 0, 1});
    comes_to(CALL_READ, "", (struct outcome){CTL_OK, 1, 1});
    comes_to(CALL_READ, no_changes, (struct outcome){CTL_OK, 1, 1});
    comes_to(CALL_READ, ok, (struct outcome){CTL_OK, 1, 0});
    comes_to(CALL_READ, conflict, (struct outcome){CTL_CONFLICT, 1, 0});
    comes_to(CALL_READ, not_json, (struct outcome){CTL_FAILED, 1, 0});
}
END_TEST

START_TEST(changes_are_sent_once)
{
    comes_to(CALL_CHANGE, NULL, (struct outcome){CTL_OK, 0, 1});
    comes_to(CALL_CHANGE, no_changes, (struct outcome){CTL_OK, 1, 1});
    comes_to(CALL_CHANGE, "", (struct outcome){CTL_UNKNOWN, 1, 0});
    comes_to(CALL_CHANGE, lost, (struct outcome){CTL_UNKNOWN, 1, 0});
    comes_to(CALL_CHANGE, conflict, (struct outcome){CTL_CONFLICT, 1, 0});
}
END_TEST

START_TEST(nobody_answers)
{
    struct reply r;
    char author[] = "ann";
    const struct ctl ctl = {.conf = {.timeout_ms = 5000, .author = author}};
    const struct call call = {CALL_CHANGE, "POST", "/v1/changes", "{}", false};
    ck_assert_int_eq(call_any(&ctl, NOBODY "," NOBODY, &call, &r),
                     CTL_UNREACHABLE);
    reply_fini(&r);
    ck_assert_int_eq(call_any(&ctl, "", &call, &r), CTL_UNREACHABLE);
    reply_fini(&r);
}
END_TEST

START_TEST(all_are_asked)
{
    struct bare a, b;
    struct strlist urls = {0};
    struct reply r[3];
    const struct ctl ctl = {.conf = {.timeout_ms = 5000}};
    const struct call call = {CALL_READ, "GET", "/v1/clients", NULL, false};
    bare_start(&a, ok);
    bare_start(&b, no_changes);
    ck_assert_int_eq(strlist_add(&urls, a.url), 0);
    ck_assert_int_eq(strlist_add(&urls, NOBODY), 0);
    ck_assert_int_eq(strlist_add(&urls, b.url), 0);
    call_all(&ctl, &urls, &call, r);
    ck_assert_int_eq(r[0].status, 200);
    ck_assert_int_eq(r[1].status, 0);
    ck_assert(r[1].unsent);
    ck_assert_int_eq(r[2].status, 503);
    ck_assert_str_eq(r[2].err.text, "ZooKeeper does not answer now");
    ck_assert_uint_eq(servers_say_silent(r, 3, "nothing is missed"), 2);
    for (size_t i = 0; i < 3; i++)
        reply_fini(&r[i]);
    strlist_fini(&urls);
    bare_stop(&a);
    bare_stop(&b);
}
END_TEST

/* ---- one list ------------------------------------------------------------ */

static struct json_t *
parse(const char *text)
{
    struct json_t *j = NULL;
    ck_assert_int_eq(js_parse(text, strlen(text), &j, NULL), 0);
    return j;
}

static char *
key_of(const struct json_t *item)
{
    return strdup(js_str(js_any(item, "id")));
}

static bool
is_better(const struct json_t *kept, const struct json_t *other)
{
    (void)kept;
    bool best = false;
    return js_get_bool(other, "", "best", JS_OPTIONAL, &best, NULL) == 0 &&
           best;
}

START_TEST(merged)
{
    const struct merge m = {"v", key_of, is_better};
    struct json_t *answers[] = {
        parse("{\"v\":[{\"id\":\"c\"},{\"id\":\"a\",\"n\":1}]}"),
        parse("{\"v\":[{\"id\":\"a\",\"n\":2,\"best\":true},{\"id\":\"b\"}]}"),
        parse("{\"v\":[{\"id\":\"a\",\"n\":3}]}"), parse("{}"), NULL};
    struct json_t *list =
        servers_merge(&m, (const struct json_t *const *)answers, 5);
    char *text = js_dump(list);
    ck_assert_str_eq(text, "[{\"id\":\"a\",\"n\":2,\"best\":true},"
                           "{\"id\":\"b\"},{\"id\":\"c\"}]");
    free(text);
    js_free(list);
    for (size_t i = 0; i < 4; i++)
        js_free(answers[i]);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("call");
    TCase *t = tcase_create("call");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, questions_go_on);
    tcase_add_test(t, changes_are_sent_once);
    tcase_add_test(t, nobody_answers);
    tcase_add_test(t, all_are_asked);
    tcase_add_test(t, merged);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
