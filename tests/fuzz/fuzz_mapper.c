/*
 * Bodies and queries for the offset mapper's HTTP side, whole: a server with
 * a store of three flows lives as long as the target.  Input: a line with
 * method and path, then the body; or the line LAND, and a body for a group,
 * which is only decoded: the rest would ask brokers.
 *
 * What comes back must be HTTP, each error a JSON object; an answer to a
 * translation must decode, one answer for each position; "exact" is one offset
 * and no position lies outside of [low, high]; asked again, the mapper says
 * the same.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/log.h"
#include "common/proto/offset.h"
#include "offset-mapper/api.h"
#include "offset-mapper/api_groups.h"
#include "tests/fuzz/client.h"
#include "tests/fuzz/fuzz.h"

#define TURNS_MAX 2000 /* of the loop, for one input */

static struct loop *loop;
static struct api *api;
static struct store *store;
static struct config config;

/* ---- what it knows ---------------------------------------------------------- */

static const char flows[] =
    "{\"clusters\":["
    "{\"name\":\"a\",\"bootstrap.servers\":\"127.0.0.1:1\"},"
    "{\"name\":\"b\",\"bootstrap.servers\":\"127.0.0.1:1\"},"
    "{\"name\":\"c\",\"bootstrap.servers\":\"127.0.0.1:1\"},"
    "{\"name\":\"d\",\"bootstrap.servers\":\"127.0.0.1:1\"}],"
    "\"flows\":[{\"source\":\"a\",\"target\":\"b\"},"
    "{\"source\":\"b\",\"target\":\"a\"},"
    "{\"source\":\"a\",\"target\":\"c\",\"policy\":\"identity\"}]}";

static const struct known {
    const char *flow;
    int32_t partition;
    int64_t up, down;
} syncs[] = {
    {"a->b", 0, 100, 50},  {"a->b", 0, 200, 150}, {"a->b", 0, 210, 155},
    {"a->b", 0, 250, 196}, {"a->b", 1, 10, 5},    {"b->a", 0, 10, 7},
    {"b->a", 0, 90, 87},   {"a->c", 0, 100, 100}, {"a->c", 0, 230, 229},
};

static void
put(const struct known *k)
{
    const struct store_part part = {k->flow, "orders", k->partition};
    struct store_progress p = {.complete = 1};
    struct store_batch *b = NULL;
    struct err err = {0};
    enum runs_change change;
    const int rc =
        store_batch_begin(store, &b, &err) ||
        store_batch_sync(b, &part, k->up, k->down, 0, &p, &change, &err) ||
        store_batch_commit_take(b, k->flow, "t@c", &p, &err);
    FUZZ_CHECK(rc == 0, "%s", err.text);
}

static void
start(void)
{
    char dir[] = "/tmp/fuzz-mapper-XXXXXX";
    char file[64];
    struct err err = {0};
    log_set_level(LOG_ERROR);
    FUZZ_CHECK(mkdtemp(dir) != NULL, "mkdtemp");
    int rc = config_parse(flows, strlen(flows), &config, &err) ||
             store_open(dir, &store, &err);
    FUZZ_CHECK(rc == 0, "%s", err.text);
    for (size_t i = 0; i < sizeof(syncs) / sizeof(*syncs); i++)
        put(&syncs[i]);
    const struct api_parts parts = {.config = &config, .store = store};
    rc = loop_new(&loop, &err) ||
         api_start(loop, "127.0.0.1:0", &parts, &api, &err);
    FUZZ_CHECK(rc == 0, "%s", err.text);
    /* It stays open: nothing is left behind, however the target ends. */
    (void)snprintf(file, sizeof(file), "%s/offset.lmdb", dir);
    (void)unlink(file);
    (void)snprintf(file, sizeof(file), "%s/offset.lmdb-lock", dir);
    (void)unlink(file);
    (void)rmdir(dir);
}

/* ---- one request -------------------------------------------------------------- */

/* What came back; the caller frees it.  "": it is still waiting. */
static char *
ask(const char *line, const uint8_t *body, size_t len)
{
    struct client c;
    struct buf head;
    buf_init(&head, 4096);
    buf_printf(&head,
               "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
               "Content-Length: %zu\r\n\r\n",
               line, len);
    client_open(&c, loop, api_url(api));
    if (!buf_failed(&head)) {
        client_write(&c, (const uint8_t *)head.data, head.len);
        client_write(&c, body, len);
    }
    for (int i = 0; i < TURNS_MAX && !c.eof; i++) {
        client_turn(&c);
        client_read(&c);
    }
    client_close(&c);
    client_turn(&c);
    client_turn(&c);
    if (c.got.len > 0)
        answers_check(c.got.data, c.got.len, c.eof && !c.reset);
    char *got = strndup(c.got.len > 0 ? c.got.data : "", c.got.len);
    FUZZ_CHECK(got != NULL, "memory");
    client_fini(&c);
    buf_fini(&head);
    return got;
}

/* ---- translations --------------------------------------------------------------- */

static void
check_translated(const struct po_translated *t)
{
    FUZZ_CHECK(t->reason && *t->reason, "no reason");
    if (t->quality == PO_NONE) {
        FUZZ_CHECK(t->position == -1 && !t->topic, "%lld",
                   (long long)t->position);
        return;
    }
    FUZZ_CHECK(t->topic && *t->topic, "no topic");
    FUZZ_CHECK(t->position >= 0 && t->low >= 0, "%lld, low %lld",
               (long long)t->position, (long long)t->low);
    FUZZ_CHECK(t->high == -1 || t->low <= t->high, "[%lld, %lld]",
               (long long)t->low, (long long)t->high);
    FUZZ_CHECK(t->high == -1 || t->position <= t->high, "%lld > %lld",
               (long long)t->position, (long long)t->high);
    FUZZ_CHECK(t->quality != PO_EXACT ||
                   (t->position == t->low && t->low == t->high),
               "exact: %lld, [%lld, %lld]", (long long)t->position,
               (long long)t->low, (long long)t->high);
}

static size_t
positions_asked(const uint8_t *body, size_t len)
{
    struct json_t *j = NULL;
    struct err err;
    struct po_question q;
    FUZZ_CHECK(js_parse((const char *)body, len, &j, &err) == 0 &&
                   po_question_decode(j, &q, &err) == 0,
               "a body is answered that nobody can read: %s", err.text);
    const size_t n = q.n;
    po_question_fini(&q);
    js_free(j);
    return n;
}

static struct po_translation
translation(const char *text)
{
    struct json_t *j = NULL;
    struct err err = {0};
    struct po_translation t;
    FUZZ_CHECK(js_parse(text, strlen(text), &j, &err) == 0 &&
                   po_translation_decode(j, &t, &err) == 0,
               "%s\n%s", err.text, text);
    js_free(j);
    return t;
}

/* But for the age of what it knows. */
static void
check_same(const struct po_translated *x, const struct po_translated *y)
{
    FUZZ_CHECK(x->quality == y->quality && x->position == y->position &&
                   x->low == y->low && x->high == y->high &&
                   strcmp(x->reason, y->reason) == 0,
               "%lld, %s; then %lld, %s", (long long)x->position, x->reason,
               (long long)y->position, y->reason);
}

static void
check_translation(const char *once, const char *twice, size_t n)
{
    struct po_translation t = translation(once);
    struct po_translation again = translation(twice);
    FUZZ_CHECK(t.n == n && again.n == n, "%zu and %zu answers to %zu positions",
               t.n, again.n, n);
    for (size_t i = 0; i < t.n; i++) {
        check_translated(&t.v[i]);
        check_same(&t.v[i], &again.v[i]);
    }
    po_translation_fini(&again);
    po_translation_fini(&t);
}

/* ---- one input ------------------------------------------------------------------- */

static void
check_landing(const uint8_t *body, size_t len)
{
    struct json_t *j = NULL;
    struct err err = {0};
    struct land_request r;
    if (js_parse((const char *)body, len, &j, &err))
        return;
    const int rc = land_request_decode(j, &r, &err);
    js_free(j);
    FUZZ_CHECK(rc == 0 || (err.code < 0 && err.text[0]), "no words");
    if (rc)
        return;
    FUZZ_CHECK(r.from && r.to && r.wait_ms >= 0, "%lld", (long long)r.wait_ms);
    land_request_fini(&r);
}

/* Those that need no broker. */
static bool
is_asked(const char *line)
{
    static const char *const lines[] = {
        "POST /v1/translate", "GET /v1/runs", "GET /v1/flows", "GET /readyz",
        "GET /healthz",       "GET /metrics", "POST /v1/runs", "GET /nothing",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        if (strncmp(line, lines[i], strlen(lines[i])) == 0)
            return true;
    return false;
}

static void
check_asked(const char *line, const uint8_t *body, size_t len)
{
    struct answer a, b;
    char *got = ask(line, body, len);
    const size_t head = answer_head(got, &a);
    if (head && a.status == 200 && strcmp(line, "POST /v1/translate") == 0) {
        char *again = ask(line, body, len);
        check_translation(got + head, again + answer_head(again, &b),
                          positions_asked(body, len));
        free(again);
    }
    free(got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    if (!api)
        start();
    char *line = fuzz_line(&in);
    if (!line)
        return 0;
    if (strcmp(line, "LAND") == 0)
        check_landing(in.at, in.left);
    else if (is_asked(line))
        check_asked(line, in.at, in.left);
    free(line);
    return 0;
}
