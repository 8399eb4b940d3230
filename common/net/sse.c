/*
 * text/event-stream, as the WHATWG standard reads it: lines end with CR, LF or
 * CR LF wherever the bytes were cut; a blank line ends an event; an event
 * without data is no event; an id holds until the next one.
 *
 * Unlike the standard, an event that the stream's end cuts short is dropped
 * without a word, as is a NUL byte in a line from there on.
 */
#include "common/net/sse.h"

#include <stdbool.h>
#include <string.h>

#define NAME_MAX_BYTES 1024 /* of an event's name and id */

void
sse_init(struct sse *s, size_t max_bytes,
         void (*on_event)(const struct sse_event *e, void *arg), void *arg)
{
    *s = (struct sse){.on_event = on_event, .arg = arg};
    buf_init(&s->line, max_bytes);
    buf_init(&s->event, NAME_MAX_BYTES);
    buf_init(&s->id, NAME_MAX_BYTES);
    buf_init(&s->data, max_bytes);
}

void
sse_fini(struct sse *s)
{
    buf_fini(&s->line);
    buf_fini(&s->event);
    buf_fini(&s->id);
    buf_fini(&s->data);
}

static const char *
text_of(const struct buf *b, const char *empty)
{
    return b->len ? b->data : empty;
}

static void
dispatch(struct sse *s)
{
    if (s->data.len) {
        s->data.data[--s->data.len] = '\0'; /* the last line's \n */
        const struct sse_event e = {.event = text_of(&s->event, "message"),
                                    .id = text_of(&s->id, ""),
                                    .data = text_of(&s->data, "")};
        s->on_event(&e, s->arg);
    }
    buf_reset(&s->event);
    buf_reset(&s->data);
}

static void
set(struct buf *b, const char *value)
{
    buf_reset(b);
    buf_puts(b, value);
}

static void
take_field(struct sse *s, const char *name, const char *value)
{
    if (strcmp(name, "data") == 0) {
        buf_puts(&s->data, value);
        buf_append(&s->data, "\n", 1);
    } else if (strcmp(name, "event") == 0) {
        set(&s->event, value);
    } else if (strcmp(name, "id") == 0) {
        set(&s->id, value);
    }
}

static void
take_line(struct sse *s)
{
    if (s->line.len == 0) {
        dispatch(s);
        return;
    }
    char *name = s->line.data;
    char *colon = strchr(name, ':');
    char *value = colon ? colon + 1 : name + strlen(name);
    if (colon)
        *colon = '\0';
    if (colon && *value == ' ')
        value++;
    if (*name)
        take_field(s, name, value);
}

static bool
failed(const struct sse *s)
{
    return buf_failed(&s->line) || buf_failed(&s->event) ||
           buf_failed(&s->id) || buf_failed(&s->data);
}

static void
end_line(struct sse *s)
{
    static const char bom[] = "\xef\xbb\xbf";
    if (!s->past_first && s->line.len >= 3 && memcmp(s->line.data, bom, 3) == 0)
        buf_consume(&s->line, 3);
    s->past_first = true;
    take_line(s);
    buf_reset(&s->line);
}

int
sse_feed(struct sse *s, const char *bytes, size_t len)
{
    while (len > 0 && !failed(s)) {
        if (s->after_cr && *bytes == '\n') {
            bytes++;
            len--;
        }
        s->after_cr = false;
        size_t n = 0;
        while (n < len && bytes[n] != '\r' && bytes[n] != '\n')
            n++;
        buf_append(&s->line, bytes, n);
        if (n == len)
            break;
        s->after_cr = bytes[n] == '\r';
        bytes += n + 1;
        len -= n + 1;
        if (!failed(s))
            end_line(s);
    }
    return failed(s) ? ERR_LIMIT : 0;
}
