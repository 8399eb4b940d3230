/*
 * See layout.h.  Readers check every length and version: what they read may
 * have been damaged.  What a reader takes, the writer writes again as it was.
 */
#include "offset-mapper/layout.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/cursor.h"
#include "offset-mapper/block.h"

#define MAGIC         "shunt-offset"
#define VALUE_VERSION 1

/* ---- keys ------------------------------------------------------------- */

static void
put_text(struct writer *w, const char *s)
{
    write_str(w, s, strlen(s));
}

static struct writer
key_start(struct key *k, char kind)
{
    struct writer w = writer_of(k->bytes, sizeof(k->bytes));
    write_u8(&w, (uint8_t)kind);
    return w;
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
    struct writer w = key_start(k, 'p');
    put_text(&w, flow);
    put_text(&w, source);
    return key_done(k, &w);
}

int
key_name(struct key *k, const struct store_part *part)
{
    struct writer w = key_start(k, 'n');
    put_text(&w, part->flow);
    put_text(&w, part->topic);
    write_i32(&w, part->partition);
    return key_done(k, &w);
}

int
key_flow(struct key *k, char kind, const char *flow)
{
    struct writer w = key_start(k, kind);
    put_text(&w, flow);
    return key_done(k, &w);
}

void
key_kind(struct key *k, char kind)
{
    k->len = key_start(k, kind).len;
}

void
key_pid(struct key *k, char kind, uint32_t pid)
{
    struct writer w = key_start(k, kind);
    write_u32(&w, pid);
    k->len = w.len;
}

void
key_life(struct key *k, char kind, struct life life)
{
    struct writer w = key_start(k, kind);
    write_u32(&w, life.pid);
    write_u32(&w, life.incarnation);
    k->len = w.len;
}

void
key_block(struct key *k, char kind, struct life life, int64_t offset)
{
    struct writer w = key_start(k, kind);
    write_u32(&w, life.pid);
    write_u32(&w, life.incarnation);
    write_i64(&w, offset);
    k->len = w.len;
}

static struct reader
key_read(const void *key, size_t len)
{
    struct reader r = reader_of(key, len);
    (void)read_u8(&r); /* its kind: how the caller came here */
    return r;
}

static bool
read_whole(const struct reader *r)
{
    return !r->failed && r->left == 0;
}

static bool
plain_text(const char *s, size_t len)
{
    return s && !memchr(s, '\0', len);
}

bool
key_progress_read(const void *key, size_t len)
{
    struct reader r = key_read(key, len);
    size_t n_flow, n_source;
    const char *flow = read_str(&r, &n_flow);
    const char *source = read_str(&r, &n_source);
    return read_whole(&r) && plain_text(flow, n_flow) &&
           plain_text(source, n_source);
}

bool
key_name_read(const void *key, size_t len, char **flow, char **topic,
              int32_t *partition)
{
    struct reader r = key_read(key, len);
    *flow = read_str_dup(&r);
    *topic = read_str_dup(&r);
    *partition = read_i32(&r);
    if (read_whole(&r))
        return true;
    free(*flow);
    free(*topic);
    *flow = *topic = NULL;
    return false;
}

bool
key_pid_read(const void *key, size_t len, uint32_t *pid)
{
    struct reader r = key_read(key, len);
    *pid = read_u32(&r);
    return read_whole(&r);
}

bool
key_life_read(const void *key, size_t len, struct life *life)
{
    struct reader r = key_read(key, len);
    life->pid = read_u32(&r);
    life->incarnation = read_u32(&r);
    return read_whole(&r);
}

bool
key_block_read(const void *key, size_t len, struct life *life, int64_t *offset)
{
    struct reader r = key_read(key, len);
    life->pid = read_u32(&r);
    life->incarnation = read_u32(&r);
    *offset = read_i64(&r);
    return read_whole(&r) && *offset >= 0;
}

/* ---- values ----------------------------------------------------------- */

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
    if (!read_whole(&r) || n != strlen(MAGIC) || memcmp(magic, MAGIC, n) != 0)
        return -1;
    return format;
}

/* The fields of a struct, in the order in which they are stored. */
#define PROGRESS_FIELDS 12
#define STATE_FIELDS    11

static void
progress_fields(struct store_progress *p, int64_t *f[PROGRESS_FIELDS])
{
    int64_t *const all[PROGRESS_FIELDS] = {
        &p->position, &p->syncs,   &p->undecodable, &p->restarts,
        &p->backs,    &p->resets,  &p->gaps,        &p->tombstones,
        &p->stale,    &p->last_ms, &p->stale_ms,    &p->complete};
    memcpy(f, all, sizeof(all));
}

static void
state_fields(struct part_state *p, int64_t *f[STATE_FIELDS])
{
    struct runs_state *s = &p->runs;
    int64_t *const all[STATE_FIELDS] = {
        &p->count,       &p->begun_ms,      &p->newest_ms,  &s->newest.up,
        &s->newest.down, &s->newest.length, &s->doubt_from, &s->doubt_low,
        &s->doubt_until, &s->doubt_end,     &p->gaps};
    memcpy(f, all, sizeof(all));
}

struct value
value_progress(const struct store_progress *p)
{
    struct store_progress copy = *p;
    int64_t *f[PROGRESS_FIELDS];
    progress_fields(&copy, f);
    struct value v;
    struct writer w = value_start(&v);
    for (size_t i = 0; i < PROGRESS_FIELDS; i++)
        write_i64(&w, *f[i]);
    v.len = w.len;
    return v;
}

bool
value_progress_read(const void *data, size_t len, struct store_progress *out)
{
    int64_t *f[PROGRESS_FIELDS];
    progress_fields(out, f);
    struct reader r = value_read(data, len);
    for (size_t i = 0; i < PROGRESS_FIELDS; i++)
        *f[i] = read_i64(&r);
    return read_whole(&r);
}

struct value
value_pid(uint32_t pid)
{
    struct value v;
    struct writer w = value_start(&v);
    write_u32(&w, pid);
    v.len = w.len;
    return v;
}

bool
value_pid_read(const void *data, size_t len, uint32_t *pid)
{
    struct reader r = value_read(data, len);
    *pid = read_u32(&r);
    return read_whole(&r) && *pid < LAYOUT_PIDS_MAX;
}

static uint8_t
state_flags(const struct runs_state *s)
{
    return (uint8_t)(s->any | s->holes << 1 | s->extras << 2 | s->doubt << 3);
}

struct value
value_state(const struct part_state *p)
{
    struct part_state copy = *p;
    int64_t *f[STATE_FIELDS];
    state_fields(&copy, f);
    struct value v;
    struct writer w = value_start(&v);
    write_u8(&w, state_flags(&p->runs));
    write_u32(&w, p->incarnation);
    write_u8(&w, (uint8_t)p->why);
    for (size_t i = 0; i < STATE_FIELDS; i++)
        write_i64(&w, *f[i]);
    v.len = w.len;
    return v;
}

static bool
state_sound(const struct part_state *p)
{
    if (p->incarnation == 0 || p->why >= STORE_BEGUN_REASONS)
        return false;
    return p->runs.any ? p->count > 0 && block_can_hold(&p->runs.newest)
                       : p->count == 0;
}

bool
value_state_read(const void *data, size_t len, struct part_state *out)
{
    int64_t *f[STATE_FIELDS];
    state_fields(out, f);
    struct reader r = value_read(data, len);
    const uint8_t flags = read_u8(&r);
    out->runs.any = flags & 1;
    out->runs.holes = flags >> 1 & 1;
    out->runs.extras = flags >> 2 & 1;
    out->runs.doubt = flags >> 3 & 1;
    out->incarnation = read_u32(&r);
    out->why = (enum store_begun)read_u8(&r);
    for (size_t i = 0; i < STATE_FIELDS; i++)
        *f[i] = read_i64(&r);
    return read_whole(&r) && flags < 1 << 4 && state_sound(out);
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
    return read_whole(&r) && *up >= 0;
}

struct value
value_nothing(void)
{
    struct value v;
    v.len = value_start(&v).len;
    return v;
}

bool
value_nothing_read(const void *data, size_t len)
{
    const struct reader r = value_read(data, len);
    return read_whole(&r);
}
