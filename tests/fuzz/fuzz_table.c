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
#include "route-service/table.h"
#include "tests/fuzz/fuzz.h"

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

static char *
table_text(const struct table *t)
{
    return dump_take(table_encode(t));
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

/* The table that follows from this line; a new reference of head when it is
 * refused. */
static struct table *
next_table(const char *line, struct table *head)
{
    struct err err = {0};
    struct json_t *j = NULL;
    struct change c;
    if (parse(line, &j))
        return table_ref(head);
    const int rc = change_decode(j, &c, &err);
    js_free(j);
    if (rc) {
        FUZZ_CHECK(err.code < 0 && err.text[0], "no words");
        return table_ref(head);
    }
    c.time_ms = head->time_ms + 10000;
    struct table *t = applied(&c, head);
    c.revision = head->revision + 1;
    c.expect_revision = -1;
    if (t)
        check_stored(&c, head, t);
    change_fini(&c);
    return t ? t : table_ref(head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct table *head = table_empty();
    char *line;
    while ((line = fuzz_line(&in))) {
        struct table *next = next_table(line, head);
        FUZZ_CHECK(next->revision - head->revision == (next != head),
                   "%lld after %lld", (long long)next->revision,
                   (long long)head->revision);
        table_unref(head);
        head = next;
        free(line);
    }
    free(table_text(head));
    table_unref(head);
    return 0;
}
