/*
 * A consumer in an event loop (libevent) of the application's own: no thread
 * waits in a poll.
 *
 *   event_loop http://127.0.0.1:7070 orders billing orders [KEY=VALUE...]
 *
 * (route service, cluster code, group, topic, properties).  Ctrl-C ends it.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "connect.h"

#define AT_ONCE 1000 /* records, before other events have their turn */

static struct event *ready; /* the consumer has something to do */

/* It is told once until the next poll: poll until nothing comes. */
static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    shunt_t *rk = arg;
    char told[64];
    (void)what;
    while (read(fd, told, sizeof(told)) > 0)
        ;
    for (int i = 0; i < AT_ONCE; i++) {
        rd_kafka_message_t *m = shunt_consumer_poll(rk, 0);
        if (!m)
            return;
        print(m);
        rd_kafka_message_destroy(m);
    }
    event_active(ready, EV_READ, 0);
}

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
    (void)signo;
    (void)what;
    (void)event_base_loopbreak(arg);
}

/* 0, or -1: the loop could not be made or failed. */
static int
run(shunt_t *rk, shunt_queue_t *queue)
{
    int fd[2];
    struct event_base *base = event_base_new();
    if (!base || pipe2(fd, O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    struct event *on_int = evsignal_new(base, SIGINT, on_signal, base);
    struct event *on_term = evsignal_new(base, SIGTERM, on_signal, base);
    ready = event_new(base, fd[0], EV_READ | EV_PERSIST, on_ready, rk);
    if (!on_int || !on_term || !ready || event_add(on_int, NULL) != 0 ||
        event_add(on_term, NULL) != 0 || event_add(ready, NULL) != 0)
        return -1; /* the program ends: nothing is taken apart */
    shunt_queue_io_event_enable(queue, fd[1], "1", 1);
    event_active(ready, EV_READ, 0);
    const int rc = event_base_dispatch(base);
    shunt_queue_io_event_enable(queue, -1, NULL, 0);
    event_free(ready);
    event_free(on_term);
    event_free(on_int);
    event_base_free(base);
    (void)close(fd[0]);
    (void)close(fd[1]);
    return rc < 0 ? -1 : 0;
}

int
main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    const char *const props[][2] = {
        {"group.id", argv[3]}, {"auto.offset.reset", "earliest"}, {NULL, NULL}};
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines, also in a pipe */
    shunt_t *rk =
        connect_take(RD_KAFKA_CONSUMER, shunt_conf_new(), argv, 5, props);
    shunt_queue_t *queue = rk ? shunt_queue_get_consumer(rk) : NULL;
    int failed = !queue || subscribe(rk, argv[4]) != 0 || run(rk, queue) != 0;
    if (queue)
        shunt_queue_destroy(queue);
    if (rk)
        failed |= shunt_consumer_close(rk) != 0;
    shunt_destroy(rk);
    return failed;
}
