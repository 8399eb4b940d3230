/*
 * Parser of a text/event-stream: bytes in, events out.  Pure.
 */
#ifndef SHUNT_NET_SSE_H
#define SHUNT_NET_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct sse_event {
    const char *event; /* "message" when not given */
    const char *id;    /* last id seen, or "" */
    const char *data;  /* lines joined by \n */
};

struct sse {
    struct buf line, event, id, data;
    void (*on_event)(const struct sse_event *e, void *arg);
    void *arg;
    bool after_cr;
    bool past_first; /* a byte order mark may open the first line */
};

/* `max_bytes` caps a line and the data of an event. */
void sse_init(struct sse *s, size_t max_bytes,
              void (*on_event)(const struct sse_event *e, void *arg),
              void *arg);
/* ERR_LIMIT or ERR_NOMEM: the stream must be dropped. */
MUST_CHECK int sse_feed(struct sse *s, const char *bytes, size_t len);
void sse_fini(struct sse *s);

#endif
