/*
 * The register of clients on one loop: who they are, what they were told, what
 * they reported.  Loop thread.
 *
 * A client enters with its stream and outlives it for a while, so that an
 * administrator sees who is missing; then it leaves.
 */
#ifndef SHUNT_ROUTE_CLIENTS_H
#define SHUNT_ROUTE_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "common/base/err.h"
#include "common/proto/route.h"
#include "route-service/audience.h"

struct clients;
struct http_stream;
struct watches;

enum client_state {
    CLIENT_CONNECTED, /* until its stream ends */
    CLIENT_AWAY,      /* until it expires or comes back */
};

struct client {
    struct clients *all;
    struct watches *watches; /* watch.c */
    enum client_state state;
    int32_t beat;               /* heartbeat slot while connected */
    struct http_stream *stream; /* NULL when away */
    struct audience *audience;
    struct client *prev, *next;           /* in the audience */
    struct client *beat_prev, *beat_next; /* in the slot, or among the away */
    char *words; /* instance, name, version, host, address, NUL between */
    size_t words_len;
    int64_t pid;
    int64_t told;             /* revision of the last event */
    int64_t since_ms;         /* wall clock: in this state */
    int64_t away_ms;          /* monotonic: when it went */
    uint64_t stamp;           /* the later one is the newer stream */
    struct pt_report *report; /* NULL: none yet */
    int64_t report_ms;        /* monotonic */
    UT_hash_handle hh;        /* by instance */
};

/* `audiences` is borrowed for the life of the result. */
struct clients *clients_new(struct audiences *audiences, int64_t expiry_ms);
void clients_free(struct clients *all); /* no stream is left; NULL allowed */

/* A connected client.  The instance must not be known. */
struct client *clients_add(struct clients *all, const struct pt_client *who,
                           const struct pt_identity *id, const char *address,
                           struct http_stream *stream);
/* Its stream is gone (closed or closing). */
void client_away(struct client *c);
void client_remove(struct client *c);
/* Removes those that have been away for long. */
void clients_expire(struct clients *all);

struct client *clients_find(const struct clients *all, const char *instance);
/* In the order of arrival: all that are there. */
struct client *clients_first(const struct clients *all);
static inline struct client *
client_next(const struct client *c)
{
    return c->hh.next;
}
size_t clients_connected(const struct clients *all);
size_t clients_away(const struct clients *all);

/* Takes the content of `r`; of a connected client. */
void client_report_take(struct client *c, struct pt_report *r);

/* Borrowed from the entry. */
static inline const char *
client_instance(const struct client *c)
{
    return c->words;
}
struct pt_client client_who(const struct client *c);
const char *client_address(const struct client *c);
/* "running", ..; "unknown" without a report. */
const char *client_reported_state(const struct client *c);
/* Uses an older answer than the one it should. */
bool client_behind(const struct client *c);

#endif
