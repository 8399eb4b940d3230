/*
 * A treap: ordered by rank and id of the rule, the version that ended last
 * first; the level is a hash, so that the shape depends on the content alone.
 * Each node knows the span of revisions of all below it, so that a question
 * about some revision passes by whatever did not live then: with ten thousand
 * versions of one rule it looks at some dozen nodes.
 *
 * As in map.c, a node is changed in place when its count is one and it was
 * reached through nodes whose counts are one.
 */
#include "route-service/past.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "route-service/map.h"
#include "route-service/match.h"

static int
compare(const struct past *a, const struct past *b)
{
    const int order = match_compare(a->pattern, b->pattern);
    if (order)
        return order;
    return (a->to < b->to) - (a->to > b->to);
}

struct past *
past_ref(struct past *root)
{
    if (root)
        atomic_fetch_add(&root->refs, 1);
    return root;
}

void
past_unref(struct past *root)
{
    if (!root || atomic_fetch_sub(&root->refs, 1) > 1)
        return;
    past_unref(root->left);
    past_unref(root->right);
    item_unref(root->pattern);
    free(root);
}

/* Takes a reference, gives one on a node that nobody else has. */
static struct past *
own(struct past *node)
{
    if (atomic_load(&node->refs) == 1)
        return node;
    struct past *copy = xmalloc(sizeof(*copy));
    *copy = (struct past){
        .level = node->level,
        .left = past_ref(node->left),
        .right = past_ref(node->right),
        .pattern = item_ref(node->pattern),
        .cluster = node->cluster,
        .from = node->from,
        .to = node->to,
    };
    atomic_init(&copy->refs, 1);
    past_unref(node);
    return copy;
}

static void
widen(struct past *node, const struct past *by)
{
    if (!by)
        return;
    if (by->min_from < node->min_from)
        node->min_from = by->min_from;
    if (by->min_to < node->min_to)
        node->min_to = by->min_to;
    if (by->max_to > node->max_to)
        node->max_to = by->max_to;
}

static struct past *
measured(struct past *node)
{
    node->min_from = node->from;
    node->min_to = node->max_to = node->to;
    widen(node, node->left);
    widen(node, node->right);
    return node;
}

/* Takes `node`; what is before `at` goes to *before, the rest to *after. */
static void
split(struct past *node, const struct past *at, struct past **before,
      struct past **after)
{
    *before = *after = NULL;
    if (!node)
        return;
    node = own(node);
    if (compare(node, at) < 0) {
        split(node->right, at, &node->right, after);
        *before = measured(node);
    } else {
        split(node->left, at, before, &node->left);
        *after = measured(node);
    }
}

static struct past *
insert(struct past *node, struct past *one)
{
    if (!node)
        return measured(one);
    if (one->level > node->level) {
        split(node, one, &one->left, &one->right);
        return measured(one);
    }
    node = own(node);
    if (compare(one, node) < 0)
        node->left = insert(node->left, one);
    else
        node->right = insert(node->right, one);
    return measured(node);
}

static uint32_t
level_of(const struct item *rule, int64_t to)
{
    uint64_t x = map_hash(rule->key) + (uint64_t)to * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return (uint32_t)(x >> 32);
}

struct past *
past_add(struct past *root, struct item *pattern, const char *cluster,
         int64_t from, int64_t to)
{
    struct past *one = xmalloc(sizeof(*one));
    *one = (struct past){
        .level = level_of(pattern, to),
        .pattern = item_ref(pattern),
        .cluster = cluster,
        .from = from,
        .to = to,
    };
    atomic_init(&one->refs, 1);
    return insert(root, one);
}

const struct past *
past_of(const struct past *root, const struct item *rule)
{
    while (root) {
        const int order = match_compare(rule, root->pattern);
        if (order == 0)
            break;
        root = order < 0 ? root->left : root->right;
    }
    return root;
}
