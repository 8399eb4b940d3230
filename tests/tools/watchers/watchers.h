/*
 * watchers: very many clients of a route service in one process, for benches.
 *
 * One thread, one epoll set; everything in it starts with a struct source.
 * Whatever goes wrong ends the process: a bench with half its clients tells
 * nothing.  Times are microseconds of the monotonic clock, which all processes
 * of a machine share.
 */
#ifndef WATCHERS_H
#define WATCHERS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "tests/tools/wire/wire.h"

/* ---- main.c ---------------------------------------------------------------- */

struct source {
    int fd;
    void (*on_readable)(struct source *s);
};

void source_add(struct source *s);
void source_close(struct source *s);
/* Begins the line of JSON that answers command `id`; answer_end() prints it. */
void answer_begin(struct buf *b, int64_t id);
void answer_end(struct buf *b);

/* ---- streams.c: the watchers ------------------------------------------------ */

struct streams_conf {
    struct sockaddr_in to;
    struct in_addr from;
    size_t count;
    size_t first;   /* number of the first client */
    size_t groups;  /* consumer groups that the clients are in */
    size_t special; /* so many have the attribute canary=yes */
    const char *code;
};

void streams_init(const struct streams_conf *conf);
/* Answers command `id` when every stream has had its first answer. */
void streams_open(int64_t id);
/* Answers when `n` streams have had a route event, or after `timeout_ms`. */
void streams_arm(int64_t id, size_t n, int64_t timeout_ms);
/* Arrivals are told relative to this moment too. */
void streams_t0(int64_t t0_us);

/* ---- post.c: one request to one or several servers at once ------------------- */

void post_send(int64_t id, const char *addresses, const char *path,
               const char *body);

/* ---- reports.c --------------------------------------------------------------- */

/* `rate` reports a second for `seconds`, over `connections` kept open. */
void reports_start(int64_t id, const struct streams_conf *conf, size_t rate,
                   int64_t seconds, size_t connections);

#endif
