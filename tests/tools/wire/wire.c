/*
 * Owns nothing.
 */
#include "tests/tools/wire/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/strs.h"

#define CONNECT_S 10

void
die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fprintf(stderr, "%s: ", program_invocation_short_name);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

int64_t
number_of(const char *word, int64_t max)
{
    int64_t n = 0;
    if (!word || !str_to_i64(word, 0, max, &n))
        die("\"%s\" is no number up to %lld", word ? word : "", (long long)max);
    return n;
}

struct sockaddr_in
address_of(const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    char host[64];
    int64_t port = 0;
    const char *colon = strrchr(text, ':');
    if (colon && (size_t)(colon - text) < sizeof(host)) {
        (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
        if (inet_pton(AF_INET, host, &a.sin_addr) == 1 &&
            str_to_i64(colon + 1, 1, 65535, &port)) {
            a.sin_port = htons((uint16_t)port);
            return a;
        }
    }
    die("%s is not ADDR:PORT", text);
}

static void
set_option(int fd, int level, int option, const void *value, socklen_t len)
{
    if (setsockopt(fd, level, option, value, len) != 0)
        die("setsockopt: %s", strerror(errno));
}

int
connect_to(const struct sockaddr_in *to, const struct in_addr *from)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    const struct timeval patience = {.tv_sec = CONNECT_S};
    const struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr = {.s_addr = from ? from->s_addr : INADDR_ANY}};
    if (fd < 0)
        die("socket: %s", strerror(errno));
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    set_option(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    /* The port is chosen when the other end is known: 28,000 for each. */
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&source, sizeof(source)) != 0)
        die("bind: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
        die("connect: %s", strerror(errno));
    return fd;
}

void
set_nonblocking(int fd)
{
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl: %s", strerror(errno));
}

void
send_all(int fd, const char *data, size_t len)
{
    const ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
    if (sent < 0 || (size_t)sent != len)
        die("send: %zd of %zu bytes: %s", sent, len, strerror(errno));
}

void
put_request(struct buf *b, const char *path, const char *body)
{
    buf_printf(b,
               "POST %s HTTP/1.1\r\nHost: bench\r\n"
               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               path, strlen(body));
    buf_puts(b, body);
    if (buf_failed(b))
        die("the request is too long");
}

bool
answer_is_whole(const struct buf *b)
{
    const char *body = b->data ? strstr(b->data, "\r\n\r\n") : NULL;
    const char *length = body ? strcasestr(b->data, "\r\ncontent-length:") : 0;
    if (!length || length > body)
        return false;
    const unsigned long n = strtoul(length + 17, NULL, 10);
    return b->len >= (size_t)(body + 4 - b->data) + n;
}

int
compare_i64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
