/*
 * bare_push: what a push costs at the least: epoll and one writev() a stream.
 *
 * usage: bare_push PORT FIRST EVENT
 * A request for /v1/watch is answered with the bytes of the file FIRST and its
 * connection is kept; any other request is answered 200 and has the bytes of
 * the file EVENT written to all that were kept.  Nothing is parsed, nothing is
 * queued: a reader that is slow ends the program.  One thread.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define TURN        512
#define FDS         20000
#define FILE_BYTES  65536
#define DEADLINE_S  900
#define OK_RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

static struct bytes {
    char data[FILE_BYTES];
    size_t len;
} first, event;
static int epoll_fd, listen_fd;
static bool watching[FDS]; /* by descriptor */

static _Noreturn void
die(const char *what)
{
    (void)fprintf(stderr, "bare_push: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void
load(const char *path, struct bytes *to)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path);
    to->len = fread(to->data, 1, sizeof(to->data), f);
    if (to->len == 0)
        die(path);
    (void)fclose(f); /* only read */
}

static void
put(int fd, char *data, size_t len)
{
    const struct iovec v = {.iov_base = data, .iov_len = len};
    if (writev(fd, &v, 1) != (ssize_t)len)
        die("writev");
}

static void
push(void)
{
    for (int fd = 0; fd < FDS; fd++)
        if (watching[fd])
            put(fd, event.data, event.len);
}

static void
on_request(int fd)
{
    static char request[FILE_BYTES];
    static char ok[] = OK_RESPONSE;
    const ssize_t got = read(fd, request, sizeof(request));
    if (got <= 0) {
        watching[fd] = false;
        (void)close(fd); /* it is gone already */
        return;
    }
    if (memmem(request, (size_t)got, "/v1/watch", 9)) {
        watching[fd] = true;
        put(fd, first.data, first.len);
    } else {
        push();
        put(fd, ok, sizeof(ok) - 1);
    }
}

static void
watch_fd(int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
        die("epoll_ctl");
}

static void
on_connection(void)
{
    const int on = 1;
    const int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 || fd >= FDS)
        die("accept");
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        die("setsockopt");
    watch_fd(fd);
}

static void
listen_on(int port)
{
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int on = 1;
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (listen_fd < 0 || epoll_fd < 0 ||
        setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(listen_fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(listen_fd, 4096) != 0)
        die("listen");
    watch_fd(listen_fd);
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fputs("usage: bare_push PORT FIRST EVENT\n", stderr);
        return 1;
    }
    (void)alarm(DEADLINE_S);
    load(argv[2], &first);
    load(argv[3], &event);
    listen_on(atoi(argv[1]));
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;) {
        struct epoll_event ready[TURN];
        const int n = epoll_wait(epoll_fd, ready, TURN, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd == listen_fd)
                on_connection();
            else
                on_request(ready[i].data.fd);
        }
    }
}
