/*
 * Owns the entries of one loop.
 *
 * Those that are away stand in a list, the one that went first in front; what
 * they hold has a cap, because anybody may come and go under ever new names.
 */
#include "route-service/clients.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "route-service/limits.h"

struct clients {
    struct audiences *audiences;
    int64_t expiry_ms;
    struct client *by_instance; /* in the order of arrival */
    struct client *away;        /* by beat_next */
    size_t n_away;
    size_t away_bytes;
};

struct clients *
clients_new(struct audiences *audiences, int64_t expiry_ms)
{
    struct clients *all = xcalloc(1, sizeof(*all));
    all->audiences = audiences;
    all->expiry_ms = expiry_ms;
    return all;
}

void
clients_free(struct clients *all)
{
    if (!all)
        return;
    while (all->by_instance)
        client_remove(all->by_instance);
    free(all);
}

/* ---- words --------------------------------------------------------------- */

static char *
join(const char *const *words, size_t n, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < n; i++)
        *len += strlen(words[i]) + 1;
    char *joined = xmalloc(*len);
    char *to = joined;
    for (size_t i = 0; i < n; i++)
        to = stpcpy(to, words[i]) + 1;
    return joined;
}

static char *
word(const struct client *c, size_t i)
{
    char *at = c->words;
    while (i-- > 0)
        at += strlen(at) + 1;
    return at;
}

struct pt_client
client_who(const struct client *c)
{
    return (struct pt_client){.instance = word(c, 0),
                              .name = word(c, 1),
                              .version = word(c, 2),
                              .host = word(c, 3),
                              .pid = c->pid};
}

const char *
client_address(const struct client *c)
{
    return word(c, 4);
}

/* ---- coming and going ---------------------------------------------------- */

static size_t
report_bytes(const struct pt_report *r)
{
    size_t sum = sizeof(*r) + (r->detail ? strlen(r->detail) : 0) +
                 r->n_positions * sizeof(*r->positions);
    for (size_t i = 0; i < r->n_positions; i++)
        sum += strlen(r->positions[i].topic) + 1;
    sum += r->n_phases * sizeof(*r->phases);
    for (size_t i = 0; i < r->n_phases; i++)
        sum += strlen(r->phases[i].name) + 1;
    return sum;
}

static size_t
bytes_of(const struct client *c)
{
    return sizeof(*c) + c->words_len + audience_bytes(c->audience) +
           (c->report ? report_bytes(c->report) : 0);
}

struct client *
clients_add(struct clients *all, const struct pt_client *who,
            const struct pt_identity *id, const char *address,
            struct http_stream *stream)
{
    const char *const words[] = {who->instance, who->name ? who->name : "",
                                 who->version ? who->version : "",
                                 who->host ? who->host : "", address};
    struct client *c = xcalloc(1, sizeof(*c));
    c->all = all;
    c->state = CLIENT_CONNECTED;
    c->stream = stream;
    c->words = join(words, sizeof(words) / sizeof(words[0]), &c->words_len);
    c->pid = who->pid;
    c->since_ms = clock_wall_ms();
    c->audience = audience_of(all->audiences, id);
    DL_APPEND(c->audience->clients, c);
    HASH_ADD_KEYPTR(hh, all->by_instance, c->words, strlen(c->words), c);
    return c;
}

static void
report_free(struct pt_report *r)
{
    if (!r)
        return;
    pt_report_fini(r);
    free(r);
}

static void
leave_away(struct client *c)
{
    struct clients *all = c->all;
    DL_DELETE2(all->away, c, beat_prev, beat_next);
    all->n_away--;
    all->away_bytes -= bytes_of(c);
}

void
client_remove(struct client *c)
{
    struct clients *all = c->all;
    if (c->state == CLIENT_AWAY)
        leave_away(c);
    DL_DELETE(c->audience->clients, c);
    HASH_DEL(all->by_instance, c);
    audience_release(all->audiences, c->audience);
    report_free(c->report);
    free(c->words);
    free(c);
}

void
client_away(struct client *c)
{
    struct clients *all = c->all;
    c->state = CLIENT_AWAY;
    c->stream = NULL;
    c->since_ms = clock_wall_ms();
    c->away_ms = clock_mono_ms();
    DL_APPEND2(all->away, c, beat_prev, beat_next);
    all->n_away++;
    all->away_bytes += bytes_of(c);
    while (all->away_bytes > LIMIT_AWAY_BYTES)
        client_remove(all->away);
}

void
clients_expire(struct clients *all)
{
    const int64_t now_ms = clock_mono_ms();
    while (all->away && now_ms - all->away->away_ms >= all->expiry_ms)
        client_remove(all->away);
}

struct client *
clients_find(const struct clients *all, const char *instance)
{
    struct client *c;
    HASH_FIND_STR(all->by_instance, instance, c);
    return c;
}

struct client *
clients_first(const struct clients *all)
{
    return all->by_instance;
}

size_t
clients_away(const struct clients *all)
{
    return all->n_away;
}

size_t
clients_connected(const struct clients *all)
{
    return HASH_COUNT(all->by_instance) - all->n_away;
}

/* ---- reports ------------------------------------------------------------- */

void
client_report_take(struct client *c, struct pt_report *r)
{
    if (!c->report)
        c->report = xcalloc(1, sizeof(*c->report));
    pt_report_fini(c->report);
    *c->report = *r;
    *r = (struct pt_report){0};
    c->report_ms = clock_mono_ms();
}

const char *
client_reported_state(const struct client *c)
{
    return c->report ? c->report->state : "unknown";
}

bool
client_behind(const struct client *c)
{
    const int64_t in_use = c->report ? c->report->revision : c->told;
    return in_use < c->audience->since;
}
