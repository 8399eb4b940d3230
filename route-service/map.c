/*
 * A hash array mapped trie: a node stands for 6 bits of the hash and keeps two
 * bitmaps, of the places that hold a value and of those that hold a node below;
 * only those that are there take memory, values first.  Two values whose 64
 * bits are all the same end in a list.
 *
 * Nodes are counted by reference and shared between maps.  A node may be
 * changed in place only when its count is one and so are those of all nodes
 * above it; `own()` makes it so by copying, on the way down.  A count of one
 * can't grow meanwhile, because whoever could add to it would need the map that
 * is being changed.
 *
 * Values keep their hash beside them: a mismatch costs no look at the value.
 */
#include "route-service/map.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL /* a call costs as much as the hash of a short text */
#include <xxhash.h>

#include "common/base/xmem.h"

#define BITS     6
#define LAST_BIT 63 /* the hash has no bits from here on: a list */

struct slot {
    uint64_t hash;
    void *value;
};

struct map_node {
    atomic_int refs;
    uint16_t n_values;
    uint16_t n_nodes;
    uint64_t values; /* zero in a list, as is `nodes` */
    uint64_t nodes;
    struct slot v[]; /* n_values of them, then n_nodes pointers */
};

uint64_t
map_hash_bytes(const void *bytes, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, len, seed);
}

uint64_t
map_hash(const char *key)
{
    return XXH3_64bits(key, strlen(key));
}

bool
map_same_text(const void *key, const void *other_key)
{
    return strcmp(key, other_key) == 0;
}

/* ---- places -------------------------------------------------------------- */

static inline unsigned
count(uint64_t x)
{
    x -= (x >> 1) & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (unsigned)((x * 0x0101010101010101u) >> 56);
}

static inline uint64_t
bit_of(uint64_t hash, unsigned shift)
{
    return (uint64_t)1 << ((hash >> shift) & 63);
}

/* How many of the map's places are before this one. */
static inline unsigned
below(uint64_t places, uint64_t bit)
{
    return count(places & (bit - 1));
}

static inline struct map_node **
children(const struct map_node *node)
{
    return (struct map_node **)(void *)((char *)(uintptr_t)node +
                                        sizeof(*node) +
                                        node->n_values * sizeof(struct slot));
}

static bool
is_key(const struct map *m, const struct slot *s, uint64_t hash,
       const void *key)
{
    return s->hash == hash && m->type->same(m->type->key(s->value), key);
}

/* ---- nodes --------------------------------------------------------------- */

static struct map_node *
node_new(unsigned n_values, unsigned n_nodes)
{
    struct map_node *node =
        xmalloc(sizeof(*node) + n_values * sizeof(struct slot) +
                n_nodes * sizeof(struct map_node *));
    *node = (struct map_node){.n_values = (uint16_t)n_values,
                              .n_nodes = (uint16_t)n_nodes};
    atomic_init(&node->refs, 1);
    return node;
}

static void
node_unref(const struct map_type *type, struct map_node *node)
{
    if (!node || atomic_fetch_sub(&node->refs, 1) > 1)
        return;
    for (unsigned i = 0; i < node->n_values; i++)
        type->unref(node->v[i].value);
    for (unsigned i = 0; i < node->n_nodes; i++)
        node_unref(type, children(node)[i]);
    free(node);
}

/* The node itself when nobody else has it, otherwise a copy: the reference is
 * taken, one on the result is given. */
static struct map_node *
own(const struct map_type *type, struct map_node *node)
{
    if (atomic_load(&node->refs) == 1)
        return node;
    struct map_node *copy = node_new(node->n_values, node->n_nodes);
    copy->values = node->values;
    copy->nodes = node->nodes;
    for (unsigned i = 0; i < node->n_values; i++) {
        copy->v[i] = node->v[i];
        type->ref(copy->v[i].value);
    }
    for (unsigned i = 0; i < node->n_nodes; i++) {
        children(copy)[i] = children(node)[i];
        atomic_fetch_add(&children(copy)[i]->refs, 1);
    }
    node_unref(type, node);
    return copy;
}

/* An owned node with other places: those that are new are for the caller to
 * fill, those that are gone he has taken. */
static struct map_node *
reshape(struct map_node *old, uint64_t values, uint64_t nodes)
{
    struct map_node *node = node_new(count(values), count(nodes));
    node->values = values;
    node->nodes = nodes;
    for (uint64_t left = values & old->values; left; left &= left - 1) {
        const uint64_t bit = left & -left;
        node->v[below(values, bit)] = old->v[below(old->values, bit)];
    }
    for (uint64_t left = nodes & old->nodes; left; left &= left - 1) {
        const uint64_t bit = left & -left;
        children(node)[below(nodes, bit)] =
            children(old)[below(old->nodes, bit)];
    }
    free(old);
    return node;
}

/* ---- finding ------------------------------------------------------------- */

static struct slot *
find_in_list(const struct map *m, struct map_node *node, uint64_t hash,
             const void *key)
{
    for (unsigned i = 0; i < node->n_values; i++)
        if (is_key(m, &node->v[i], hash, key))
            return &node->v[i];
    return NULL;
}

void *
map_find(const struct map *m, uint64_t hash, const void *key)
{
    struct map_node *node = m->root;
    for (unsigned shift = 0; node && shift < LAST_BIT; shift += BITS) {
        const uint64_t bit = bit_of(hash, shift);
        if (node->values & bit) {
            const struct slot *s = &node->v[below(node->values, bit)];
            return is_key(m, s, hash, key) ? s->value : NULL;
        }
        if (!(node->nodes & bit))
            return NULL;
        node = children(node)[below(node->nodes, bit)];
    }
    const struct slot *s = node ? find_in_list(m, node, hash, key) : NULL;
    return s ? s->value : NULL;
}

void **
map_slot(struct map *m, uint64_t hash, const void *key)
{
    if (!map_find(m, hash, key))
        return NULL;
    struct map_node **at = &m->root;
    for (unsigned shift = 0; shift < LAST_BIT; shift += BITS) {
        *at = own(m->type, *at);
        const uint64_t bit = bit_of(hash, shift);
        if ((*at)->values & bit)
            return &(*at)->v[below((*at)->values, bit)].value;
        at = &children(*at)[below((*at)->nodes, bit)];
    }
    *at = own(m->type, *at);
    return &find_in_list(m, *at, hash, key)->value;
}

/* ---- putting ------------------------------------------------------------- */

static struct map_node *
leaf(unsigned shift, struct slot s)
{
    struct map_node *node = node_new(1, 0);
    node->values = shift < LAST_BIT ? bit_of(s.hash, shift) : 0;
    node->v[0] = s;
    return node;
}

static struct map_node *
list_add(struct map_node *old, struct slot s)
{
    struct map_node *node = node_new(old->n_values + 1u, 0);
    memcpy(node->v, old->v, old->n_values * sizeof(s));
    node->v[old->n_values] = s;
    free(old);
    return node;
}

/* A value that is not there yet.  Takes the node. */
static struct map_node *
add(const struct map_type *type, struct map_node *node, unsigned shift,
    struct slot s)
{
    node = own(type, node);
    if (shift >= LAST_BIT)
        return list_add(node, s);
    const uint64_t bit = bit_of(s.hash, shift);
    if (node->nodes & bit) {
        struct map_node **at = &children(node)[below(node->nodes, bit)];
        *at = add(type, *at, shift + BITS, s);
        return node;
    }
    if (!(node->values & bit)) {
        node = reshape(node, node->values | bit, node->nodes);
        node->v[below(node->values, bit)] = s;
        return node;
    }
    const struct slot other = node->v[below(node->values, bit)];
    struct map_node *both = leaf(shift + BITS, other);
    both = add(type, both, shift + BITS, s);
    node = reshape(node, node->values & ~bit, node->nodes | bit);
    children(node)[below(node->nodes, bit)] = both;
    return node;
}

void
map_put_take(struct map *m, uint64_t hash, void *value)
{
    void **slot = map_slot(m, hash, m->type->key(value));
    if (slot) {
        m->type->unref(*slot);
        *slot = value;
        return;
    }
    const struct slot s = {hash, value};
    m->root = m->root ? add(m->type, m->root, 0, s) : leaf(0, s);
    m->n++;
}

/* ---- deleting ------------------------------------------------------------ */

static struct map_node *
list_delete(const struct map *m, struct map_node *node, uint64_t hash,
            const void *key)
{
    struct slot *s = find_in_list(m, node, hash, key);
    m->type->unref(s->value);
    *s = node->v[--node->n_values];
    return node;
}

/* A node with nothing below it but one value is no node. */
static bool
is_one_value(const struct map_node *node)
{
    return node->n_values == 1 && node->n_nodes == 0;
}

/* A value that is there.  Takes the node, which may end up empty. */
static struct map_node *
delete_from(const struct map *m, struct map_node *node, unsigned shift,
            uint64_t hash, const void *key)
{
    node = own(m->type, node);
    if (shift >= LAST_BIT)
        return list_delete(m, node, hash, key);
    const uint64_t bit = bit_of(hash, shift);
    if (node->values & bit) {
        m->type->unref(node->v[below(node->values, bit)].value);
        return reshape(node, node->values & ~bit, node->nodes);
    }
    struct map_node **at = &children(node)[below(node->nodes, bit)];
    *at = delete_from(m, *at, shift + BITS, hash, key);
    if (!is_one_value(*at))
        return node;
    struct map_node *child = *at;
    node = reshape(node, node->values | bit, node->nodes & ~bit);
    node->v[below(node->values, bit)] = child->v[0];
    free(child);
    return node;
}

bool
map_delete(struct map *m, uint64_t hash, const void *key)
{
    if (!map_find(m, hash, key))
        return false;
    m->root = delete_from(m, m->root, 0, hash, key);
    if (--m->n > 0)
        return true;
    node_unref(m->type, m->root);
    m->root = NULL;
    return true;
}

/* ---- whole maps ---------------------------------------------------------- */

struct map
map_copy(const struct map *m)
{
    if (m->root)
        atomic_fetch_add(&m->root->refs, 1);
    return *m;
}

void
map_fini(struct map *m)
{
    node_unref(m->type, m->root);
    m->root = NULL;
    m->n = 0;
}

static bool
each(const struct map_node *node, map_fn fn, void *arg)
{
    for (unsigned i = 0; i < node->n_values; i++)
        if (!fn(node->v[i].value, arg))
            return false;
    for (unsigned i = 0; i < node->n_nodes; i++)
        if (!each(children(node)[i], fn, arg))
            return false;
    return true;
}

bool
map_each(const struct map *m, map_fn fn, void *arg)
{
    return !m->root || each(m->root, fn, arg);
}

/* ---- comparing ----------------------------------------------------------- */

struct diff {
    const struct map *a, *b;
    map_diff_fn fn;
    void *arg;
};

static void
diff_value(const struct diff *d, const struct slot *s, bool forward)
{
    const struct map *to = forward ? d->b : d->a;
    void *there = map_find(to, s->hash, to->type->key(s->value));
    if (there == s->value)
        return;
    if (forward)
        d->fn(s->value, there, d->arg);
    else if (!there)
        d->fn(NULL, s->value, d->arg);
}

static const struct map_node *
child_at(const struct map_node *node, uint64_t bit)
{
    if (!node || !(node->nodes & bit))
        return NULL;
    return children(node)[below(node->nodes, bit)];
}

/* What of `node` (of one map) is not in the other map, or not the same there;
 * `other` stands at the same place; `forward`: node is of a. */
static void
diff_side(const struct diff *d, const struct map_node *node,
          const struct map_node *other, bool forward)
{
    if (!node || node == other)
        return;
    for (unsigned i = 0; i < node->n_values; i++)
        diff_value(d, &node->v[i], forward);
    for (uint64_t left = node->nodes; left; left &= left - 1) {
        const uint64_t bit = left & -left;
        diff_side(d, child_at(node, bit), child_at(other, bit), forward);
    }
}

void
map_diff(const struct map *a, const struct map *b, map_diff_fn fn, void *arg)
{
    const struct diff d = {a, b, fn, arg};
    diff_side(&d, a->root, b->root, true);
    diff_side(&d, b->root, a->root, false);
}
