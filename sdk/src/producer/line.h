/*
 * The sockets of one handle of librdkafka, so that they can be cut: what was
 * in flight then goes back into the handle's queue, in its place, and nothing
 * more reaches the cluster.  Any thread.
 */
#ifndef SHUNT_SDK_LINE_H
#define SHUNT_SDK_LINE_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "sdk/src/engine.h"

struct sockaddr;

struct line {
    pthread_mutex_t mutex;
    int *fds; /* open ones */
    size_t n, size;
    bool cut;
    const struct engine_net *net; /* the application's functions */
    void *arg;
};

/* `net` is borrowed. */
void line_init(struct line *l, const struct engine_net *net, void *arg);
void line_fini(struct line *l);
/* Shuts all sockets down and opens none any more. */
void line_cut(struct line *l);
/* How many sockets librdkafka has not closed yet. */
size_t line_open(struct line *l);

/* For the callbacks of librdkafka. */
int line_socket(struct line *l, int domain, int type, int protocol);
int line_connect(struct line *l, int fd, const struct sockaddr *addr, int len,
                 const char *id);
int line_close(struct line *l, int fd);

#endif
