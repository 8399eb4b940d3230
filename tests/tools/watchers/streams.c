/*
 * Owns the streams.  Of what comes in only lines are looked at, and of a line
 * only its start: the status, "event: route", and the blank line that ends an
 * event.  The lines that chunks put between are of no interest.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "tests/tools/watchers/watchers.h"

#define AT_ONCE      256 /* streams without their first answer */
#define PREFIX_BYTES 12
#define READ_BYTES   65536
#define PER_ADDRESS  8192 /* streams from one source address */

static const char route_line[PREFIX_BYTES + 1] = "event: route";

struct stream {
    struct source source;
    bool answered; /* the first answer is here */
    bool route;    /* the event under way is a route */
    bool arrived;  /* in this round */
    unsigned char n_line;
    char line[PREFIX_BYTES]; /* how the line under way starts */
};

static struct streams_conf conf;
static struct stream *streams;
static size_t n_begun, n_answered;
static int64_t open_id, open_from_us;

static struct source timer = {.fd = -1};
static int64_t arm_id, arm_t0_us;
static size_t n_wanted, n_arrived, n_extra;
static int64_t *arrivals;

/* ---- rounds ------------------------------------------------------------------ */

static void
round_end(void)
{
    struct buf b;
    if (!arm_id)
        return;
    qsort(arrivals, n_arrived, sizeof(*arrivals), compare_i64);
    answer_begin(&b, arm_id);
    buf_printf(&b, ",\"wanted\":%zu,\"n\":%zu,\"extra\":%zu", n_wanted,
               n_arrived, n_extra);
    if (arm_t0_us && n_arrived)
        buf_printf(&b, ",\"p50_us\":%lld,\"p99_us\":%lld,\"last_us\":%lld",
                   (long long)(arrivals[n_arrived / 2] - arm_t0_us),
                   (long long)(arrivals[n_arrived * 99 / 100] - arm_t0_us),
                   (long long)(arrivals[n_arrived - 1] - arm_t0_us));
    buf_puts(&b, ",\"arrivals_us\":[");
    for (size_t i = 0; i < n_arrived; i++)
        buf_printf(&b, "%s%lld", i ? "," : "", (long long)arrivals[i]);
    buf_puts(&b, "]");
    answer_end(&b);
    arm_id = 0;
}

static void
on_timer(struct source *s)
{
    uint64_t ticks;
    if (read(s->fd, &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks))
        round_end();
}

void
streams_arm(int64_t id, size_t n, int64_t timeout_ms)
{
    const struct itimerspec in = {
        .it_value = {.tv_sec = timeout_ms / 1000,
                     .tv_nsec = timeout_ms % 1000 * 1000000 + 1}};
    if (n > conf.count)
        die("arm %zu: there are %zu streams", n, conf.count);
    arm_id = id;
    arm_t0_us = 0;
    n_wanted = n;
    n_arrived = n_extra = 0;
    for (size_t i = 0; i < conf.count; i++)
        streams[i].arrived = false;
    if (timerfd_settime(timer.fd, 0, &in, NULL) != 0)
        die("timerfd_settime: %s", strerror(errno));
}

void
streams_t0(int64_t t0_us)
{
    arm_t0_us = t0_us;
}

static void
route_arrived(struct stream *s)
{
    if (s->arrived) {
        n_extra++;
        return;
    }
    s->arrived = true;
    arrivals[n_arrived++] = clock_mono_us();
    if (arm_id && n_arrived == n_wanted)
        round_end();
}

/* ---- opening ------------------------------------------------------------------- */

static void
begin_one(size_t i)
{
    struct buf b;
    char body[512];
    const size_t n = conf.first + i;
    const char *label = i < conf.special ? ",\"canary\":\"yes\"" : "";
    (void)snprintf(
        body, sizeof(body),
        "{\"client\":{\"instance\":\"h%zu-%zu-%06zx\",\"name\":\"billing\","
        "\"version\":\"0.1.0\",\"host\":\"h%zu\",\"pid\":%zu},"
        "\"identity\":{\"cluster.code\":\"%s\",\"role\":\"consumer\","
        "\"topics\":[\"orders\"],\"group\":\"billing-%zu\",\"client.id\":"
        "\"billing-%zu\",\"attributes\":{\"flink.id\":\"%zu\"%s}}}",
        n / 100, n, n, n / 100, n, conf.code, n % conf.groups, n, n / 10,
        label);
    buf_init(&b, 2048);
    put_request(&b, "/v1/watch", body);
    /* The kernel's search for a free port gets slow when many are taken. */
    const struct in_addr from = {
        conf.from.s_addr
            ? htonl(ntohl(conf.from.s_addr) + (uint32_t)i / PER_ADDRESS)
            : INADDR_ANY};
    streams[i].source.fd = connect_to(&conf.to, &from);
    set_nonblocking(streams[i].source.fd);
    source_add(&streams[i].source);
    send_all(streams[i].source.fd, b.data, b.len);
    buf_fini(&b);
}

static void
begin_some(void)
{
    while (n_begun < conf.count && n_begun < n_answered + AT_ONCE)
        begin_one(n_begun++);
}

void
streams_open(int64_t id)
{
    open_id = id;
    open_from_us = clock_mono_us();
    begin_some();
}

static void
answered(struct stream *s)
{
    struct buf b;
    s->answered = true;
    n_answered++;
    begin_some();
    if (n_answered < conf.count)
        return;
    answer_begin(&b, open_id);
    buf_printf(&b, ",\"open\":%zu,\"ms\":%lld", n_answered,
               (long long)(clock_mono_us() - open_from_us) / 1000);
    answer_end(&b);
}

/* ---- reading --------------------------------------------------------------------- */

static bool
starts(const struct stream *s, const char *with)
{
    return s->n_line >= strlen(with) && !memcmp(s->line, with, strlen(with));
}

static void
on_line(struct stream *s)
{
    if (s->n_line == 0) { /* the end of an event */
        if (s->route && s->answered)
            route_arrived(s);
        else if (s->route)
            answered(s);
        s->route = false;
    } else if (starts(s, route_line)) {
        s->route = true;
    } else if (starts(s, "HTTP/1.1 ") && !starts(s, "HTTP/1.1 200")) {
        die("stream %zu was refused: %.*s", (size_t)(s - streams),
            (int)s->n_line, s->line);
    } else if (starts(s, "event: close")) {
        die("stream %zu was closed by the server", (size_t)(s - streams));
    }
}

static void
keep_start(struct stream *s, const char *from, const char *to)
{
    for (; from < to && s->n_line < PREFIX_BYTES; from++)
        s->line[s->n_line++] = *from;
}

static void
on_bytes(struct stream *s, const char *at, const char *end)
{
    const char *newline;
    while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
        keep_start(s, at, newline);
        on_line(s);
        s->n_line = 0;
        at = newline + 1;
    }
    keep_start(s, at, end);
}

static void
on_stream(struct source *source)
{
    static char bytes[READ_BYTES];
    struct stream *s = (struct stream *)(void *)source;
    const ssize_t got = read(source->fd, bytes, sizeof(bytes));
    if (got > 0)
        on_bytes(s, bytes, bytes + got);
    else if (got == 0 || errno != EAGAIN)
        die("stream %zu is gone: %s", (size_t)(s - streams),
            got ? strerror(errno) : "closed by the server");
}

void
streams_init(const struct streams_conf *from)
{
    conf = *from;
    streams = xcalloc(conf.count, sizeof(*streams));
    arrivals = xcalloc(conf.count, sizeof(*arrivals));
    for (size_t i = 0; i < conf.count; i++)
        streams[i].source.on_readable = on_stream;
    timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    timer.on_readable = on_timer;
    if (timer.fd < 0)
        die("timerfd_create: %s", strerror(errno));
    source_add(&timer);
}
