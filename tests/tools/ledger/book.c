/*
 * Owns the book's memory and the meaning of the lines.  Main thread.
 *
 * A writer's W lines count up from 0 without a gap, so that a record is found
 * by its number; everything else refers to a record by writer and number.
 */
#include "tests/tools/ledger/book.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "tests/tools/ledger/logfile.h"

enum { PARTITION_MAX = 1000000 };

struct loading {
    struct book *book;
    size_t client; /* of this file */
    bool begun;
    int16_t cluster; /* dumps */
};

void
book_init(struct book *b)
{
    *b = (struct book){0};
}

void
book_fini(struct book *b)
{
    for (size_t i = 0; i < b->n_clients; i++) {
        free(b->clients[i].name);
        free(b->clients[i].group);
        free(b->clients[i].said);
        free(b->clients[i].deliveries);
    }
    free(b->clients);
    free(b->entries);
    free(b->reads);
    free(b->dumped);
    free(b->ranges);
    strlist_fini(&b->clusters);
    strlist_fini(&b->topics);
    *b = (struct book){0};
}

void *
book_grow(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    *cap = *cap ? *cap * 2 : 1024;
    return xreallocarray(v, *cap, size);
}

int
book_name(const struct strlist *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i], name) == 0)
            return (int)i;
    return NO_NAME;
}

static int
intern(const struct line *l, struct strlist *names, const char *name,
       int16_t *out, struct err *err)
{
    int i = book_name(names, name);
    if (i == NO_NAME) {
        if (names->n == NAMES_MAX)
            return line_bad(l, err, "more than %d names", NAMES_MAX);
        if (strlist_add(names, name) != 0)
            return err_nomem(err);
        i = (int)names->n - 1;
    }
    *out = (int16_t)i;
    return 0;
}

static struct client *
add_client(struct book *b, const char *name, const char *group)
{
    b->clients =
        xreallocarray(b->clients, b->n_clients + 1, sizeof(*b->clients));
    struct client *c = &b->clients[b->n_clients++];
    *c = (struct client){.name = xstrdup(name),
                         .group = group ? xstrdup(group) : NULL,
                         .first_entry = b->n_entries};
    return c;
}

static struct client *
client_of(const struct loading *at)
{
    return &at->book->clients[at->client];
}

static void
add_delivery(struct client *c, int64_t mono_us, int16_t cluster, int64_t entry)
{
    c->deliveries = book_grow(c->deliveries, c->n_deliveries,
                              &c->cap_deliveries, sizeof(*c->deliveries));
    c->deliveries[c->n_deliveries++] = (struct delivery){
        .mono_us = mono_us, .cluster = cluster, .entry = entry};
}

/* S ... TYPE FROM TO SINCE STALL_MS BOUND */
static int
take_said(struct loading *at, const struct line *l, struct err *err)
{
    struct said s = {.mono_us = l->mono_us};
    int rc = line_expect(l, 6, err);
    if (rc == 0)
        rc = line_int(l, 4, -1, INT64_MAX, &s.stall_ms, err);
    if (rc == 0)
        rc = line_int(l, 5, -1, INT64_MAX, &s.bound, err);
    if (rc)
        return rc;
    s.begins = strcmp(l->field[0], "SWITCH") == 0;
    if (!s.begins && strcmp(l->field[0], "SWITCHED") != 0)
        return 0;
    struct client *c = client_of(at);
    c->said = xreallocarray(c->said, c->n_said + 1, sizeof(*c->said));
    c->said[c->n_said++] = s;
    return 0;
}

/* CLUSTER (unless known) TOPIC PARTITION OFFSET, from field i on. */
static int
take_place(struct loading *at, const struct line *l, size_t i,
           struct place *out, struct err *err)
{
    int64_t partition = 0;
    int rc = intern(l, &at->book->topics, l->field[i], &out->topic, err);
    if (rc == 0)
        rc = line_int(l, i + 1, 0, PARTITION_MAX, &partition, err);
    if (rc == 0)
        rc = line_int(l, i + 2, 0, INT64_MAX, &out->offset, err);
    out->partition = (int32_t)partition;
    return rc;
}

/* B ... WHAT and n - 1 fields more */
static int
expect_begin(const struct line *l, const char *what, size_t n, struct err *err)
{
    if (l->n_fields && strcmp(l->field[0], what) != 0)
        return line_bad(l, err, "the log of a %.20s, not of a %s", l->field[0],
                        what);
    return line_expect(l, n, err);
}

/* ---- writers ---- */

/* B ... writer NAME TOPIC KEYS */
static int
begin_writer(struct loading *at, const struct line *l, struct err *err)
{
    int64_t keys = 0;
    int rc = expect_begin(l, "writer", 4, err);
    if (rc == 0)
        rc = line_int(l, 3, 1, KEYS_MAX, &keys, err);
    if (rc)
        return rc;
    struct client *c = client_of(at);
    if (at->begun && (strcmp(c->name, l->field[1]) != 0 || c->keys != keys))
        return line_bad(l, err, "another writer or another number of keys");
    for (size_t i = 0; !at->begun && i < at->book->n_clients - 1; i++)
        if (strcmp(at->book->clients[i].name, l->field[1]) == 0)
            return line_bad(l, err, "a second log of writer %s", c->name);
    free(c->name);
    c->name = xstrdup(l->field[1]);
    c->keys = keys;
    c->ended = false;
    at->begun = true;
    return 0;
}

/* W ... KEY KEYSEQ SEQ */
static int
take_written(struct loading *at, const struct line *l, struct err *err)
{
    struct book *b = at->book;
    struct client *c = client_of(at);
    int64_t key, key_seq, seq;
    int rc = line_expect(l, 3, err);
    if (rc == 0)
        rc = line_int(l, 0, 0, c->keys - 1, &key, err);
    if (rc == 0)
        rc = line_int(l, 1, 0, RECORDS_MAX - 1, &key_seq, err);
    if (rc == 0)
        rc = line_int(l, 2, 0, RECORDS_MAX - 1, &seq, err);
    if (rc)
        return rc;
    if ((size_t)seq != c->n_entries)
        return line_bad(l, err, "record %lld where %zu was expected",
                        (long long)seq, c->n_entries);
    b->entries = book_grow(b->entries, b->n_entries, &b->cap_entries,
                           sizeof(*b->entries));
    b->entries[b->n_entries++] = (struct entry){.key = (int32_t)key,
                                                .key_seq = (int32_t)key_seq,
                                                .written_us = l->mono_us};
    c->n_entries++;
    return 0;
}

/* The entry that fields i.. (KEY KEYSEQ SEQ) name; it must have been written
 * with that key. */
static int
find_entry(const struct book *b, const struct client *c, const struct line *l,
           size_t i, int64_t *out, struct err *err)
{
    int64_t key, key_seq, seq;
    int rc = line_int(l, i, 0, KEYS_MAX, &key, err);
    if (rc == 0)
        rc = line_int(l, i + 1, 0, RECORDS_MAX, &key_seq, err);
    if (rc == 0)
        rc = line_int(l, i + 2, 0, RECORDS_MAX, &seq, err);
    if (rc)
        return rc;
    *out = NO_NAME;
    if (!c || (size_t)seq >= c->n_entries)
        return 0;
    const int64_t found = (int64_t)c->first_entry + seq;
    const struct entry *e = &b->entries[found];
    if (e->key == key && e->key_seq == key_seq)
        *out = found;
    return 0;
}

static int
find_own(struct loading *at, const struct line *l, struct entry **out,
         int64_t *index, struct err *err)
{
    const int rc = find_entry(at->book, client_of(at), l, 0, index, err);
    if (rc)
        return rc;
    if (*index == NO_NAME)
        return line_bad(l, err, "a report for a record never written");
    *out = &at->book->entries[*index];
    return 0;
}

/* A ... KEY KEYSEQ SEQ CLUSTER TOPIC PARTITION OFFSET */
static int
take_acked(struct loading *at, const struct line *l, struct err *err)
{
    struct entry *e = NULL;
    struct place place = {0};
    int64_t index = 0;
    int rc = line_expect(l, 7, err);
    if (rc == 0)
        rc = find_own(at, l, &e, &index, err);
    if (rc == 0)
        rc = intern(l, &at->book->clusters, l->field[3], &place.cluster, err);
    if (rc == 0)
        rc = take_place(at, l, 4, &place, err);
    if (rc)
        return rc;
    if (e->acks++ == 0) {
        e->ack = place;
        e->acked_us = l->mono_us;
    }
    add_delivery(client_of(at), l->mono_us, place.cluster, index);
    return 0;
}

/* F ... KEY KEYSEQ SEQ ERROR */
static int
take_failed(struct loading *at, const struct line *l, struct err *err)
{
    struct entry *e = NULL;
    int64_t index = 0;
    int rc = line_expect(l, 4, err);
    if (rc == 0)
        rc = find_own(at, l, &e, &index, err);
    if (rc == 0)
        e->errors++;
    return rc;
}

static int
writer_line(const struct line *l, void *arg, struct err *err)
{
    struct loading *at = arg;
    if (!at->begun && l->kind != 'B')
        return line_bad(l, err, "%c stands before B", l->kind);
    client_of(at)->end_us = l->mono_us;
    switch (l->kind) {
    case 'B':
        return begin_writer(at, l, err);
    case 'W':
        return take_written(at, l, err);
    case 'A':
        return take_acked(at, l, err);
    case 'F':
        return take_failed(at, l, err);
    case 'S':
        return take_said(at, l, err);
    case 'E':
        client_of(at)->ended = true;
        return 0;
    default:
        return line_bad(l, err, "%c is no line of a writer", l->kind);
    }
}

/* ---- readers ---- */

/* B ... reader NAME GROUP TOPIC */
static int
begin_reader(struct loading *at, const struct line *l, struct err *err)
{
    const int rc = expect_begin(l, "reader", 4, err);
    if (rc)
        return rc;
    struct client *c = client_of(at);
    free(c->name);
    free(c->group);
    c->name = xstrdup(l->field[1]);
    c->group = xstrdup(l->field[2]);
    c->ended = false;
    at->begun = true;
    return 0;
}

static const struct client *
find_writer(const struct book *b, const char *name)
{
    for (size_t i = 0; i < b->n_writers; i++)
        if (strcmp(b->clients[i].name, name) == 0)
            return &b->clients[i];
    return NULL;
}

/* R ... CLUSTER TOPIC PARTITION OFFSET WRITER KEY KEYSEQ SEQ */
static int
take_read(struct loading *at, const struct line *l, struct err *err)
{
    struct book *b = at->book;
    struct sighting s = {.mono_us = l->mono_us, .client = (int32_t)at->client};
    int rc = line_expect(l, 8, err);
    if (rc == 0)
        rc = intern(l, &b->clusters, l->field[0], &s.at.cluster, err);
    if (rc == 0)
        rc = take_place(at, l, 1, &s.at, err);
    if (rc == 0)
        rc = find_entry(b, find_writer(b, l->field[4]), l, 5, &s.entry, err);
    if (rc)
        return rc;
    if (s.entry == NO_NAME) {
        client_of(at)->foreign++;
        return 0;
    }
    b->reads =
        book_grow(b->reads, b->n_reads, &b->cap_reads, sizeof(*b->reads));
    b->reads[b->n_reads++] = s;
    add_delivery(client_of(at), l->mono_us, s.at.cluster, s.entry);
    return 0;
}

static int
reader_line(const struct line *l, void *arg, struct err *err)
{
    struct loading *at = arg;
    if (!at->begun && l->kind != 'B')
        return line_bad(l, err, "%c stands before B", l->kind);
    client_of(at)->end_us = l->mono_us;
    switch (l->kind) {
    case 'B':
        return begin_reader(at, l, err);
    case 'R':
        return take_read(at, l, err);
    case 'S':
        return take_said(at, l, err);
    case 'U':
        client_of(at)->foreign++;
        return 0;
    case 'E':
        client_of(at)->ended = true;
        return 0;
    default:
        return line_bad(l, err, "%c is no line of a reader", l->kind);
    }
}

/* ---- dumps ---- */

/* B ... dump CLUSTER */
static int
begin_dump(struct loading *at, const struct line *l, struct err *err)
{
    const int rc = expect_begin(l, "dump", 2, err);
    if (rc)
        return rc;
    at->begun = true;
    return intern(l, &at->book->clusters, l->field[1], &at->cluster, err);
}

/* P ... TOPIC PARTITION LOW HIGH */
static int
take_range(struct loading *at, const struct line *l, struct err *err)
{
    struct book *b = at->book;
    struct range r = {.at.cluster = at->cluster};
    int rc = line_expect(l, 4, err);
    if (rc == 0)
        rc = take_place(at, l, 0, &r.at, err);
    if (rc == 0)
        rc = line_int(l, 3, r.at.offset, INT64_MAX, &r.high, err);
    if (rc)
        return rc;
    b->ranges = xreallocarray(b->ranges, b->n_ranges + 1, sizeof(*b->ranges));
    b->ranges[b->n_ranges++] = r;
    return 0;
}

/* D ... TOPIC PARTITION OFFSET WRITER KEY KEYSEQ SEQ */
static int
take_dumped(struct loading *at, const struct line *l, struct err *err)
{
    struct book *b = at->book;
    struct sighting s = {.at.cluster = at->cluster};
    int rc = line_expect(l, 7, err);
    if (rc == 0)
        rc = take_place(at, l, 0, &s.at, err);
    if (rc == 0)
        rc = find_entry(b, find_writer(b, l->field[3]), l, 4, &s.entry, err);
    if (rc)
        return rc;
    if (s.entry == NO_NAME) {
        b->dump_foreign++;
        return 0;
    }
    b->dumped =
        book_grow(b->dumped, b->n_dumped, &b->cap_dumped, sizeof(*b->dumped));
    b->dumped[b->n_dumped++] = s;
    return 0;
}

static int
dump_line(const struct line *l, void *arg, struct err *err)
{
    struct loading *at = arg;
    if (!at->begun && l->kind != 'B')
        return line_bad(l, err, "%c stands before B", l->kind);
    switch (l->kind) {
    case 'B':
        return begin_dump(at, l, err);
    case 'P':
        return take_range(at, l, err);
    case 'D':
        return take_dumped(at, l, err);
    case 'U':
        at->book->dump_foreign++;
        return 0;
    case 'E':
        client_of(at)->ended = true;
        return 0;
    default:
        return line_bad(l, err, "%c is no line of a dump", l->kind);
    }
}

/* ---- files ---- */

static int
load(struct book *b, const char *path, const char *what,
     int (*fn)(const struct line *, void *, struct err *), struct loading *at,
     struct err *err)
{
    int torn = 0;
    add_client(b, "", NULL);
    *at = (struct loading){.book = b, .client = b->n_clients - 1};
    const int rc = logfile_read(path, fn, at, &torn, err);
    b->torn += torn;
    if (rc == 0 && !at->begun)
        return err_set(err, ERR_PARSE, "%s: not the log of a %s: no B line",
                       path, what);
    return rc;
}

int
book_load_writer(struct book *b, const char *path, struct err *err)
{
    struct loading at;
    const int rc = load(b, path, "writer", writer_line, &at, err);
    b->n_writers = b->n_clients;
    return rc;
}

int
book_load_reader(struct book *b, const char *path, struct err *err)
{
    struct loading at;
    return load(b, path, "reader", reader_line, &at, err);
}

int
book_load_dump(struct book *b, const char *path, struct err *err)
{
    struct loading at;
    int rc = load(b, path, "dump", dump_line, &at, err);
    struct client *c = &b->clients[b->n_clients - 1];
    if (rc == 0 && !c->ended)
        rc = err_set(err, ERR_PARSE,
                     "%s: a dump without its end: it would hide losses", path);
    /* A dump is no client. */
    b->n_clients--;
    free(c->name);
    free(c->group);
    return rc;
}
