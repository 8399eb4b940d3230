/*
 * Change sets as texts, applied one after the other; then the table as a file.
 * Input: a change set on each line, as PROTOCOL.md writes it.
 *
 * What is accepted must survive the store (encode, decode, apply: the same
 * table), the table its snapshot (decode and encode: the same text, and the
 * same residencies), and a file with the whole table must make the same table
 * out of an empty one.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "route-service/change.h"
#include "route-service/residency.h"
#include "route-service/snapshot.h"
#include "route-service/table.h"
#include "tests/fuzz/fuzz.h"

#define TABLES_MAX 16

static int
parse(const char *text, struct json_t **out)
{
    struct err err;
    return js_parse(text, strlen(text), out, &err);
}

static char *
dump_take(struct json_t *j)
{
    char *text = js_dump(j);
    FUZZ_CHECK(text != NULL, "memory");
    js_free(j);
    return text;
}

static struct table *
applied(const struct change *c, struct table *head)
{
    struct err err = {0};
    struct touched touched;
    struct table *t = NULL;
    if (change_apply(c, head, &t, &touched, &err)) {
        FUZZ_CHECK(err.code < 0 && err.text[0], "no words");
        return NULL;
    }
    touched_fini(&touched);
    return t;
}

/* The stored form makes the same table, and the same stored form. */
static void
check_stored(const struct change *c, struct table *head, const struct table *t)
{
    struct err err = {0};
    struct json_t *j = NULL;
    struct change again;
    char *once = dump_take(change_encode(c));
    FUZZ_CHECK(parse(once, &j) == 0, "%s", once);
    const int rc = change_decode_stored(j, &again, &err);
    js_free(j);
    FUZZ_CHECK(rc == 0, "%s\n%s", err.text, once);
    char *twice = dump_take(change_encode(&again));
    FUZZ_CHECK(strcmp(once, twice) == 0, "\n%s\n%s", once, twice);
    struct table *same = applied(&again, head);
    FUZZ_CHECK(same && table_equal(same, t), "%s", once);
    table_unref(same);
    change_fini(&again);
    free(once);
    free(twice);
}

struct tables {
    struct table *v[TABLES_MAX]; /* v[i] is that of revision i */
    size_t n;
};

/* The operations that a restore or a whole table come to. */
static int
resolve_change(struct change *c, const struct tables *all)
{
    struct err err = {0};
    const struct table *past = c->form == CHANGE_RESTORE && c->restore >= 0 &&
                                       c->restore < (int64_t)all->n
                                   ? all->v[c->restore]
                                   : NULL;
    const int rc = change_resolve(c, all->v[all->n - 1], past, &err);
    FUZZ_CHECK(rc == 0 || (err.code < 0 && err.text[0]), "no words");
    return rc;
}

/* What the change set asks for is what becomes of it. */
static void
check_asked(const struct change *c, const struct tables *all,
            const struct table *t)
{
    if (c->form == CHANGE_RESTORE)
        FUZZ_CHECK(table_equal(t, all->v[c->restore]), "restore %lld",
                   (long long)c->restore);
}

/* The table that follows from this line; NULL when it is refused. */
static struct table *
next_table(const char *line, const struct tables *all)
{
    struct err err = {0};
    struct json_t *j = NULL;
    struct change c;
    struct table *head = all->v[all->n - 1];
    if (parse(line, &j))
        return NULL;
    int rc = change_decode(j, &c, &err);
    js_free(j);
    FUZZ_CHECK(rc == 0 || (err.code < 0 && err.text[0]), "no words");
    if (rc)
        return NULL;
    c.time_ms = head->time_ms + 10000;
    struct table *t = resolve_change(&c, all) == 0 ? applied(&c, head) : NULL;
    if (t) {
        c.revision = head->revision + 1;
        c.expect_revision = -1;
        check_asked(&c, all, t);
        check_stored(&c, head, t);
    }
    change_fini(&c);
    return t;
}

/* ---- the whole of it ------------------------------------------------------------ */

static void
check_residency(const struct table *a, const struct table *b, const char *code,
                const char *topic)
{
    const struct pt_identity id = {.cluster_code = strdup(code),
                                   .role = strdup("consumer")};
    const struct residency x = table_residency(a, &id, topic);
    const struct residency y = table_residency(b, &id, topic);
    FUZZ_CHECK(!x.rule == !y.rule, "%s, %s", code, topic);
    if (x.rule) {
        FUZZ_CHECK(strcmp(x.rule->key, y.rule->key) == 0, "%s", x.rule->key);
        FUZZ_CHECK(x.since == y.since && x.rule_since == y.rule_since,
                   "since %lld, %lld", (long long)x.since, (long long)y.since);
        FUZZ_CHECK(!x.previous == !y.previous &&
                       (!x.previous || strcmp(x.previous, y.previous) == 0),
                   "previous");
    }
    free(id.cluster_code);
    free(id.role);
}

static void
check_snapshot(const struct table *t)
{
    struct err err = {0};
    struct table *again = NULL;
    size_t len;
    size_t len_again;
    char *text = table_snapshot(t, &len);
    const int rc = table_from_snapshot(text, len, &again, &err);
    FUZZ_CHECK(rc == 0, "%s\n%s", err.text, text);
    FUZZ_CHECK(again->revision == t->revision && again->time_ms == t->time_ms &&
                   again->infra_since == t->infra_since,
               "%s", text);
    FUZZ_CHECK(table_equal(again, t), "%s", text);
    FUZZ_CHECK(table_next_edge(again) == table_next_edge(t), "%s", text);
    char *text_again = table_snapshot(again, &len_again);
    FUZZ_CHECK(len == len_again && memcmp(text, text_again, len) == 0, "%s\n%s",
               text, text_again);
    check_residency(t, again, "o", "x");
    check_residency(t, again, "", "");
    table_unref(again);
    free(text);
    free(text_again);
}

/* Its file makes the same table out of an empty one. */
static void
check_file(const struct table *t)
{
    struct err err = {0};
    struct json_t *file = js_object();
    struct change c;
    struct table *empty = table_empty();
    FUZZ_CHECK(js_put_take(file, "table", table_encode(t)) == 0, "memory");
    int rc = change_decode(file, &c, &err);
    js_free(file);
    FUZZ_CHECK(rc == 0, "%s", err.text);
    rc = change_resolve(&c, empty, NULL, &err);
    FUZZ_CHECK(rc == 0, "%s", err.text);
    struct table *same = applied(&c, empty);
    FUZZ_CHECK(same && table_equal(same, t), "revision %lld",
               (long long)t->revision);
    table_unref(same);
    table_unref(empty);
    change_fini(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct tables all = {.v = {table_empty()}, .n = 1};
    char *line;
    while (all.n < TABLES_MAX && (line = fuzz_line(&in))) {
        struct table *head = all.v[all.n - 1];
        struct table *next = next_table(line, &all);
        free(line);
        if (!next)
            continue;
        FUZZ_CHECK(next->revision - head->revision == (next != head),
                   "%lld after %lld", (long long)next->revision,
                   (long long)head->revision);
        if (next == head)
            table_unref(next);
        else
            all.v[all.n++] = next;
    }
    check_snapshot(all.v[all.n - 1]);
    check_file(all.v[all.n - 1]);
    for (size_t i = 0; i < all.n; i++)
        table_unref(all.v[i]);
    return 0;
}
