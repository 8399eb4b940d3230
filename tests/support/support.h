/*
 * What the unit tests of all parts share: a temporary folder, waiting for a
 * condition, JSON, a free port.  Failures end the running test (ck_abort_msg).
 *
 *     struct tmpdir dir;
 *     tmpdir_make(&dir);
 *     ... tmpdir_file(&dir, "store") ...
 *     tmpdir_remove(&dir);
 *
 *     ck_assert(wait_until(is_connected, client, DEADLINE_MS));
 */
#ifndef SHUNT_TESTS_SUPPORT_H
#define SHUNT_TESTS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

/* How long a test waits for what has to come: far longer than it takes on a
 * slow and busy machine, as only a test that fails waits that long. */
#define DEADLINE_MS 30000

struct tmpdir {
    char path[256];
    char file[512]; /* what tmpdir_file() answered last */
};

/* A new folder below $TMPDIR or /tmp. */
void tmpdir_make(struct tmpdir *dir);
/* "PATH/NAME"; overwritten by the next call for the same folder. */
const char *tmpdir_file(struct tmpdir *dir, const char *name);
/* Removes the folder and all that is in it. */
void tmpdir_remove(struct tmpdir *dir);

/* Asks `condition` (again and again, at least once) until it is true; false
 * when it was not within deadline_ms.  `condition` may do the work that is
 * waited for, such as http_client_poll(client, 10). */
bool wait_until(bool (*condition)(void *arg), void *arg, int64_t deadline_ms);

/* JSON is written with ' for " in tests.  As it is meant; the caller frees. */
char *json_text(const char *text);
/* The same, read; js_free.  Ends the test when it is no JSON. */
struct json_t *json_of(const char *text);

/* A TCP port of 127.0.0.1 that was free a moment ago.  Only for servers that
 * cannot take port 0. */
int free_port(void);

#endif
