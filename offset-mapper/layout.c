/*
 * See layout.h.  Readers check every length and version: what they read may
 * have been damaged.
 */
#include "offset-mapper/layout.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/cursor.h"

#define MAGIC         "shunt-offset"
#define VALUE_VERSION 1
#define OFFSET_LEN    sizeof(int64_t)

static void
put_text(struct writer *w, const char *s)
{
    write_str(w, s, strlen(s));
}

static int
key_done(struct key *k, const struct writer *w)
{
    k->len = w->len;
    return w->failed ? ERR_INVALID : 0;
}

int
key_progress(struct key *k, const char *flow, const char *source)
{
    struct writer w = writer_of(k->bytes, sizeof(k->bytes));
    write_u8(&w, 'p');
    put_text(&w, flow);
    put_text(&w, source);
    return key_done(k, &w);
}

int
key_part(struct key *k, char kind, const struct store_part *part)
{
    struct writer w = writer_of(k->bytes, sizeof(k->bytes) - OFFSET_LEN);
    write_u8(&w, (uint8_t)kind);
    put_text(&w, part->flow);
    put_text(&w, part->topic);
    write_i32(&w, part->partition);
    return key_done(k, &w);
}

int
key_flow(struct key *k, char kind, const char *flow)
{
    struct writer w = writer_of(k->bytes, sizeof(k->bytes));
    write_u8(&w, (uint8_t)kind);
    put_text(&w, flow);
    return key_done(k, &w);
}

bool
key_part_read(const void *key, size_t len, char **topic, int32_t *partition)
{
    struct reader r = reader_of(key, len);
    size_t n;
    (void)read_u8(&r);
    (void)read_str(&r, &n);
    *topic = read_str_dup(&r);
    *partition = read_i32(&r);
    if (!r.failed && r.left == 0)
        return true;
    free(*topic);
    *topic = NULL;
    return false;
}

struct key
key_at(const struct key *prefix, int64_t offset)
{
    struct key k = *prefix;
    struct writer w = writer_of(k.bytes + k.len, sizeof(k.bytes) - k.len);
    write_i64(&w, offset);
    k.len += w.len;
    return k;
}

static struct writer
value_start(struct value *v)
{
    struct writer w = writer_of(v->bytes, sizeof(v->bytes));
    write_u8(&w, VALUE_VERSION);
    return w;
}

static struct reader
value_read(const void *data, size_t len)
{
    struct reader r = reader_of(data, len);
    if (read_u8(&r) != VALUE_VERSION)
        r.failed = true;
    return r;
}

/* The fields of a struct, in the order in which they are stored. */
static void
progress_fields(struct store_progress *p, int64_t *f[7])
{
    int64_t *const all[7] = {&p->position, &p->syncs, &p->undecodable, &p->runs,
                             &p->restarts, &p->backs, &p->resets};
    memcpy(f, all, sizeof(all));
}

static void
state_fields(struct part_state *p, int64_t *f[9])
{
    struct runs_state *s = &p->runs;
    int64_t *const all[9] = {&p->begun_ms,    &p->newest_ms,     &s->newest.up,
                             &s->newest.down, &s->newest.length, &s->doubt_from,
                             &s->doubt_low,   &s->doubt_until,   &s->doubt_end};
    memcpy(f, all, sizeof(all));
}

struct value
value_progress(const struct store_progress *p)
{
    struct store_progress copy = *p;
    int64_t *f[7];
    progress_fields(&copy, f);
    struct value v;
    struct writer w = value_start(&v);
    for (size_t i = 0; i < 7; i++)
        write_i64(&w, *f[i]);
    v.len = w.len;
    return v;
}

bool
value_progress_read(const void *data, size_t len, struct store_progress *out)
{
    int64_t *f[7];
    progress_fields(out, f);
    struct reader r = value_read(data, len);
    for (size_t i = 0; i < 7; i++)
        *f[i] = read_i64(&r);
    return !r.failed;
}

struct value
value_state(const struct part_state *p)
{
    struct part_state copy = *p;
    const struct runs_state *s = &p->runs;
    int64_t *f[9];
    state_fields(&copy, f);
    struct value v;
    struct writer w = value_start(&v);
    write_u8(&w, (uint8_t)(s->any | s->holes << 1 | s->extras << 2 |
                           s->doubt << 3 | s->doubt_by_end << 4));
    write_u32(&w, p->incarnation);
    write_u8(&w, (uint8_t)p->why);
    for (size_t i = 0; i < 9; i++)
        write_i64(&w, *f[i]);
    v.len = w.len;
    return v;
}

bool
value_state_read(const void *data, size_t len, struct part_state *out)
{
    int64_t *f[9];
    state_fields(out, f);
    struct reader r = value_read(data, len);
    const uint8_t flags = read_u8(&r);
    out->runs.any = flags & 1;
    out->runs.holes = flags >> 1 & 1;
    out->runs.extras = flags >> 2 & 1;
    out->runs.doubt = flags >> 3 & 1;
    out->runs.doubt_by_end = flags >> 4 & 1;
    out->incarnation = read_u32(&r);
    const uint8_t why = read_u8(&r);
    out->why = (enum store_begun)why;
    for (size_t i = 0; i < 9; i++)
        *f[i] = read_i64(&r);
    return !r.failed && out->incarnation > 0 && why < STORE_BEGUN_REASONS;
}

bool
key_is_at(const void *key, size_t len, const struct key *prefix)
{
    return len == prefix->len + OFFSET_LEN &&
           memcmp(key, prefix->bytes, prefix->len) == 0;
}

struct value
value_format(void)
{
    struct value v;
    struct writer w = writer_of(v.bytes, sizeof(v.bytes));
    put_text(&w, MAGIC);
    write_i32(&w, LAYOUT_FORMAT);
    v.len = w.len;
    return v;
}

int32_t
value_format_read(const void *data, size_t len)
{
    struct reader r = reader_of(data, len);
    size_t n;
    const char *magic = read_str(&r, &n);
    const int32_t format = read_i32(&r);
    if (r.failed || n != strlen(MAGIC) || memcmp(magic, MAGIC, n) != 0)
        return -1;
    return format;
}

struct value
value_run(const struct run *r)
{
    struct value v;
    struct writer w = value_start(&v);
    write_i64(&w, r->down);
    write_i64(&w, r->length);
    v.len = w.len;
    return v;
}

bool
value_run_read(const void *key, size_t key_len, const void *data, size_t len,
               struct run *out)
{
    if (key_len < OFFSET_LEN)
        return false;
    const uint8_t *offset = (const uint8_t *)key + key_len - OFFSET_LEN;
    struct reader k = reader_of(offset, OFFSET_LEN);
    out->up = read_i64(&k);
    struct reader r = value_read(data, len);
    out->down = read_i64(&r);
    out->length = read_i64(&r);
    return !r.failed && out->length > 0;
}

struct value
value_up(int64_t up)
{
    struct value v;
    struct writer w = value_start(&v);
    write_i64(&w, up);
    v.len = w.len;
    return v;
}

bool
value_up_read(const void *data, size_t len, int64_t *up)
{
    struct reader r = value_read(data, len);
    *up = read_i64(&r);
    return !r.failed;
}
