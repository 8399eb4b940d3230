/* The persistent map, compared with a naive one over random histories. */
#include "route-service/map.h"

#include <stdatomic.h>

#include "common/base/xmem.h"
#include "tests/unit/route-service/made.h"

#define KEYS  300
#define STEPS 3000
#define KEPT  40 /* past maps that must stay as they were */

struct word {
    atomic_int refs;
    int number;
    char key[12];
};

static atomic_int words;

static struct word *
word_new(int key, int number)
{
    struct word *w = xcalloc(1, sizeof(*w));
    atomic_init(&w->refs, 1);
    w->number = number;
    (void)snprintf(w->key, sizeof(w->key), "k%d", key);
    words++;
    return w;
}

static const void *
word_key(const void *value)
{
    return ((const struct word *)value)->key;
}

static void
word_ref(void *value)
{
    ((struct word *)value)->refs++;
}

static void
word_unref(void *value)
{
    struct word *w = value;
    if (--w->refs > 0)
        return;
    words--;
    free(w);
}

static const struct map_type of_words = {word_key, map_same_text, word_ref,
                                         word_unref};

/* A map, and what it has to hold: numbers by key, 0: nothing. */
struct pair {
    struct map map;
    int naive[KEYS];
};

/* Loop i chooses how many bits of the hash are left: 0 puts all into one
 * list, 7 makes deep chains, 64 is as in life. */
static const unsigned kept_bits[] = {64, 7, 2, 0};

static uint64_t
hash_of(int loop, const char *key)
{
    const unsigned bits = kept_bits[loop % 4];
    const uint64_t hash = map_hash(key);
    return bits == 0 ? 0 : hash >> (64 - bits) << (64 - bits);
}

static bool
count_one(void *value, void *arg)
{
    *(size_t *)arg += ((struct word *)value)->number > 0;
    return true;
}

static void
assert_same(const struct pair *p, int loop)
{
    size_t n = 0;
    size_t seen = 0;
    for (int k = 0; k < KEYS; k++) {
        char key[12];
        (void)snprintf(key, sizeof(key), "k%d", k);
        const struct word *w = map_find(&p->map, hash_of(loop, key), key);
        ck_assert_int_eq(w ? w->number : 0, p->naive[k]);
        n += p->naive[k] != 0;
    }
    ck_assert_uint_eq(p->map.n, n);
    ck_assert(map_each(&p->map, count_one, &seen));
    ck_assert_uint_eq(seen, n);
}

static void
change(struct pair *p, int loop, int step)
{
    const int k = rand() % KEYS;
    char key[12];
    (void)snprintf(key, sizeof(key), "k%d", k);
    const uint64_t hash = hash_of(loop, key);
    if (rand() % 5 < 2) {
        ck_assert_int_eq(map_delete(&p->map, hash, key), p->naive[k] != 0);
        p->naive[k] = 0;
        return;
    }
    void **slot = rand() % 2 ? map_slot(&p->map, hash, key) : NULL;
    struct word *w = slot ? *slot : NULL;
    if (w && w->refs == 1)
        w->number = step; /* nobody else can see it */
    else
        map_put_take(&p->map, hash, word_new(k, step));
    p->naive[k] = step;
}

/* Old maps stay as they were, whatever becomes of those that were made from
 * them, and nothing is lost or freed twice. */
START_TEST(same_as_naive)
{
    static struct pair kept[KEPT];
    struct pair now = {.map = MAP_INIT(&of_words)};
    memset(kept, 0, sizeof(kept));
    srand((unsigned)_i + 1);
    for (int step = 1; step <= STEPS; step++) {
        change(&now, _i, step);
        if (step % 50)
            continue;
        struct pair *old = &kept[rand() % KEPT];
        if (old->map.type) {
            assert_same(old, _i);
            map_fini(&old->map);
        }
        *old = now;
        old->map = map_copy(&now.map);
        if (rand() % 8 == 0) { /* goes on from an old one */
            struct pair *from = &kept[rand() % KEPT];
            if (from->map.type) {
                map_fini(&now.map);
                now = *from;
                now.map = map_copy(&from->map);
            }
        }
        assert_same(&now, _i);
    }
    for (int i = 0; i < KEPT; i++) {
        if (!kept[i].map.type)
            continue;
        assert_same(&kept[i], _i);
        map_fini(&kept[i].map);
    }
    map_fini(&now.map);
    ck_assert_int_eq(words, 0);
}
END_TEST

struct diffs {
    int before[KEYS], after[KEYS];
    size_t n;
};

static void
on_diff(void *in_a, void *in_b, void *arg)
{
    struct diffs *d = arg;
    const struct word *a = in_a;
    const struct word *b = in_b;
    const int k = atoi((a ? a : b)->key + 1);
    ck_assert_int_eq(d->before[k] + d->after[k], 0); /* once each */
    d->before[k] = a ? a->number : 0;
    d->after[k] = b ? b->number : 0;
    d->n++;
}

START_TEST(differences)
{
    struct pair a = {.map = MAP_INIT(&of_words)};
    srand((unsigned)_i + 1);
    for (int round = 0; round < 20; round++) {
        for (int step = 1; step < 60; step++)
            change(&a, _i, round * 100 + step);
        struct pair b = a;
        b.map = map_copy(&a.map);
        for (int step = 0; step < round * 3; step++)
            change(&b, _i, 5000 + step);
        struct diffs d = {0};
        map_diff(&a.map, &b.map, on_diff, &d);
        for (int k = 0; k < KEYS; k++) {
            const bool same = a.naive[k] == b.naive[k];
            ck_assert_int_eq(d.before[k], same ? 0 : a.naive[k]);
            ck_assert_int_eq(d.after[k], same ? 0 : b.naive[k]);
        }
        map_fini(&b.map);
    }
    map_fini(&a.map);
    ck_assert_int_eq(words, 0);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("map");
    TCase *t = tcase_create("map");
    tcase_add_loop_test(t, same_as_naive, 0, 12);
    tcase_add_loop_test(t, differences, 0, 8);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
