/*
 * Owns the control socket, its connections and the loop that waits for them.
 *
 * Main thread.  A connection is a slot; slots are few, so that the poll set is
 * an array: [signals, listener, slots...], stdin being the first slot.  A
 * line is at most LINE_BYTES_MAX; who sends more, or does not read his
 * answers, is cut off: they are written without waiting.
 */
#include "tests/sandbox/control.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/xmem.h"

enum { SLOTS = 16, STDIN_SLOT = 0, POLL_SIGNAL = 0, POLL_LISTEN, POLL_SLOTS };
#define LINE_BYTES_MAX   1024
#define ANSWER_BYTES_MAX 4096

struct slot {
    int in, out;    /* -1: free */
    struct buf buf; /* what came and is not yet a line */
};

struct control {
    int fd;
    int port;
    struct slot slots[SLOTS];
};

static int
listen_on(struct control *c, int port, struct err *err)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((in_port_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(in);
    const int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return err_errno(err, ERR_IO, errno, "no socket for commands");
    if (setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        bind(c->fd, (struct sockaddr *)&in, sizeof(in)) ||
        listen(c->fd, SLOTS) ||
        getsockname(c->fd, (struct sockaddr *)&in, &len))
        return err_errno(err, ERR_BUSY, errno,
                         "port %d on 127.0.0.1 can't be used for commands; "
                         "choose another with --control.port (0: any free)",
                         port);
    c->port = ntohs(in.sin_port);
    return 0;
}

int
control_open(int port, struct control **out, struct err *err)
{
    struct control *c = xcalloc(1, sizeof(*c));
    for (int i = 0; i < SLOTS; i++) {
        c->slots[i].in = c->slots[i].out = -1;
        buf_init(&c->slots[i].buf, LINE_BYTES_MAX);
    }
    c->slots[STDIN_SLOT].in = STDIN_FILENO;
    c->slots[STDIN_SLOT].out = STDOUT_FILENO;
    const int rc = listen_on(c, port, err);
    if (rc) {
        control_close(c);
        c = NULL;
    }
    *out = c;
    return rc;
}

int
control_port(const struct control *c)
{
    return c->port;
}

static void
slot_close(struct slot *slot)
{
    if (slot->in > STDIN_FILENO)
        (void)close(slot->in); /* both ways are one descriptor */
    slot->in = slot->out = -1;
    buf_reset(&slot->buf);
}

void
control_close(struct control *c)
{
    if (!c)
        return;
    for (int i = 0; i < SLOTS; i++) {
        slot_close(&c->slots[i]);
        buf_fini(&c->slots[i].buf);
    }
    if (c->fd >= 0)
        (void)close(c->fd);
    free(c);
}

static void
accept_one(struct control *c)
{
    const int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    for (int i = STDIN_SLOT + 1; i < SLOTS; i++) {
        struct slot *slot = &c->slots[i];
        if (slot->in >= 0)
            continue;
        slot->in = slot->out = fd;
        return;
    }
    (void)close(fd); /* all in use: refused */
}

/* False: not everything could be written. */
static bool
answer_line(struct sandbox *s, struct slot *slot, const char *line)
{
    struct buf answer;
    buf_init(&answer, ANSWER_BYTES_MAX);
    command_run(s, line, &answer);
    const bool sent =
        !buf_failed(&answer) &&
        (answer.len == 0 ||
         write(slot->out, answer.data, answer.len) == (ssize_t)answer.len);
    buf_fini(&answer);
    return sent;
}

/* False when the connection has to be closed. */
static bool
answer_lines(struct sandbox *s, struct slot *slot)
{
    char *end;
    while (slot->buf.len > 0 &&
           (end = memchr(slot->buf.data, '\n', slot->buf.len))) {
        *end = '\0';
        if (!answer_line(s, slot, slot->buf.data))
            return false;
        buf_consume(&slot->buf, (size_t)(end - slot->buf.data) + 1);
    }
    return true;
}

static void
slot_read(struct sandbox *s, struct slot *slot)
{
    char piece[512];
    const ssize_t n = read(slot->in, piece, sizeof(piece));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        buf_append(&slot->buf, piece, (size_t)n);
    if (n <= 0 || buf_failed(&slot->buf) || !answer_lines(s, slot))
        slot_close(slot);
}

static void
serve_turn(struct control *c, struct sandbox *s, const struct pollfd *fds)
{
    for (int i = 0; i < SLOTS; i++)
        if (fds[POLL_SLOTS + i].revents)
            slot_read(s, &c->slots[i]);
    if (fds[POLL_LISTEN].revents)
        accept_one(c);
}

int
control_serve(struct control *c, struct sandbox *s, int signal_fd,
              struct err *err)
{
    struct pollfd fds[POLL_SLOTS + SLOTS];
    while (!s->quit) {
        fds[POLL_SIGNAL] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
        fds[POLL_LISTEN] = (struct pollfd){.fd = c->fd, .events = POLLIN};
        for (int i = 0; i < SLOTS; i++)
            fds[POLL_SLOTS + i] =
                (struct pollfd){.fd = c->slots[i].in, .events = POLLIN};
        if (poll(fds, POLL_SLOTS + SLOTS, -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_errno(err, ERR_IO, errno, "waiting for commands");
        }
        if (fds[POLL_SIGNAL].revents)
            return 0;
        serve_turn(c, s, fds);
    }
    return 0;
}
