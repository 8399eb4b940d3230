/* What the programs that run until they are told otherwise are told. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/tools/bench_sdk/port.h"

static volatile sig_atomic_t stopping;

static void
on_signal(int signo)
{
    (void)signo;
    stopping = 1;
}

void
told_start(void)
{
    const struct sigaction act = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &act, NULL);
    (void)sigaction(SIGINT, &act, NULL);
}

bool
told_to_stop(void)
{
    return stopping;
}

int64_t
wall_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

#ifdef BARE
bool
told_to_move(char *servers, int size)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
        return false;
    if (!fgets(servers, size, stdin)) {
        stopping = 1;
        return false;
    }
    servers[strcspn(servers, "\n")] = '\0';
    return true;
}
#else
static void
on_event(shunt_t *rk, const shunt_event_t *e, void *opaque)
{
    (void)rk;
    (void)opaque;
    const char *to = shunt_event_to(e);
    const char *phase = shunt_event_phase(e);
    (void)printf("{\"event\":\"%s\",\"to\":\"%s\",\"phase\":\"%s\",\"ms\":%lld,"
                 "\"stall_ms\":%lld,\"catchup_ms\":%lld,\"reread\":%lld,"
                 "\"at_us\":%lld}\n",
                 shunt_event_name(e), to ? to : "", phase ? phase : "",
                 (long long)shunt_event_ms(e),
                 (long long)shunt_event_stall_ms(e),
                 (long long)shunt_event_catchup_ms(e),
                 (long long)shunt_event_reread_bound(e), (long long)wall_us());
    (void)fprintf(stderr, "%lld %s: %s\n", (long long)wall_us(),
                  shunt_event_name(e), shunt_event_text(e));
}

void
told_events(config_t *conf)
{
    shunt_conf_set_event_cb(conf, on_event);
}
#endif
