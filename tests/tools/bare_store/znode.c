/*
 * Owns a session of ZooKeeper's C client.
 */
#define THREADED /* the calls that wait */
#include <poll.h>
#include <stdlib.h>
#include <zookeeper/zookeeper.h>

#include "common/base/clock.h"
#include "tests/tools/bare_store/bare_store.h"

#define NODE       "/shunt-bench"
#define SESSION_MS 10000
#define START_MS   10000

static void
on_event(zhandle_t *zh, int type, int state, const char *path, void *ctx)
{
    (void)zh, (void)type, (void)state, (void)path, (void)ctx;
}

static void
check(int rc, const char *what)
{
    if (rc != ZOK)
        die("%s: %s", what, zerror(rc));
}

void
time_znode(const char *hosts, size_t bytes, size_t n, int64_t *us)
{
    char *data = some_bytes(bytes);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *zh = zookeeper_init(hosts, on_event, SESSION_MS, NULL, NULL, 0);
    const int64_t end = clock_mono_ms() + START_MS;
    while (zh && zoo_state(zh) != ZOO_CONNECTED_STATE && clock_mono_ms() < end)
        (void)poll(NULL, 0, 5);
    if (!zh || zoo_state(zh) != ZOO_CONNECTED_STATE)
        die("%s: %s", hosts, "no connection");
    const int rc = zoo_create(zh, NODE, data, (int)bytes, &ZOO_OPEN_ACL_UNSAFE,
                              0, NULL, 0);
    if (rc != ZNODEEXISTS)
        check(rc, "create");
    for (size_t i = 0; i < n; i++) {
        const int64_t from = clock_mono_us();
        check(zoo_set(zh, NODE, data, (int)bytes, -1), "set");
        us[i] = clock_mono_us() - from;
    }
    (void)zookeeper_close(zh); /* the figures are here already */
    free(data);
}
