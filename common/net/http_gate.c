/*
 * The gate: a count of all connections, and one for each address.
 *
 * Thread: any.  The total is atomic, so that it can be read without waiting;
 * the table of addresses is behind a mutex, taken when a connection begins and
 * ends, never for a request.  Invariant: an address stands in the table while
 * it has a connection; without a cap per address there is no table.
 */
#include "common/net/http_gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/net/http_impl.h"

/* An IPv4 address as itself, an IPv6 address as its first 64 bits: what one
 * household, or one attacker, has. */
struct key {
    unsigned char bytes[8];
};

struct caller {
    struct key from;
    size_t connections;
    UT_hash_handle hh;
};

struct http_gate {
    size_t max, per_address_max, bytes_max;
    atomic_size_t total, bytes;
    pthread_mutex_t lock;
    struct caller *callers; /* under lock */
};

int
http_gate_new(const struct http_limits *limits, struct http_gate **out,
              struct err *err)
{
    struct http_gate *gate = calloc(1, sizeof(*gate));
    if (!gate)
        return err_nomem(err);
    gate->max = limits->connections_max;
    gate->per_address_max = limits->connections_per_address_max;
    gate->bytes_max =
        HTTP_KEPT_BODIES * (limits->body_max_bytes + limits->header_max_bytes);
    if (gate->bytes_max < HTTP_KEPT_MIN_BYTES)
        gate->bytes_max = HTTP_KEPT_MIN_BYTES;
    (void)pthread_mutex_init(&gate->lock, NULL);
    *out = gate;
    return 0;
}

size_t
http_gate_connections(const struct http_gate *gate)
{
    return atomic_load(&gate->total);
}

void
http_gate_free(struct http_gate *gate)
{
    if (!gate)
        return;
    struct caller *c, *next;
    HASH_ITER(hh, gate->callers, c, next)
    {
        HASH_DEL(gate->callers, c);
        free(c);
    }
    (void)pthread_mutex_destroy(&gate->lock);
    free(gate);
}

static struct key
key_of(const struct in6_addr *from)
{
    struct key key;
    const bool v4 = IN6_IS_ADDR_V4MAPPED(from);
    memcpy(key.bytes, from->s6_addr + (v4 ? 8 : 0), sizeof(key.bytes));
    return key;
}

/* Out of memory counts as full: the connection could not be served either. */
static bool
count_in(struct http_gate *gate, const struct key *from)
{
    struct caller *c;
    HASH_FIND(hh, gate->callers, from, sizeof(*from), c);
    if (!c) {
        c = calloc(1, sizeof(*c));
        if (!c)
            return false;
        c->from = *from;
        HASH_ADD(hh, gate->callers, from, sizeof(c->from), c);
    }
    if (c->connections >= gate->per_address_max)
        return false;
    c->connections++;
    return true;
}

static void
count_out(struct http_gate *gate, const struct key *from)
{
    struct caller *c;
    HASH_FIND(hh, gate->callers, from, sizeof(*from), c);
    if (c && --c->connections == 0) {
        HASH_DEL(gate->callers, c);
        free(c);
    }
}

enum http_gate_verdict
http_gate_enter(struct http_gate *gate, const struct in6_addr *from)
{
    if (atomic_fetch_add(&gate->total, 1) >= gate->max) {
        (void)atomic_fetch_sub(&gate->total, 1);
        return GATE_FULL;
    }
    if (gate->per_address_max == 0)
        return GATE_OPEN;
    const struct key key = key_of(from);
    pthread_mutex_lock(&gate->lock);
    const bool in = count_in(gate, &key);
    pthread_mutex_unlock(&gate->lock);
    if (in)
        return GATE_OPEN;
    (void)atomic_fetch_sub(&gate->total, 1);
    return GATE_ADDRESS_FULL;
}

void
http_gate_leave(struct http_gate *gate, const struct in6_addr *from)
{
    if (gate->per_address_max > 0) {
        const struct key key = key_of(from);
        pthread_mutex_lock(&gate->lock);
        count_out(gate, &key);
        pthread_mutex_unlock(&gate->lock);
    }
    (void)atomic_fetch_sub(&gate->total, 1);
}

bool
http_gate_take_bytes(struct http_gate *gate, size_t n)
{
    if (atomic_fetch_add(&gate->bytes, n) + n <= gate->bytes_max)
        return true;
    http_gate_give_bytes(gate, n);
    return false;
}

void
http_gate_give_bytes(struct http_gate *gate, size_t n)
{
    (void)atomic_fetch_sub(&gate->bytes, n);
}
