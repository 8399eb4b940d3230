/*
 * Owns the reporters: connections that are kept open, as clients keep theirs.
 * Every 10 ms the reports that are due are sent, each on the next connection.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "tests/tools/watchers/watchers.h"

#define TICK_MS 10

struct reporter {
    struct source source;
    bool waiting; /* for the answer */
};

static struct streams_conf conf;
static struct source timer;
static struct reporter *reporters;
static size_t n_reporters, rate;
static int64_t report_id, from_us, to_us;
static size_t n_sent, n_taken, n_late;

static void
end(void)
{
    struct buf b;
    answer_begin(&b, report_id);
    buf_printf(&b, ",\"sent\":%zu,\"taken\":%zu,\"late\":%zu", n_sent, n_taken,
               n_late);
    answer_end(&b);
    source_close(&timer);
    for (size_t i = 0; i < n_reporters; i++)
        source_close(&reporters[i].source);
}

static void
on_answer(struct source *s)
{
    char piece[4096];
    struct reporter *r = (struct reporter *)(void *)s;
    const ssize_t got = read(s->fd, piece, sizeof(piece) - 1);
    if (got <= 0)
        die("report: no answer: %s", got ? strerror(errno) : "closed");
    piece[got] = '\0';
    if (strncmp(piece, "HTTP/1.1 200", 12) != 0)
        die("report was refused: %.500s", piece);
    r->waiting = false;
    n_taken++;
}

static void
send_one(void)
{
    struct buf b;
    char body[384];
    const size_t n = conf.first + n_sent % conf.count;
    struct reporter *r = &reporters[n_sent % n_reporters];
    n_sent++;
    if (r->waiting) {
        n_late++;
        return;
    }
    (void)snprintf(body, sizeof(body),
                   "{\"instance\":\"h%zu-%zu-%06zx\",\"revision\":12,"
                   "\"cluster\":\"a\",\"state\":\"running\",\"detail\":null,"
                   "\"since\":12,\"switch_ms\":41,\"reread_bound\":0}",
                   n / 100, n, n);
    buf_init(&b, 2048);
    put_request(&b, "/v1/reports", body);
    send_all(r->source.fd, b.data, b.len);
    r->waiting = true;
    buf_fini(&b);
}

static void
on_tick(struct source *s)
{
    uint64_t ticks;
    const int64_t now = clock_mono_us();
    if (read(s->fd, &ticks, sizeof(ticks)) != (ssize_t)sizeof(ticks))
        return;
    const size_t due = (size_t)((now - from_us) * (int64_t)rate / 1000000);
    while (now < to_us && n_sent < due)
        send_one();
    if (now >= to_us && n_taken + n_late == n_sent)
        end();
}

void
reports_start(int64_t id, const struct streams_conf *c, size_t per_second,
              int64_t seconds, size_t connections)
{
    const struct itimerspec every = {
        .it_value = {.tv_nsec = TICK_MS * 1000000},
        .it_interval = {.tv_nsec = TICK_MS * 1000000}};
    if (connections == 0)
        die("reports need a connection");
    conf = *c;
    report_id = id;
    rate = per_second;
    n_sent = n_taken = n_late = 0;
    n_reporters = connections;
    reporters = xcalloc(connections, sizeof(*reporters));
    for (size_t i = 0; i < connections; i++) {
        reporters[i].source.fd = connect_to(&conf.to, &conf.from);
        set_nonblocking(reporters[i].source.fd);
        reporters[i].source.on_readable = on_answer;
        source_add(&reporters[i].source);
    }
    from_us = clock_mono_us();
    to_us = from_us + seconds * 1000000;
    timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    timer.on_readable = on_tick;
    if (timer.fd < 0 || timerfd_settime(timer.fd, 0, &every, NULL) != 0)
        die("timerfd: %s", strerror(errno));
    source_add(&timer);
}
