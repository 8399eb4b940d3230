/*
 * A persistent hash map: copying one is O(1), copies share all that they have
 * in common, and a change costs O(log n) wherever it is made.  Keys are part of
 * the values; values are counted by reference.  Pure; out of memory aborts.
 *
 * A map is changed by one thread while nobody else has it; its copies are read
 * by any number of threads meanwhile.  Reading takes no reference and no atomic
 * operation.
 */
#ifndef SHUNT_ROUTE_MAP_H
#define SHUNT_ROUTE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_type {
    const void *(*key)(const void *value);
    bool (*same)(const void *key, const void *other_key);
    void (*ref)(void *value);
    void (*unref)(void *value);
};

struct map_node;

struct map {
    const struct map_type *type;
    struct map_node *root; /* NULL: empty */
    size_t n;
};

/* Of a key that is a text.  Everything that takes a hash wants the same one for
 * the same key. */
uint64_t map_hash(const char *key);
uint64_t map_hash_bytes(const void *bytes, size_t len, uint64_t seed);
/* `same` of keys that are texts. */
bool map_same_text(const void *key, const void *other_key);

#define MAP_INIT(of)                                                           \
    {                                                                          \
        .type = (of)                                                           \
    }
struct map map_copy(const struct map *m);
void map_fini(struct map *m);

/* Borrowed from the map; NULL: not there. */
void *map_find(const struct map *m, uint64_t hash, const void *key);
/* Replaces the value of the same key. */
void map_put_take(struct map *m, uint64_t hash, void *value);
/* False: it was not there. */
bool map_delete(struct map *m, uint64_t hash, const void *key);
/* Where the value stands, to be replaced or, when nobody else holds it
 * (one reference), to be changed in place; the key must stay the same.  NULL:
 * not there.  Until the map is changed in another way. */
void **map_slot(struct map *m, uint64_t hash, const void *key);

/* Calls fn for every value, in no order that means anything, until it returns
 * false; then returns false. */
typedef bool (*map_fn)(void *value, void *arg);
bool map_each(const struct map *m, map_fn fn, void *arg);
/* Calls fn(a's value, b's value) for every key whose values are not the same
 * pointer; NULL: that map has none.  Costs what the two don't share. */
typedef void (*map_diff_fn)(void *in_a, void *in_b, void *arg);
void map_diff(const struct map *a, const struct map *b, map_diff_fn fn,
              void *arg);

#endif
