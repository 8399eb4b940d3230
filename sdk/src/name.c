/*
 * Owns two tables for the whole process, under one read-write lock.  Interned
 * strings are never freed: they are cluster and topic names, few and the same
 * for ever.  Why a table by address: a message leads to its topic object but
 * not to the handle that knows the view, and librdkafka creates a consumer's
 * topic objects itself, without a place for an opaque of ours.
 */
#include "sdk/src/name.h"
#include "sdk/src/hash.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct interned {
    UT_hash_handle hh;
    char s[];
};

struct note {
    const rd_kafka_topic_t *rkt;
    const void *owner;
    const rd_kafka_t *handle;
    const char *logical, *origin; /* interned */
    UT_hash_handle hh;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct interned *strings;
static struct note *notes;

static const char *
intern(const char *s)
{
    struct interned *i;
    HASH_FIND_STR(strings, s, i);
    if (i)
        return i->s;
    const size_t len = strlen(s);
    i = calloc(1, sizeof(*i) + len + 1);
    if (!i)
        return NULL;
    memcpy(i->s, s, len + 1);
    HASH_ADD_STR(strings, s, i);
    if (hash_has(i))
        return i->s;
    free(i);
    return NULL;
}

const char *
name_intern(const char *s)
{
    if (!s)
        return NULL;
    pthread_rwlock_wrlock(&lock);
    const char *one = intern(s);
    pthread_rwlock_unlock(&lock);
    return one;
}

static struct note *
find(const rd_kafka_topic_t *rkt)
{
    struct note *n;
    HASH_FIND_PTR(notes, &rkt, n);
    return n;
}

static bool
says(const struct note *n, const void *owner, const rd_kafka_t *handle,
     const char *logical, const char *origin)
{
    return n && n->owner == owner && n->handle == handle &&
           strcmp(n->logical, logical) == 0 && strcmp(n->origin, origin) == 0;
}

static int
write_note(const void *owner, const rd_kafka_topic_t *rkt,
           const rd_kafka_t *handle, const char *logical, const char *origin)
{
    const char *l = intern(logical);
    const char *o = intern(origin);
    struct note *n = find(rkt);
    if (!l || !o)
        return ERR_NOMEM;
    if (!n) {
        n = calloc(1, sizeof(*n));
        if (!n)
            return ERR_NOMEM;
        n->rkt = rkt;
        HASH_ADD_PTR(notes, rkt, n);
        if (!hash_has(n)) {
            free(n);
            return ERR_NOMEM;
        }
    }
    n->owner = owner;
    n->handle = handle;
    n->logical = l;
    n->origin = o;
    return 0;
}

int
name_note(const void *owner, const rd_kafka_topic_t *rkt,
          const rd_kafka_t *handle, const char *logical, const char *origin)
{
    pthread_rwlock_rdlock(&lock);
    const bool known = says(find(rkt), owner, handle, logical, origin);
    pthread_rwlock_unlock(&lock);
    if (known)
        return 0;
    pthread_rwlock_wrlock(&lock);
    const int rc = write_note(owner, rkt, handle, logical, origin);
    pthread_rwlock_unlock(&lock);
    return rc;
}

void
name_forget(const void *owner)
{
    struct note *n, *tmp;
    pthread_rwlock_wrlock(&lock);
    HASH_ITER(hh, notes, n, tmp)
    {
        if (n->owner != owner)
            continue;
        HASH_DEL(notes, n);
        free(n);
    }
    pthread_rwlock_unlock(&lock);
}

const char *
name_logical(const rd_kafka_topic_t *rkt)
{
    pthread_rwlock_rdlock(&lock);
    const struct note *n = find(rkt);
    const char *name = n ? n->logical : NULL;
    pthread_rwlock_unlock(&lock);
    return name ? name : rd_kafka_topic_name(rkt);
}

const char *
name_origin(const rd_kafka_topic_t *rkt)
{
    pthread_rwlock_rdlock(&lock);
    const struct note *n = find(rkt);
    const char *origin = n && *n->origin ? n->origin : NULL;
    pthread_rwlock_unlock(&lock);
    return origin;
}

const rd_kafka_t *
name_handle(const rd_kafka_topic_t *rkt)
{
    pthread_rwlock_rdlock(&lock);
    const struct note *n = find(rkt);
    const rd_kafka_t *handle = n ? n->handle : NULL;
    pthread_rwlock_unlock(&lock);
    return handle;
}

void *
name_owner(const rd_kafka_topic_t *rkt)
{
    pthread_rwlock_rdlock(&lock);
    const struct note *n = find(rkt);
    void *owner = n ? (void *)(uintptr_t)n->owner : NULL;
    pthread_rwlock_unlock(&lock);
    return owner;
}
