/*
 * Owns items: clusters, flows and rules as they stand in tables.  Immutable
 * once decoded; reference counts are atomic, because the loops and the writer
 * share them.
 */
#include "route-service/item.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/match.h"

const char *
kind_name(enum kind kind)
{
    static const char *const names[] = {"cluster", "flow", "rule"};
    return names[kind];
}

static int
decode_value(struct item *item, const struct json_t *j, const char *path,
             struct err *err)
{
    switch (item->kind) {
    case KIND_CLUSTER:
        return pt_cluster_decode(j, path, &item->u.cluster, err);
    case KIND_FLOW:
        return pt_flow_decode(j, path, &item->u.flow, err);
    case KIND_RULE:
        return pt_rule_decode(j, path, &item->u.rule, err);
    case KIND_COUNT:
    default:
        return err_set(err, ERR_UNSUPPORTED, "no such kind of object");
    }
}

static char *
key_of(const struct item *item)
{
    switch (item->kind) {
    case KIND_CLUSTER:
        return xstrdup(item->u.cluster.name);
    case KIND_FLOW:
        return xasprintf("%s->%s", item->u.flow.source, item->u.flow.target);
    case KIND_RULE:
    case KIND_COUNT:
    default:
        return xstrdup(item->u.rule.id);
    }
}

struct json_t *
item_encode(const struct item *item)
{
    switch (item->kind) {
    case KIND_CLUSTER:
        return must_have(pt_cluster_encode(&item->u.cluster));
    case KIND_FLOW:
        return must_have(pt_flow_encode(&item->u.flow));
    case KIND_RULE:
    case KIND_COUNT:
    default:
        return must_have(pt_rule_encode(&item->u.rule));
    }
}

static char *
text_of(const struct item *item)
{
    struct json_t *j = item_encode(item);
    char *text = must_have(js_dump(j));
    js_free(j);
    return text;
}

int
item_decode(enum kind kind, const struct json_t *j, const char *path,
            struct item **out, struct err *err)
{
    struct item *item = xcalloc(1, sizeof(*item));
    item->kind = kind;
    const int rc = decode_value(item, j, path, err);
    if (rc) {
        free(item);
        return rc;
    }
    atomic_init(&item->refs, 1);
    item->key = key_of(item);
    item->json = text_of(item);
    if (kind == KIND_RULE)
        item->rank = match_rank(&item->u.rule);
    *out = item;
    return 0;
}

struct item *
item_ref(struct item *item)
{
    atomic_fetch_add(&item->refs, 1);
    return item;
}

static void
value_fini(struct item *item)
{
    switch (item->kind) {
    case KIND_CLUSTER:
        pt_cluster_fini(&item->u.cluster);
        break;
    case KIND_FLOW:
        pt_flow_fini(&item->u.flow);
        break;
    case KIND_RULE:
    case KIND_COUNT:
    default:
        pt_rule_fini(&item->u.rule);
        break;
    }
}

void
item_unref(struct item *item)
{
    if (!item || atomic_fetch_sub(&item->refs, 1) > 1)
        return;
    value_fini(item);
    free(item->key);
    free(item->json);
    free(item);
}

/* ---- maps ---------------------------------------------------------------- */

static const void *
key_in_map(const void *value)
{
    return ((const struct item *)value)->key;
}

static void
ref_in_map(void *value)
{
    (void)item_ref(value); /* it is the same one */
}

static void
unref_in_map(void *value)
{
    item_unref(value);
}

const struct map_type item_map_type = {key_in_map, map_same_text, ref_in_map,
                                       unref_in_map};
