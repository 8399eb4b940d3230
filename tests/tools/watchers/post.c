/*
 * Owns the request under way: one at a time, to one or several servers.  The
 * connections are opened before the clock starts and are closed at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/strs.h"
#include "tests/tools/watchers/watchers.h"

#define PLACES           16
#define ANSWER_MAX_BYTES ((size_t)64 << 20)

struct place {
    struct source source;
    struct buf answer;
};

static struct place places[PLACES];
static size_t n_places, n_done;
static int64_t post_id, t0_us;

static void
all_done(void)
{
    struct buf b;
    answer_begin(&b, post_id);
    buf_printf(&b, ",\"t0_us\":%lld,\"us\":%lld", (long long)t0_us,
               (long long)(clock_mono_us() - t0_us));
    answer_end(&b);
}

static void
on_answer(struct source *s)
{
    static char piece[65536];
    struct place *p = (struct place *)(void *)s;
    const ssize_t got = read(s->fd, piece, sizeof(piece));
    if (got <= 0)
        die("post: no answer: %s", got ? strerror(errno) : "closed");
    buf_append(&p->answer, piece, (size_t)got);
    if (!answer_is_whole(&p->answer))
        return;
    if (!str_starts_with(p->answer.data, "HTTP/1.1 200"))
        die("post was refused: %.500s", p->answer.data);
    source_close(s);
    buf_fini(&p->answer);
    if (++n_done == n_places)
        all_done();
}

static void
open_places(const char *addresses)
{
    struct strlist l = {0};
    if (strlist_split(&l, addresses, ",") != 0 || l.n == 0 || l.n > PLACES)
        die("post: %s: one to %d addresses", addresses, PLACES);
    n_places = l.n;
    n_done = 0;
    for (size_t i = 0; i < l.n; i++) {
        const struct sockaddr_in to = address_of(l.v[i]);
        places[i].source.fd = connect_to(&to, NULL);
        set_nonblocking(places[i].source.fd);
        places[i].source.on_readable = on_answer;
        buf_init(&places[i].answer, ANSWER_MAX_BYTES);
        source_add(&places[i].source);
    }
    strlist_fini(&l);
}

void
post_send(int64_t id, const char *addresses, const char *path, const char *body)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX_BYTES);
    put_request(&b, path, body);
    open_places(addresses);
    post_id = id;
    t0_us = clock_mono_us();
    streams_t0(t0_us);
    for (size_t i = 0; i < n_places; i++)
        send_all(places[i].source.fd, b.data, b.len);
    buf_fini(&b);
}
