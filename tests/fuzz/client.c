#include "tests/fuzz/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/js.h"
#include "tests/fuzz/fuzz.h"

void
client_open(struct client *c, struct loop *loop, const char *url)
{
    /* A reset at the end leaves no port behind in TIME_WAIT. */
    static const struct linger linger = {1, 0};
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    *c = (struct client){.loop = loop, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    FUZZ_CHECK(c->fd >= 0, "socket: %s", strerror(errno));
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    int rc = connect(c->fd, (const struct sockaddr *)&address, sizeof(address));
    if (rc && errno == EINTR) { /* libFuzzer's clock: it goes on by itself */
        struct pollfd done = {.fd = c->fd, .events = POLLOUT};
        do
            rc = poll(&done, 1, -1) == 1 ? 0 : -1;
        while (rc && errno == EINTR);
    }
    FUZZ_CHECK(rc == 0, "connect: %s", strerror(errno));
    buf_init(&c->got, 1 << 20);
}

void
client_read(struct client *c)
{
    char bytes[8192];
    while (!c->eof) {
        const ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        c->eof = n <= 0;
        c->reset |= n < 0;
        if (n > 0)
            buf_append(&c->got, bytes, (size_t)n);
    }
}

void
client_write(struct client *c, const uint8_t *bytes, size_t len)
{
    while (len > 0 && !c->eof) {
        const ssize_t n = send(c->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            c->reset = true;
            return;
        }
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
        client_turn(c);
        client_read(c);
    }
}

void
client_turn(struct client *c)
{
    (void)event_base_loop(loop_base(c->loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void
client_close(struct client *c)
{
    (void)close(c->fd);
}

void
client_fini(struct client *c)
{
    buf_fini(&c->got);
}

/* ---- what came back -------------------------------------------------------- */

size_t
answer_head(const char *text, struct answer *a)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (!end)
        return 0;
    FUZZ_CHECK(strncmp(text, "HTTP/1.", 7) == 0 && text[8] == ' ',
               "no status line: %.60s", text);
    *a = (struct answer){.status = atoi(&text[9])};
    FUZZ_CHECK(a->status >= 100 && a->status < 600, "%.60s", text);
    char *head = strndup(text, (size_t)(end - text) + 2);
    const char *length = strcasestr(head, "\r\ncontent-length:");
    a->length = length ? strtoul(length + 17, NULL, 10) : 0;
    a->stream = strcasestr(head, "\r\ncontent-type: text/event-stream") != NULL;
    FUZZ_CHECK(length || a->stream || a->status == 100, "no length: %s", head);
    free(head);
    return (size_t)(end - text) + 4;
}

static void
check_error(const char *body, size_t len)
{
    struct err err = {0};
    struct json_t *j = NULL;
    struct json_t *e = NULL;
    const char *message = NULL;
    const int rc =
        js_parse(body, len, &j, &err) ||
        js_get_object(j, "", "error", JS_REQUIRED, &e, &err) ||
        js_get_str(e, "error", "code", JS_REQUIRED, &message, &err) ||
        js_get_str(e, "error", "message", JS_REQUIRED, &message, &err);
    FUZZ_CHECK(rc == 0, "%s: %.*s", err.text, (int)len, body);
    js_free(j);
}

void
answers_check(const char *text, size_t len, bool whole)
{
    struct answer a;
    while (len > 0) {
        const size_t head = answer_head(text, &a);
        if (head == 0 || (!a.stream && len - head < a.length)) {
            FUZZ_CHECK(!whole, "half an answer: %.200s", text);
            return;
        }
        if (a.stream)
            return;
        if (a.status >= 400)
            check_error(text + head, a.length);
        text += head + a.length;
        len -= head + a.length;
    }
}
