/*
 * Owns the epoll set and the commands that come in by stdin, one a line; each
 * is answered by one line of JSON on stdout when it is done:
 *
 *   open                          the streams, until each has its first answer
 *   arm N MS                      the next route event of N streams
 *   post ADDR[,ADDR] PATH BODY    one request, to all of them at once
 *   reports RATE SECONDS CONNS    reports of the clients
 *
 * The end of stdin ends the process, as does --deadline.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/tools/watchers/watchers.h"

#define TURN           512
#define LINE_MAX_BYTES ((size_t)16 << 20)
#define DEADLINE_S     600

static int epoll_fd;
static int64_t n_commands;
static struct streams_conf conf = {
    .count = 1000, .groups = 8, .code = "orders"};

void
source_add(struct source *s)
{
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = s}};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &e) != 0)
        die("epoll_ctl: %s", strerror(errno));
}

void
source_close(struct source *s)
{
    (void)close(s->fd); /* nothing was written that matters */
    s->fd = -1;
}

void
answer_begin(struct buf *b, int64_t id)
{
    buf_init(b, LINE_MAX_BYTES);
    buf_printf(b, "{\"id\":%lld", (long long)id);
}

void
answer_end(struct buf *b)
{
    buf_puts(b, "}\n");
    if (buf_failed(b))
        die("the answer is too long");
    (void)fputs(b->data, stdout); /* flushed below, where it is looked at */
    if (fflush(stdout) != 0)
        die("stdout: %s", strerror(errno));
    buf_fini(b);
}

/* ---- commands ---------------------------------------------------------------- */

static void
run_command(char *line)
{
    char *rest = line;
    const int64_t id = ++n_commands;
    const char *name = strsep(&rest, " ");
    const char *one = rest ? strsep(&rest, " ") : NULL;
    if (strcmp(name, "open") == 0) {
        streams_open(id);
    } else if (strcmp(name, "arm") == 0) {
        const size_t n = (size_t)number_of(one, 1000000);
        streams_arm(id, n, number_of(rest, 600000));
    } else if (strcmp(name, "post") == 0) {
        const char *path = strsep(&rest, " ");
        if (!one || !path || !rest)
            die("post ADDR[,ADDR] PATH BODY");
        post_send(id, one, path, rest);
    } else if (strcmp(name, "reports") == 0) {
        const int64_t seconds = number_of(strsep(&rest, " "), 600);
        reports_start(id, &conf, (size_t)number_of(one, 1000000), seconds,
                      (size_t)number_of(rest, 20000));
    } else {
        die("there is no command \"%s\"", name);
    }
}

static struct buf input;

static void
on_stdin(struct source *s)
{
    char piece[65536];
    const ssize_t got = read(s->fd, piece, sizeof(piece));
    if (got <= 0)
        exit(0);
    buf_append(&input, piece, (size_t)got);
    char *end;
    while (input.len && (end = memchr(input.data, '\n', input.len))) {
        *end = '\0';
        run_command(input.data);
        buf_consume(&input, (size_t)(end - input.data) + 1);
    }
    if (buf_failed(&input))
        die("a command is too long");
}

/* ---- options ------------------------------------------------------------------- */

static void
help(void)
{
    (void)puts("usage: watchers --to ADDR:PORT [--count N] [--first K] "
               "[--from ADDR]\n"
               "                [--groups N] [--special N] [--code CODE] "
               "[--deadline SECONDS]\n"
               "Commands come by stdin: see tests/tools/watchers/main.c.");
    exit(0);
}

static void
read_option(const char *name, const char *value, int64_t *deadline_s)
{
    if (strcmp(name, "--to") == 0)
        conf.to = address_of(value);
    else if (strcmp(name, "--from") == 0 &&
             inet_pton(AF_INET, value, &conf.from) == 1)
        return;
    else if (strcmp(name, "--count") == 0)
        conf.count = (size_t)number_of(value, 1000000);
    else if (strcmp(name, "--first") == 0)
        conf.first = (size_t)number_of(value, 100000000);
    else if (strcmp(name, "--groups") == 0)
        conf.groups = (size_t)number_of(value, 1000000);
    else if (strcmp(name, "--special") == 0)
        conf.special = (size_t)number_of(value, 1000000);
    else if (strcmp(name, "--code") == 0)
        conf.code = value;
    else if (strcmp(name, "--deadline") == 0)
        *deadline_s = number_of(value, 86400);
    else
        die("%s %s: no such option; --help shows what there is", name, value);
}

int
main(int argc, char **argv)
{
    int64_t deadline_s = DEADLINE_S;
    if (argc < 3)
        help();
    for (int i = 1; i + 1 < argc; i += 2)
        read_option(argv[i], argv[i + 1], &deadline_s);
    if (conf.to.sin_port == 0 || conf.groups == 0)
        die("--to and at least one group are needed");
    (void)alarm((unsigned)deadline_s); /* what hangs ends */
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        die("epoll_create1: %s", strerror(errno));
    buf_init(&input, LINE_MAX_BYTES);
    struct source commands = {.fd = STDIN_FILENO, .on_readable = on_stdin};
    source_add(&commands);
    streams_init(&conf);
    for (;;) {
        struct epoll_event ready[TURN];
        const int n = epoll_wait(epoll_fd, ready, TURN, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            struct source *s = ready[i].data.ptr;
            s->on_readable(s);
        }
    }
}
