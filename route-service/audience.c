/*
 * Owns the audiences of one loop and the index of who could be reached.
 *
 * The strings of an identity stand in one block, one after the other, and are
 * the key that it is found by; its lists point into the block.
 */
#include "route-service/audience.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/match.h"
#include "route-service/resolve.h"

struct audiences {
    struct audience *list; /* by key */
    struct concern *concern;
    uint64_t round;
    struct buf key; /* of the last audience_of() */
};

struct audiences *
audiences_new(void)
{
    struct audiences *all = xcalloc(1, sizeof(*all));
    all->concern = concern_new();
    buf_init(&all->key, SIZE_MAX / 2);
    return all;
}

static void
forget(struct audiences *all, struct audience *a)
{
    HASH_DEL(all->list, a);
    concern_remove(all->concern, a->places, a->n_places);
    free(a->id.topics.v);
    free(a->id.attrs.v);
    free(a->key);
    free(a);
}

void
audiences_free(struct audiences *all)
{
    struct audience *a;
    struct audience *next;
    if (!all)
        return;
    HASH_ITER(hh, all->list, a, next)
    forget(all, a);
    concern_free(all->concern);
    buf_fini(&all->key);
    free(all);
}

size_t
audiences_count(const struct audiences *all)
{
    return HASH_COUNT(all->list);
}

/* ---- identities ---------------------------------------------------------- */

/* Each string behind a byte that says whether there is one. */
static void
key_str(struct buf *key, const char *s)
{
    buf_append(key, s ? "+" : "-", 1);
    if (s)
        buf_append(key, s, strlen(s) + 1);
}

/* Two identities are equal when their keys are. */
static void
key_identity(struct buf *key, const struct pt_identity *id)
{
    buf_reset(key);
    key_str(key, id->cluster_code);
    key_str(key, id->role);
    key_str(key, id->group);
    key_str(key, id->client_id);
    for (size_t i = 0; i < id->topics.n; i++)
        key_str(key, id->topics.v[i]);
    buf_append(key, ".", 1);
    for (size_t i = 0; i < id->attrs.n; i++) {
        key_str(key, id->attrs.v[i].key);
        key_str(key, id->attrs.v[i].value);
    }
    must(buf_failed(key) ? ERR_NOMEM : 0);
}

static char *
next_str(char **at)
{
    const bool there = *(*at)++ == '+';
    char *s = *at;
    if (!there)
        return NULL;
    *at += strlen(s) + 1;
    return s;
}

static void *
vector(size_t n, size_t size)
{
    return n ? xcalloc(n, size) : NULL;
}

/* The identity again, with its strings in the key. */
static void
unpack(char *key, size_t n_topics, size_t n_attrs, struct pt_identity *id)
{
    id->cluster_code = next_str(&key);
    id->role = next_str(&key);
    id->group = next_str(&key);
    id->client_id = next_str(&key);
    id->topics.v = vector(n_topics, sizeof(*id->topics.v));
    for (; id->topics.n < n_topics; id->topics.n++)
        id->topics.v[id->topics.n] = next_str(&key);
    key++;
    id->attrs.v = vector(n_attrs, sizeof(*id->attrs.v));
    for (; id->attrs.n < n_attrs; id->attrs.n++) {
        id->attrs.v[id->attrs.n].key = next_str(&key);
        id->attrs.v[id->attrs.n].value = next_str(&key);
    }
}

static struct audience *
make(struct audiences *all, const struct pt_identity *id)
{
    struct audience *a = xcalloc(1, sizeof(*a));
    a->key_len = all->key.len;
    a->key = xmalloc(a->key_len);
    memcpy(a->key, all->key.data, a->key_len);
    unpack(a->key, id->topics.n, id->attrs.n, &a->id);
    HASH_ADD_KEYPTR(hh, all->list, a->key, a->key_len, a);
    concern_add(all->concern, a, &a->id, &a->places, &a->n_places);
    return a;
}

struct audience *
audience_of(struct audiences *all, const struct pt_identity *id)
{
    struct audience *a;
    key_identity(&all->key, id);
    HASH_FIND(hh, all->list, all->key.data, all->key.len, a);
    if (!a)
        a = make(all, id);
    a->refs++;
    return a;
}

void
audience_release(struct audiences *all, struct audience *a)
{
    if (--a->refs == 0)
        forget(all, a);
}

size_t
audience_bytes(const struct audience *a)
{
    return sizeof(*a) + a->key_len + a->n_places * sizeof(*a->places) +
           a->id.topics.n * sizeof(*a->id.topics.v) +
           a->id.attrs.n * sizeof(*a->id.attrs.v);
}

/* ---- who is concerned ---------------------------------------------------- */

static bool
matches(const struct pt_rule *rule, const struct audience *a)
{
    for (size_t i = 0; i < resolve_topics(&a->id); i++)
        if (match_rule(rule, &a->id, resolve_topic(&a->id, i), NULL))
            return true;
    return false;
}

/* Who has been found in this round. */
struct search {
    struct audiences *all;
    const struct pt_rule *rule; /* NULL: everybody */
    void (*fn)(struct audience *a, void *arg);
    void *arg;
    size_t n;
};

static void
consider(void *member, void *arg)
{
    struct search *s = arg;
    struct audience *a = member;
    if (a->mark == s->all->round || (s->rule && !matches(s->rule, a)))
        return;
    a->mark = s->all->round;
    s->n++;
    s->fn(a, s->arg);
}

static void
consider_all(struct search *s)
{
    for (struct audience *a = s->all->list; a; a = a->hh.next)
        consider(a, s);
}

static void
consider_rule(struct search *s, const struct pt_rule *rule)
{
    s->rule = rule;
    if (concern_each(s->all->concern, rule, consider, s) < 0)
        consider_all(s);
}

size_t
audiences_concerned(struct audiences *all, const struct touched *touched,
                    void (*fn)(struct audience *a, void *arg), void *arg)
{
    struct search s = {.all = all, .fn = fn, .arg = arg};
    all->round++;
    if (touched->infra || touched->n > HASH_COUNT(all->list))
        consider_all(&s);
    for (size_t i = 0; i < touched->n && s.n < HASH_COUNT(all->list); i++)
        consider_rule(&s, &touched->rules[i]->u.rule);
    return s.n;
}

bool
audience_note(struct audience *a, const struct answer *answer)
{
    if (a->was_told && digest_equal(a->told, answer->digest))
        return false;
    a->since = a->was_told ? answer->revision : answer->since;
    a->told = answer->digest;
    a->was_told = true;
    return true;
}
