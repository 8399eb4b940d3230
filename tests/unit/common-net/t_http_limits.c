/* Who may stay, how long, and how much waits for him: timeouts, caps over
 * several servers, streams that are not read, no descriptors. */
#include <errno.h>
#include <sys/resource.h>

#include "tests/unit/common-net/served.h"

static void
setup(void)
{
    serve_with(&served_limits);
}

/* With one limit of its own. */
static void
serve_impatiently(size_t offset, int64_t ms)
{
    struct http_limits limits = served_limits;
    memcpy((char *)&limits + offset, &ms, sizeof(ms));
    serve_with(&limits);
}

/* The other end of `fd`, which is in this process too. */
static int
server_side(int fd)
{
    struct sockaddr_in mine, his;
    socklen_t len = sizeof(mine);
    let_it_read();
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&mine, &len), 0);
    for (int i = 3; i < 64; i++) {
        len = sizeof(his);
        if (getpeername(i, (struct sockaddr *)&his, &len) == 0 &&
            his.sin_family == AF_INET && his.sin_port == mine.sin_port)
            return i;
    }
    ck_abort_msg("no other end");
    return -1;
}

/* A stream whose sockets hold next to nothing. */
static int
watch_cramped(void)
{
    const int fd = dial(), small = 4096;
    say(fd, "GET /watch HTTP/1.1\r\n\r\n");
    hear(fd, "data: first\n\n");
    ck_assert_int_eq(setsockopt(server_side(fd), SOL_SOCKET, SO_SNDBUF, &small,
                                sizeof(small)),
                     0);
    return fd;
}

/* ---- time ---- */

START_TEST(ends_a_slow_head)
{
    serve_impatiently(offsetof(struct http_limits, head_timeout_ms), 100);
    const int slow = dial(), idle = dial();
    const char *byte =
        "GET / HTTP/1.1\r\nA: and so on, for as long as it takes";
    struct timeval brief = {.tv_usec = 10000};
    ck_assert_int_eq(
        setsockopt(slow, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief)), 0);
    /* A byte now and then does not help. */
    ssize_t n;
    do {
        if (*byte)
            say_bytes(slow, byte++, 1);
        n = recv(slow, got, sizeof(got) - 1, 0);
    } while (n < 0 && errno == EAGAIN);
    ck_assert_int_gt(n, 0);
    got[n] = '\0';
    check_got("408 ", "the head did not arrive within 100 ms");
    ck_assert_uint_eq(counts().timeouts_head, 1);
    ck_assert_uint_eq(counts().timeouts_idle, 0);
    say(idle, "GET /big?bytes=1 HTTP/1.1\r\n\r\n");
    hear(idle, "\r\n\r\nx");
    hang_up(slow);
    hang_up(idle);
    stop_serving();
}
END_TEST

START_TEST(ends_a_slow_body)
{
    serve_impatiently(offsetof(struct http_limits, body_timeout_ms), 100);
    check_refused("POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\n{", "408 ",
                  "the body did not arrive within 100 ms");
    check_refused(
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a", "408 ",
        "TIMEOUT");
    ck_assert_uint_eq(counts().timeouts_body, 2);
    stop_serving();
}
END_TEST

START_TEST(ends_what_is_idle)
{
    serve_impatiently(offsetof(struct http_limits, idle_timeout_ms), 100);
    const int silent = dial(), done = dial();
    say(done, "GET /big?bytes=1 HTTP/1.1\r\n\r\n");
    hear(done, "\r\n\r\nx");
    ck_assert_uint_eq(hear_all(silent), 0);
    ck_assert_uint_eq(hear_all(done), 0);
    ck_assert_uint_eq(counts().timeouts_idle, 2);
    hang_up(silent);
    hang_up(done);
    stop_serving();
}
END_TEST

static bool
has_timed_out(void *arg)
{
    (void)arg;
    const struct http_counts c = counts();
    return c.timeouts_write + c.slow_readers > 0;
}

START_TEST(ends_who_does_not_read_his_answer)
{
    serve_impatiently(offsetof(struct http_limits, write_timeout_ms), 100);
    const int fd = dial();
    say(fd, "GET /big?bytes=20000000 HTTP/1.1\r\n\r\n");
    ck_assert(wait_until(has_timed_out, NULL, DEADLINE_MS));
    ck_assert_uint_eq(counts().timeouts_write, 1);
    hang_up(fd);
    stop_serving();
}
END_TEST

/* What accepted sockets inherit makes the kernel notice a peer that has gone
 * without a word. */
START_TEST(asks_silent_peers_whether_they_live)
{
    const int fd = dial(), accepted = server_side(fd);
    int value = 0;
    socklen_t len = sizeof(value);
    ck_assert_int_eq(
        getsockopt(accepted, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
    ck_assert_int_eq(value, 1);
    ck_assert_int_eq(
        getsockopt(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len), 0);
    ck_assert_int_eq(value, 60000);
    ck_assert_int_eq(
        getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    ck_assert_int_eq(value, 1);
    hang_up(fd);
}
END_TEST

/* ---- answers that have to wait ---- */

START_TEST(sends_a_large_answer_as_it_is_read)
{
    const int fd = dial();
    say(fd, "GET /big?bytes=9000000 HTTP/1.1\r\n\r\n"
            "GET /big?bytes=1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    size_t len = 0;
    ssize_t n;
    while ((n = recv(fd, got, 100000, 0)) > 0)
        len += (size_t)n;
    ck_assert_uint_gt(len, 9000001);
    ck_assert_uint_lt(len, 9001000);
    hang_up(fd);
}
END_TEST

static void
send_much(void *arg)
{
    static char line[30001];
    memset(line, 'y', sizeof(line) - 1);
    struct http_event *e = http_event_new("much", NULL, line);
    for (int i = 0; i < *(int *)arg; i++)
        for (size_t k = 0; k < n_streams; k++)
            if (streams[k])
                http_stream_send_event(streams[k], e);
    http_event_unref(e);
}

static void
close_streams(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < n_streams; i++)
        http_stream_close(streams[i]);
    n_streams = 0;
}

START_TEST(drops_a_slow_reader_and_spares_the_others)
{
    const int slow = dial(), quick = dial();
    char name[] = "GET /watch HTTP/1.1\r\n\r\n";
    say(slow, name);
    hear(slow, "data: first\n\n");
    say(quick, name);
    hear(quick, "data: first\n\n");
    for (int i = 0; i < 1000 && atomic_load(&streams_gone) == 0; i++) {
        on_loop(send_much, &(int){1});
        hear(quick, "yyy\n\n\r\n");
    }
    ck_assert_int_eq(atomic_load(&streams_gone), 1);
    ck_assert_str_eq(gone_why, "slow reader");
    ck_assert_uint_eq(counts().slow_readers, 1);
    on_loop(close_streams, NULL);
    hear(quick, "0\r\n\r\n");
    say(quick, "GET /big?bytes=1 HTTP/1.1\r\n\r\n");
    hear(quick, "\r\n\r\nx");
    hang_up(slow);
    hang_up(quick);
}
END_TEST

/* Its backlog is not too long, but nothing of it is taken. */
START_TEST(ends_a_stream_that_is_stuck)
{
    serve_impatiently(offsetof(struct http_limits, write_timeout_ms), 100);
    const int fd = watch_cramped();
    on_loop(send_much, &(int){2});
    ck_assert(wait_until(is_positive, &streams_gone, DEADLINE_MS));
    ck_assert_str_eq(gone_why, "slow reader");
    ck_assert_uint_eq(counts().slow_readers, 1);
    hang_up(fd);
    stop_serving();
}
END_TEST

static size_t
count_ends(const char *text)
{
    size_t n = 0;
    for (const char *s = text; (s = strstr(s, "y\n\n\r\n")); s++)
        n++;
    return n;
}

/* Read in the end, all of it, in order; and then it is as before. */
START_TEST(sends_what_waited)
{
    const int fd = watch_cramped();
    on_loop(send_much, &(int){2});
    let_it_read();
    for (size_t n = 0; n < 2; n += count_ends(got))
        hear(fd, "y\n\n\r\n");
    on_loop(send_much, &(int){2}); /* blocked again */
    on_loop(close_streams, NULL);
    say(fd, "GET /big?bytes=1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    (void)hear_all(fd);
    ck_assert_uint_eq(count_ends(got), 2);
    ck_assert_ptr_nonnull(strstr(got, "y\n\n\r\n0\r\n\r\nHTTP/1.1 200 "));
    ck_assert_msg(str_ends_with(got, "\r\n\r\nx"), "the answer");
    ck_assert_int_eq(atomic_load(&streams_gone), 0);
    ck_assert_uint_eq(counts().slow_readers, 0);
    hang_up(fd);
}
END_TEST

static void
watch_held(void *arg)
{
    (void)arg;
    n_streams = 1;
    streams[0] = http_stream_open(held[--n_held], on_stream_gone, NULL);
    http_stream_send(streams[0], "late", NULL, "better than never");
}

START_TEST(opens_a_stream_later)
{
    const int fd = dial();
    say(fd, "GET /hold HTTP/1.1\r\n\r\n");
    ck_assert(wait_until(is_positive, &requests_held, DEADLINE_MS));
    on_loop(watch_held, NULL);
    hear(fd, "event: late\ndata: better than never\n\n\r\n");
    check_got("200 ", "\r\n\r\n25\r\nevent: late");
    hang_up(fd);
    ck_assert(wait_until(is_positive, &streams_gone, DEADLINE_MS));
    ck_assert_str_eq(gone_why, "peer closed the connection");
}
END_TEST

/* The peer has gone, and the server learns it by sending. */
static void
reset_and_send(void *arg)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    const int fd = *(const int *)arg;
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)),
                     0);
    hang_up(fd);
    for (int i = 0; i < 3; i++)
        http_stream_send(streams[0], "to", NULL, "nobody");
    ck_assert_int_eq(atomic_load(&streams_gone), 0); /* not below a send */
}

START_TEST(learns_by_sending_that_a_peer_has_gone)
{
    int fd = dial();
    say(fd, "GET /watch HTTP/1.1\r\n\r\n");
    hear(fd, "data: first\n\n");
    on_loop(reset_and_send, &fd);
    ck_assert(wait_until(is_positive, &streams_gone, DEADLINE_MS));
    ck_assert_str_eq(gone_why, "peer closed the connection");
}
END_TEST

START_TEST(answers_behind_a_brief_stream)
{
    const int fd = dial();
    say(fd, "GET /brief HTTP/1.1\r\n\r\nGET /brief HTTP/1.1\r\n\r\n"
            "GET /big?bytes=1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    (void)hear_all(fd);
    const char *one = strstr(got, "data: only\n\n\r\n0\r\n\r\nHTTP/1.1 200 ");
    const char *two =
        one ? strstr(one + 1, "data: only\n\n\r\n0\r\n\r\nHTTP/1.1 ") : NULL;
    ck_assert_msg(two && str_ends_with(two, "\r\n\r\nx"), "%s", got);
    ck_assert_uint_eq(counts().streams, 0);
    hang_up(fd);
}
END_TEST

START_TEST(ends_a_stream_whose_peer_floods_it)
{
    static char flood[100000];
    const int fd = dial();
    say(fd, "GET /watch HTTP/1.1\r\n\r\n");
    hear(fd, "data: first\n\n");
    (void)!send(fd, flood, sizeof(flood), MSG_NOSIGNAL);
    ck_assert(wait_until(is_positive, &streams_gone, DEADLINE_MS));
    ck_assert_str_eq(gone_why, "the peer sends more than a stream takes");
    hang_up(fd);
}
END_TEST

/* ---- caps ---- */

START_TEST(caps_connections_of_an_address)
{
    struct http_limits limits = served_limits;
    int fds[3];
    limits.connections_per_address_max = 2;
    serve_with(&limits);
    for (size_t i = 0; i < 3; i++)
        fds[i] = dial();
    (void)hear_all(fds[2]);
    check_got("503 ", "your address has all the connections");
    ck_assert_msg(strstr(got, "\r\nRetry-After: ") != NULL, "%s", got);
    ck_assert_uint_eq(counts().refused_address, 1);
    ck_assert_uint_eq(counts().refused_total, 0);
    for (size_t i = 0; i < 3; i++)
        hang_up(fds[i]);
    while (counts().connections > 0)
        let_it_read();
    const int fd = dial();
    say(fd, "GET /big?bytes=1 HTTP/1.1\r\n\r\n");
    hear(fd, "\r\n\r\nx");
    hang_up(fd);
    stop_serving();
}
END_TEST

/* Two servers on one loop and one port, behind one gate of three. */
START_TEST(shares_a_port_and_a_gate)
{
    struct http_limits limits = served_limits;
    struct http_gate *gate;
    struct http_server *two[2];
    struct err err;
    int fds[5];
    size_t refused = 0;
    limits.connections_max = 3;
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_int_eq(http_gate_new(&limits, &gate, &err), 0);
    log_set_sink(no_log);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(
            http_server_new(loop, &limits, served_routes, NULL, &two[i], &err),
            0);
        http_server_share_gate(two[i], gate);
    }
    ck_assert_int_eq(http_server_listen(two[0], "127.0.0.1:0", true, &err), 0);
    ck_assert_int_eq(
        http_server_listen(two[1], http_server_url(two[0]) + 7, true, &err), 0);
    server = two[0];
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, NULL), 0);
    for (size_t i = 0; i < 5; i++) {
        fds[i] = dial_url(http_server_url(two[1]));
        let_it_read();
    }
    for (size_t i = 0; i < 2; i++) {
        struct http_counts c;
        http_server_counts(two[i], &c);
        refused += c.refused_total;
    }
    ck_assert_uint_eq(refused, 2);
    ck_assert_uint_eq(http_gate_connections(gate), 3);
    for (size_t i = 0; i < 5; i++)
        hang_up(fds[i]);
    while (http_gate_connections(gate) > 0)
        let_it_read();
    loop_stop(loop);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    http_server_free(two[1]);
    http_gate_free(gate);
    loop_free(loop);
}
END_TEST

/* Eight peers begin bodies that nobody could keep all. */
START_TEST(caps_what_incomplete_requests_hold)
{
    enum { PEERS = 8, EACH = 6000000 };
    struct http_limits limits = served_limits;
    char *part = malloc(EACH);
    int fds[PEERS];
    ck_assert_ptr_nonnull(part);
    memset(part, 'x', EACH);
    limits.body_max_bytes = 8000000;
    serve_with(&limits);
    for (size_t i = 0; i < PEERS; i++) {
        fds[i] = dial();
        say(fds[i], "POST /length HTTP/1.1\r\nContent-Length: 6000001\r\n"
                    "Connection: close\r\n\r\n");
        say_bytes(fds[i], part, EACH);
    }
    let_it_read();
    const size_t refused = counts().refused_memory;
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_lt(refused, PEERS);
    size_t busy = 0;
    for (size_t i = 0; i < PEERS; i++) {
        (void)!send(fds[i], "x", 1, MSG_NOSIGNAL);
        (void)hear_all(fds[i]);
        busy += strstr(got, " 503 ") && strstr(got, "\"BUSY\"");
        if (!strstr(got, " 503 "))
            check_got("200 ", "6000001 bytes");
        hang_up(fds[i]);
    }
    ck_assert_uint_eq(busy, refused);
    const int fd = dial(); /* and all is given back */
    say(fd, "POST /length HTTP/1.1\r\nContent-Length: 6000000\r\n\r\n");
    say_bytes(fd, part, EACH);
    hear(fd, "6000000 bytes");
    hang_up(fd);
    stop_serving();
    free(part);
}
END_TEST

/* ---- the end ---- */

static void
drain(void *arg)
{
    (void)arg;
    http_server_drain(server);
}

START_TEST(ends_gently)
{
    const int idle = dial(), asking = dial(), begun = dial(), watching = dial();
    say(watching, "GET /watch HTTP/1.1\r\n\r\n");
    hear(watching, "data: first\n\n");
    say(asking, "GET /hold?n=kept HTTP/1.1\r\n\r\n");
    say(begun, "POST /length HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
    ck_assert(wait_until(is_positive, &requests_held, DEADLINE_MS));
    let_it_read();
    on_loop(drain, NULL);
    ck_assert_uint_eq(hear_all(idle), 0);
    on_loop(release, NULL);
    (void)hear_all(asking);
    check_got("200 ", "\r\n\r\nkept");
    ck_assert_msg(strstr(got, "\r\nConnection: close\r\n") != NULL, "%s", got);
    say(begun, "bc");
    (void)hear_all(begun);
    check_got("200 ", "3 bytes");
    on_loop(close_streams, NULL);
    (void)hear_all(watching);
    ck_assert_str_eq(got, "0\r\n\r\n");
    let_it_read();
    ck_assert_uint_eq(counts().connections, 0);
    hang_up(idle);
    hang_up(asking);
    hang_up(begun);
    hang_up(watching);
}
END_TEST

/* ---- no descriptors ---- */

static size_t warnings;

static void
count_warnings(enum log_level level, const char *line)
{
    if (level == LOG_WARN && strstr(line, "cannot accept connections"))
        warnings++;
}

static bool
has_paused(void *arg)
{
    (void)arg;
    return counts().accept_pauses > 0;
}

START_TEST(waits_for_a_free_descriptor)
{
    struct rlimit old, none;
    const int inside = dial(), outside = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in sa;
    socklen_t len = sizeof(sa);
    log_set_sink(count_warnings);
    say(inside, "GET /big?bytes=1 HTTP/1.1\r\n\r\n");
    hear(inside, "\r\n\r\nx");
    ck_assert_int_eq(getpeername(inside, (struct sockaddr *)&sa, &len), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(connect(outside, (struct sockaddr *)&sa, sizeof(sa)), 0);
    say(outside, "GET /big?bytes=2 HTTP/1.1\r\nConnection: close\r\n\r\n");
    ck_assert(wait_until(has_paused, NULL, DEADLINE_MS));
    for (int i = 0; i < 100; i++) {
        say(inside, "GET /big?bytes=1 HTTP/1.1\r\n\r\n");
        hear(inside, "\r\n\r\nx");
    }
    ck_assert_uint_eq(warnings, 1);
    ck_assert_uint_eq(counts().accepted, 1);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    (void)hear_all(outside);
    check_got("200 ", "\r\n\r\nxx");
    hang_up(inside);
    hang_up(outside);
}
END_TEST

/* ---- the rest of the API ---- */

static void
fail_later(void *arg)
{
    struct err err;
    size_t len;
    (void)arg;
    struct http_req *req = held[--n_held];
    char *body = http_req_body_dup(req, &len);
    ck_assert_str_eq(body, "");
    free(body);
    ck_assert_str_eq(http_req_header(req, "x-NAME"), "of it");
    ck_assert_str_eq(http_req_header(req, "Empty"), "");
    ck_assert_ptr_null(http_req_header(req, "X"));
    ck_assert_str_eq(http_req_peer(req), "127.0.0.1");
    (void)err_set(&err, ERR_BUSY, "later");
    http_reply_err_after(req, &err, 7);
}

START_TEST(says_when_to_come_back)
{
    const int fd = dial();
    say(fd, "GET /hold HTTP/1.1\r\nX-Name:  of it \t\r\nEmpty:\r\n\r\n");
    ck_assert(wait_until(is_positive, &requests_held, DEADLINE_MS));
    on_loop(fail_later, NULL);
    hear(fd, "}}");
    check_got("503 Service Unavailable\r\n", "\r\nRetry-After: 7\r\n");
    ck_assert_msg(strstr(got, "\"BUSY\"") != NULL, "%s", got);
    hang_up(fd);
}
END_TEST

START_TEST(counts_what_it_does)
{
    const int fd = dial();
    say(fd, "GET /watch HTTP/1.1\r\n\r\n");
    hear(fd, "data: first\n\n");
    struct http_counts c = counts();
    ck_assert_uint_eq(c.accepted, 1);
    ck_assert_uint_eq(c.requests, 1);
    ck_assert_uint_eq(c.events, 1);
    ck_assert_uint_eq(c.connections, 1);
    ck_assert_uint_eq(c.streams, 1);
    hang_up(fd);
    ck_assert(wait_until(is_positive, &streams_gone, DEADLINE_MS));
    let_it_read();
    c = counts();
    ck_assert_uint_eq(c.connections, 0);
    ck_assert_uint_eq(c.streams, 0);
}
END_TEST

static TCase *
tests_with(const char *name, void (*start)(void), void (*stop)(void))
{
    TCase *tc = tcase_create(name);
    if (start)
        tcase_add_checked_fixture(tc, start, stop);
    tcase_set_timeout(tc, 60);
    return tc;
}

int
main(void)
{
    Suite *suite = suite_create("http limits");
    TCase *served = tests_with("served", setup, stop_serving);
    tcase_add_test(served, asks_silent_peers_whether_they_live);
    tcase_add_test(served, sends_a_large_answer_as_it_is_read);
    tcase_add_test(served, drops_a_slow_reader_and_spares_the_others);
    tcase_add_test(served, sends_what_waited);
    tcase_add_test(served, opens_a_stream_later);
    tcase_add_test(served, learns_by_sending_that_a_peer_has_gone);
    tcase_add_test(served, answers_behind_a_brief_stream);
    tcase_add_test(served, ends_a_stream_whose_peer_floods_it);
    tcase_add_test(served, waits_for_a_free_descriptor);
    tcase_add_test(served, says_when_to_come_back);
    tcase_add_test(served, counts_what_it_does);
    suite_add_tcase(suite, served);
    TCase *own = tests_with("own limits", NULL, NULL);
    tcase_add_test(served, ends_gently);
    tcase_add_test(own, caps_what_incomplete_requests_hold);
    tcase_add_test(own, ends_a_slow_head);
    tcase_add_test(own, ends_a_slow_body);
    tcase_add_test(own, ends_what_is_idle);
    tcase_add_test(own, ends_who_does_not_read_his_answer);
    tcase_add_test(own, ends_a_stream_that_is_stuck);
    tcase_add_test(own, caps_connections_of_an_address);
    tcase_add_test(own, shares_a_port_and_a_gate);
    suite_add_tcase(suite, own);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
