/*
 * askers: clients that ask over HTTP, each on a thread and a connection of its
 * own, each its next question a while after it has its answer.  How long the
 * answers take is told of all together: {"n":..,"p50_us":..,"p99_us":..}.
 *
 *   askers ADDR:PORT CLIENTS N PAUSE_US PATH [FILE]
 *
 * The while is drawn evenly, PAUSE_US on average; 0: none, so that the server
 * always has something to do.  N questions each: the lines of FILE by POST, every client from another line
 * on, or without one a GET.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "tests/tools/wire/wire.h"

#define DEADLINE_S  120
#define CLIENTS_MAX 1000
#define LINES_MAX   100000
#define ANSWER_MAX  ((size_t)1 << 20)

struct plan {
    struct sockaddr_in to;
    size_t n;
    int64_t pause_us;
    struct buf *requests;
    size_t n_requests;
};

struct client {
    const struct plan *plan;
    pthread_t thread;
    size_t first; /* request */
    int64_t *us;  /* of each answer; owned by main() */
};

static void
read_requests(struct plan *p, const char *path, const char *file)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(file, "r");
    if (!f)
        die("%s: %s", file, strerror(errno));
    while (p->n_requests < LINES_MAX && getline(&line, &cap, f) > 1) {
        buf_init(&p->requests[p->n_requests], ANSWER_MAX);
        put_request(&p->requests[p->n_requests++], path, line);
    }
    free(line);
    (void)fclose(f); /* only read */
    if (p->n_requests == 0)
        die("%s is empty", file);
}

static void
one_get(struct plan *p, const char *path)
{
    buf_init(&p->requests[0], ANSWER_MAX);
    buf_printf(&p->requests[0], "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    p->n_requests = 1;
}

static void
ask(int fd, const struct buf *request, struct buf *answer)
{
    char piece[4096];
    buf_reset(answer);
    send_all(fd, request->data, request->len);
    while (!answer_is_whole(answer)) {
        const ssize_t got = read(fd, piece, sizeof(piece));
        if (got <= 0)
            die("no answer: %s", got ? strerror(errno) : "closed");
        buf_append(answer, piece, (size_t)got);
        if (buf_failed(answer))
            die("the answer is too long");
    }
    if (!str_starts_with(answer->data, "HTTP/1.1 200"))
        die("refused: %.500s", answer->data);
}

static void
pause_between(const struct plan *p, uint64_t *random)
{
    if (p->pause_us == 0)
        return;
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    const int64_t us = (int64_t)(*random >> 33) % (2 * p->pause_us);
    const struct timespec t = {us / 1000000, us % 1000000 * 1000};
    (void)nanosleep(&t, NULL); /* no signals here */
}

static void *
run(void *arg)
{
    const struct client *c = arg;
    const struct plan *p = c->plan;
    struct buf answer;
    uint64_t random = c->first + 1;
    const int fd = connect_to(&p->to, NULL);
    buf_init(&answer, ANSWER_MAX);
    for (size_t i = 0; i < p->n; i++) {
        pause_between(p, &random);
        const int64_t from = clock_mono_us();
        ask(fd, &p->requests[(c->first + i) % p->n_requests], &answer);
        c->us[i] = clock_mono_us() - from;
    }
    (void)close(fd); /* nothing is under way */
    buf_fini(&answer);
    return NULL;
}

static void
run_all(const struct plan *p, size_t n_clients, int64_t *us)
{
    struct client *v = xcalloc(n_clients, sizeof(*v));
    for (size_t i = 0; i < n_clients; i++) {
        v[i] = (struct client){.plan = p,
                               .first = i * p->n_requests / n_clients,
                               .us = us + i * p->n};
        if (pthread_create(&v[i].thread, NULL, run, &v[i]) != 0)
            die("cannot start a thread");
    }
    for (size_t i = 0; i < n_clients; i++)
        (void)pthread_join(v[i].thread, NULL); /* own thread, joined once */
    free(v);
}

int
main(int argc, char **argv)
{
    if (argc != 6 && argc != 7) {
        (void)fputs("usage: askers ADDR:PORT CLIENTS N PAUSE_US PATH [FILE]\n",
                    stderr);
        return 1;
    }
    (void)alarm(DEADLINE_S);
    const size_t n_clients = (size_t)number_of(argv[2], CLIENTS_MAX);
    struct plan p = {.to = address_of(argv[1]),
                     .n = (size_t)number_of(argv[3], 1000000),
                     .pause_us = number_of(argv[4], 1000000)};
    p.requests = xcalloc(LINES_MAX, sizeof(*p.requests));
    if (argc == 7)
        read_requests(&p, argv[5], argv[6]);
    else
        one_get(&p, argv[5]);
    const size_t n = n_clients * p.n;
    if (n == 0)
        die("nothing to ask");
    int64_t *us = xcalloc(n, sizeof(*us));
    run_all(&p, n_clients, us);
    qsort(us, n, sizeof(*us), compare_i64);
    (void)printf("{\"n\":%zu,\"p50_us\":%lld,\"p99_us\":%lld}\n", n,
                 (long long)us[n / 2], (long long)us[n * 99 / 100]);
    for (size_t i = 0; i < p.n_requests; i++)
        buf_fini(&p.requests[i]);
    free(p.requests);
    free(us);
    return 0;
}
