/* What a peer may send: pieces, pipelines, chunks, too much of anything, and
 * what is no HTTP.  Every refusal is JSON. */
#include "tests/unit/common-net/served.h"

static void
setup(void)
{
    serve_with(&served_limits);
}

/* ---- in pieces ---- */

static const char two_requests[] =
    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}"
    "GET /big?bytes=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static void
check_two(void)
{
    check_got("200 OK\r\n", "{\"a\":\"b\"}HTTP/1.1 200 OK\r\n");
    ck_assert_msg(str_ends_with(got, "\r\n\r\nxxx"), "%s", got);
}

START_TEST(reads_requests_split_anywhere)
{
    for (size_t i = 0; i < sizeof(two_requests); i++) {
        const int fd = dial();
        say_bytes(fd, two_requests, i);
        let_it_read();
        say(fd, two_requests + i);
        (void)hear_all(fd);
        check_two();
        hang_up(fd);
    }
}
END_TEST

START_TEST(reads_requests_byte_by_byte)
{
    const int fd = dial();
    for (const char *s = two_requests; *s; s++) {
        say_bytes(fd, s, 1);
        on_loop(NULL, NULL);
    }
    (void)hear_all(fd);
    check_two();
    hang_up(fd);
}
END_TEST

static const char chunked[] =
    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    "1\r\n{\r\n3;name=value\r\n\"a\"\r\n0006\r\n:\"b\"} \r\n0\r\n"
    "Trailer: ignored\r\n\r\n"
    "GET /big?bytes=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

START_TEST(reads_chunks_split_anywhere)
{
    for (size_t i = 0; i < sizeof(chunked); i++) {
        const int fd = dial();
        say_bytes(fd, chunked, i);
        let_it_read();
        say(fd, chunked + i);
        (void)hear_all(fd);
        check_two();
        hang_up(fd);
    }
}
END_TEST

START_TEST(forgives_blank_lines_between_requests)
{
    const int fd = dial();
    say(fd, "\r\n\r\nPOST /length HTTP/1.1\r\nContent-Length: 2\r\n\r\nab\r\n");
    hear(fd, "2 bytes");
    let_it_read();
    say(fd, "\r\nGET /big?bytes=1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    (void)hear_all(fd);
    check_got("200 ", "\r\n\r\nx");
    hang_up(fd);
}
END_TEST

/* ---- pipelines ---- */

START_TEST(answers_a_pipeline_in_order)
{
    char text[64];
    const int fd = dial();
    for (int i = 0; i < 500; i++) {
        (void)snprintf(text, sizeof(text), "GET /big?bytes=%d HTTP/1.1\r\n\r\n",
                       i % 10);
        say(fd, text);
    }
    say(fd, "GET /big?bytes=1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    (void)hear_all(fd);
    const char *at = got;
    for (int i = 0; i < 500; i++) {
        (void)snprintf(text, sizeof(text), "Content-Length: %d\r\n", i % 10);
        at = strstr(at, text);
        ck_assert_msg(at != NULL, "no answer %d", i);
    }
    ck_assert_uint_eq(counts().requests, 501);
    hang_up(fd);
}
END_TEST

START_TEST(answers_in_order_what_is_answered_later)
{
    const int fd = dial();
    say(fd, "GET /hold?n=one HTTP/1.1\r\n\r\nGET /hold?n=two HTTP/1.1\r\n\r\n"
            "POST /length HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
            "GET /hold?n=four HTTP/1.1\r\nConnection: close\r\n\r\n");
    for (int i = 1; i <= 3; i++) {
        while (atomic_load(&requests_held) < i)
            on_loop(NULL, NULL);
        on_loop(release, NULL);
    }
    (void)hear_all(fd);
    const char *one = strstr(got, "\r\n\r\none");
    const char *two = one ? strstr(one, "\r\n\r\ntwo") : NULL;
    const char *three = two ? strstr(two, "\r\n\r\n3 bytes") : NULL;
    ck_assert_msg(three && strstr(three, "\r\n\r\nfour"), "%s", got);
    hang_up(fd);
}
END_TEST

static void
check_held(const char *text, size_t split)
{
    const int fd = dial();
    const int before = atomic_load(&requests_held);
    say_bytes(fd, text, split);
    let_it_read();
    say(fd, text + split);
    while (atomic_load(&requests_held) == before)
        on_loop(NULL, NULL);
    let_it_read();
    on_loop(release, NULL);
    say(fd, "GET /big?bytes=1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    (void)hear_all(fd);
    check_got("200 ", "\r\n\r\nabcdef");
    ck_assert_msg(str_ends_with(got, "\r\n\r\nx"), "%s", got);
    hang_up(fd);
}

/* It owns its bytes then, whether they were read at once or in pieces. */
START_TEST(keeps_the_body_of_what_is_answered_later)
{
    static const char *const texts[] = {
        "POST /hold HTTP/1.1\r\nContent-Length: 6\r\n\r\nabcdef",
        "POST /hold HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nab\r\n4\r\ncdef\r\n0\r\n\r\n",
        "POST /hold HTTP/1.1\r\nContent-Length: 6\r\n\r\nabcdef"
        "GET /big?bytes=1 HTTP/1.1\r\n\r\n",
    };
    for (size_t i = 0; i < 3; i++)
        for (size_t split = 0; split < strlen(texts[i]); split += 7)
            check_held(texts[i], split);
}
END_TEST

/* The peer goes on sending behind a request that is not answered: what it may
 * send is bounded, and nothing is lost. */
START_TEST(does_not_read_without_end_behind_a_held_request)
{
    const int fd = dial();
    const struct timeval brief = {.tv_usec = 50000};
    static const char more[] = "GET /big?bytes=1 HTTP/1.1\r\n\r\n";
    size_t sent = 0;
    ck_assert_int_eq(
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof(brief)), 0);
    say(fd, "GET /hold?n=first HTTP/1.1\r\n\r\n");
    while (send(fd, more, sizeof(more) - 1, MSG_NOSIGNAL) == sizeof(more) - 1 &&
           sent < 200000)
        sent++;
    ck_assert_uint_lt(sent, 200000); /* its socket is full */
    on_loop(release, NULL);
    hear(fd, "first");
    hear(fd, "\r\n\r\nx");
    hang_up(fd);
}
END_TEST

/* ---- Expect, versions, methods ---- */

START_TEST(goes_on_when_asked_to)
{
    const int fd = dial();
    say(fd, "POST /length HTTP/1.1\r\nExpect: 100-Continue\r\n"
            "Content-Length: 5\r\nConnection: close\r\n\r\n");
    hear(fd, "\r\n\r\n");
    ck_assert_str_eq(got, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "abcde");
    (void)hear_all(fd);
    check_got("200 OK", "5 bytes");
    hang_up(fd);
    /* what is too large is refused before it is sent */
    check_refused("POST /length HTTP/1.1\r\nExpect: 100-continue\r\n"
                  "Content-Length: 5000\r\n\r\n",
                  "413 ", "the body is larger than 4096 bytes");
    check_refused("POST /length HTTP/1.1\r\nExpect: a miracle\r\n"
                  "Content-Length: 5\r\n\r\n",
                  "417 ", "100-continue");
}
END_TEST

START_TEST(does_not_say_continue_when_the_body_is_there)
{
    const int fd = dial();
    say(fd, "POST /length HTTP/1.1\r\nExpect: 100-continue\r\n"
            "Content-Length: 5\r\nConnection: close\r\n\r\nabcde");
    (void)hear_all(fd);
    check_got("200 OK", "5 bytes");
    hang_up(fd);
}
END_TEST

START_TEST(speaks_http_1_0)
{
    int fd = dial();
    say(fd, "GET /big?bytes=2 HTTP/1.0\r\n\r\n");
    (void)hear_all(fd);
    check_got("200 OK", "Connection: close\r\n");
    hang_up(fd);
    fd = dial();
    say(fd, "GET /big?bytes=2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    hear(fd, "\r\n\r\nxx");
    check_got("200 OK", "Connection: keep-alive\r\n");
    say(fd, "GET /watch HTTP/1.0\r\n\r\n");
    hear(fd, "data: first\n\n");
    ck_assert_ptr_null(strstr(got, "chunked"));
    ck_assert_msg(strstr(got, "\r\n\r\nevent: hello\nid: 1\n") != NULL, "%s",
                  got);
    hang_up(fd);
    ck_assert(wait_until(is_positive, &streams_gone, DEADLINE_MS));
}
END_TEST

START_TEST(closes_when_asked_to)
{
    const int fd = dial();
    say(fd, "GET /big?bytes=2 HTTP/1.1\r\nconnection: Close\r\n\r\n"
            "GET /big?bytes=7 HTTP/1.1\r\n\r\n");
    (void)hear_all(fd);
    check_got("200 OK", "Connection: close\r\n");
    ck_assert_ptr_null(strstr(got, "xxxxxxx"));
    hang_up(fd);
}
END_TEST

START_TEST(refuses_methods_in_json)
{
    const int fd = dial();
    say(fd, "OPTIONS /watch HTTP/1.1\r\n\r\n");
    hear(fd, "}}");
    check_got("405 ", "\r\nAllow: GET, DELETE\r\n");
    ck_assert_msg(strstr(got, "\"value\":\"OPTIONS\"") != NULL, "%s", got);
    say(fd, "HEAD /watch HTTP/1.1\r\nConnection: close\r\n\r\n");
    (void)hear_all(fd);
    check_got("405 ", "\r\nAllow: GET, DELETE\r\n");
    ck_assert_msg(str_ends_with(got, "\r\n\r\n"), "%s", got);
    hang_up(fd);
    check_refused("FETCH /watch HTTP/1.1\r\n\r\n", "405 ",
                  "HTTP knows no method \\\"FETCH\\\"");
    check_refused("CONNECT x:1 HTTP/1.1\r\n\r\nrubbish", "404 ", "x:1");
}
END_TEST

START_TEST(takes_other_forms_of_targets)
{
    int fd = dial();
    say(fd, "GET http://x:1/big?bytes=2#end HTTP/1.1\r\n\r\n");
    hear(fd, "\r\n\r\nxx");
    hang_up(fd);
    check_refused("GET http://x HTTP/1.1\r\nConnection: close\r\n\r\n", "404 ",
                  "there is nothing at /\"");
    check_refused("OPTIONS * HTTP/1.1\r\nConnection: close\r\n\r\n", "404 ",
                  "there is nothing at *");
    check_refused("GET /hold?n=%00 HTTP/1.1\r\nConnection: close\r\n\r\n",
                  "400 ", "the query has a %");
    check_refused("GET /hold?n HTTP/1.1\r\nConnection: close\r\n\r\n", "400 ",
                  "KEY=VALUE");
    check_refused("GET /hold?n=1&&n=2 HTTP/1.1\r\nConnection: close\r\n\r\n",
                  "400 ", "KEY=VALUE");
}
END_TEST

/* ---- too much ---- */

static char large[300000];

/* `before`, n times `c`, `behind`. */
static const char *
blown_up(const char *before, char c, size_t n, const char *behind)
{
    char *at = stpcpy(large, before);
    memset(at, c, n);
    (void)stpcpy(at + n, behind);
    return large;
}

START_TEST(refuses_long_lines)
{
    check_refused(blown_up("GET /", 'a', 600, " HTTP/1.1\r\n\r\n"), "414 ",
                  "the request line is longer than 512 bytes");
    check_refused(blown_up("GET /", 'a', 600, ""), "414 ", "LIMIT");
    check_refused(blown_up("GET / HTTP/1.1\r\nX: ", 'a', 600, "\r\n\r\n"),
                  "431 ", "a header is longer than 512 bytes");
    check_refused(blown_up("GET / HTTP/1.1\r\n", 'a', 600, ""), "431 ",
                  "a header is longer than 512 bytes");
    ck_assert_uint_eq(counts().refused_head, 4);
}
END_TEST

START_TEST(refuses_large_heads)
{
    char text[8192] = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 65; i++)
        (void)strcat(text, "A: b\r\n");
    (void)strcat(text, "\r\n");
    check_refused(text, "431 ", "there are more than 64 headers");
    (void)strcpy(text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 6; i++)
        (void)strcat(text, blown_up("Abc: ", 'x', 450, "\r\n"));
    check_refused(text, "431 ", "the head is larger than 2048 bytes");
    (void)strcat(text, "\r\n");
    check_refused(text, "431 ", "the head is larger than 2048 bytes");
    ck_assert_uint_eq(counts().refused_head, 3);
}
END_TEST

START_TEST(refuses_large_bodies)
{
    char text[200];
    check_refused("POST /length HTTP/1.1\r\nContent-Length: 4097\r\n\r\n",
                  "413 ", "the body is larger than 4096 bytes");
    (void)snprintf(text, sizeof(text),
                   "POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "ffff\r\n");
    check_refused(blown_up(text, 'a', 5000, ""), "413 ", "LIMIT");
    ck_assert_uint_eq(counts().refused_body, 2);
    const int fd = dial();
    say(fd, blown_up("POST /length HTTP/1.1\r\nContent-Length: 4096\r\n"
                     "Connection: close\r\n\r\n",
                     'a', 4096, ""));
    (void)hear_all(fd);
    check_got("200 ", "4096 bytes");
    hang_up(fd);
}
END_TEST

/* A byte at a time costs the peer six for each, not the server. */
START_TEST(puts_many_chunks_together)
{
    const int fd = dial();
    say(fd, "POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
            "Connection: close\r\n\r\n");
    for (int i = 0; i < 4096; i++)
        say(fd, "1\r\nx\r\n");
    say(fd, "0\r\n\r\n");
    (void)hear_all(fd);
    check_got("200 ", "4096 bytes");
    hang_up(fd);
}
END_TEST

START_TEST(gets_its_refusal_though_it_goes_on_sending)
{
    const int fd = dial();
    say(fd, "POST /length HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
    say(fd, blown_up("", 'a', 250000, ""));
    (void)hear_all(fd);
    check_got("413 ", "LIMIT");
    hang_up(fd);
}
END_TEST

/* ---- no HTTP ---- */

START_TEST(answers_rubbish_in_json)
{
    static const char *const rubbish[] = {
        "GET\r\n\r\n",
        "hello\r\n",
        "\x01\x02\x03\x04",
        "GET / HTTP/x\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\x01\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        "Content-Length: 3\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(*rubbish); i++)
        check_refused(rubbish[i],
                      i == 14  ? "505 "
                      : i == 0 ? "400 "
                               : "4",
                      "\"message\":");
    check_refused("\x16\x03\x01\x02", "4", "use http:// instead of https://");
    ck_assert_uint_eq(counts().refused_garbage,
                      sizeof(rubbish) / sizeof(*rubbish) + 1);
}
END_TEST

START_TEST(survives_noise)
{
    unsigned seed = 42;
    char noise[2000];
    for (int round = 0; round < 300; round++) {
        const int fd = dial();
        const size_t start = (size_t)rand_r(&seed) % sizeof(chunked);
        memcpy(noise, chunked, sizeof(chunked));
        for (size_t i = start; i < sizeof(noise); i++)
            noise[i] = (char)(rand_r(&seed) % 256);
        (void)!send(fd, noise, sizeof(noise), MSG_NOSIGNAL);
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        (void)hear_all(fd);
        hang_up(fd);
    }
    const int fd = dial();
    say(fd, two_requests);
    (void)hear_all(fd);
    check_two();
    hang_up(fd);
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = {
        reads_requests_split_anywhere,
        reads_requests_byte_by_byte,
        reads_chunks_split_anywhere,
        forgives_blank_lines_between_requests,
        answers_a_pipeline_in_order,
        answers_in_order_what_is_answered_later,
        keeps_the_body_of_what_is_answered_later,
        does_not_read_without_end_behind_a_held_request,
        goes_on_when_asked_to,
        does_not_say_continue_when_the_body_is_there,
        speaks_http_1_0,
        closes_when_asked_to,
        refuses_methods_in_json,
        takes_other_forms_of_targets,
        refuses_long_lines,
        refuses_large_heads,
        refuses_large_bodies,
        puts_many_chunks_together,
        gets_its_refusal_though_it_goes_on_sending,
        answers_rubbish_in_json,
        survives_noise,
    };
    Suite *suite = suite_create("http wire");
    TCase *tc = tcase_create("http wire");
    tcase_add_checked_fixture(tc, setup, stop_serving);
    tcase_set_timeout(tc, 60);
    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
