/* cluster, flow, rule: list, put, delete. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/change.h"
#include "ctl/ctl.h"
#include "ctl/out.h"
#include "ctl/words.h"

static int
list(const struct ctl *ctl, const char *kind,
     void (*print)(const struct json_t *items))
{
    struct json_t *table = NULL;
    const int rc = ctl_get(ctl, "/v1/table", &table);
    if (rc)
        return rc;
    if (ctl->conf.json)
        out_json(js_any(table, kind));
    else
        print(js_any(table, kind));
    js_free(table);
    return CTL_OK;
}

/* One operation {"op":OP,KIND:VALUE}; `value` is taken. */
static int
change_take(const struct ctl *ctl, const char *op, const char *kind,
            struct json_t *value, const char *name)
{
    struct json_t *operation = js_object();
    struct json_t *operations = js_array();
    int rc = js_put_str(operation, "op", op);
    rc |= js_put_take(operation, kind, value);
    rc |= js_add_take(operations, operation);
    if (rc)
        abort(); /* out of memory */
    char *what = xasprintf("%s %s %s", op, kind, name);
    struct change c = {.kind = "operations",
                       .value = operations,
                       .expect_revision = -1,
                       .what = what};
    rc = change_run_take(ctl, &c);
    free(what);
    return rc;
}

static int
delete_named(const struct ctl *ctl, const char *kind)
{
    return change_take(ctl, "delete", kind, js_string(ctl->argv[1]),
                       ctl->argv[1]);
}

static bool
is(const struct ctl *ctl, const char *verb, int argc_min, int argc_max)
{
    return ctl->argc >= argc_min && ctl->argc <= argc_max &&
           strcmp(ctl->argv[0], verb) == 0;
}

static void
print_clusters(const struct json_t *items)
{
    struct out_table t;
    out_table_init(&t, "CLUSTER", "BOOTSTRAP", "PROPERTIES", NULL);
    for (size_t i = 0; i < js_len(items); i++) {
        const struct json_t *c = js_at(items, i);
        out_table_row(&t, out_str(c, "name"), out_str(c, "bootstrap.servers"),
                      out_str(c, "properties"), NULL);
    }
    out_table_print_fini(&t);
}

int
ctl_cluster(struct ctl *ctl)
{
    if (ctl->argc == 0 || is(ctl, "list", 1, 1))
        return list(ctl, "clusters", print_clusters);
    if (is(ctl, "delete", 2, 2))
        return delete_named(ctl, "cluster");
    if (!is(ctl, "put", 3, INT_MAX))
        return ctl_usage("cluster: list, put NAME bootstrap.servers=H:P, "
                         "delete NAME");
    struct err err;
    struct json_t *value;
    if (words_cluster(ctl->argv[1], ctl->argc - 2, ctl->argv + 2, &value,
                      &err) != 0)
        return ctl_usage("cluster put: %s", err.text);
    return change_take(ctl, "put", "cluster", value, ctl->argv[1]);
}

static void
print_flows(const struct json_t *items)
{
    struct out_table t;
    out_table_init(&t, "SOURCE", "TARGET", "POLICY", "SYNCS ON", "MAPPERS",
                   NULL);
    for (size_t i = 0; i < js_len(items); i++) {
        const struct json_t *f = js_at(items, i);
        out_table_row(&t, out_str(f, "source"), out_str(f, "target"),
                      out_str(f, "policy"),
                      out_str(f, "offset-syncs.topic.location"),
                      out_str(f, "mappers"), NULL);
    }
    out_table_print_fini(&t);
}

int
ctl_flow(struct ctl *ctl)
{
    if (ctl->argc == 0 || is(ctl, "list", 1, 1))
        return list(ctl, "flows", print_flows);
    if (is(ctl, "delete", 2, 2))
        return delete_named(ctl, "flow");
    if (!is(ctl, "put", 3, INT_MAX))
        return ctl_usage("flow: list, put SOURCE TARGET KEY=VALUE..., delete "
                         "'SOURCE->TARGET'");
    struct err err;
    struct json_t *value;
    if (words_flow(ctl->argv[1], ctl->argv[2], ctl->argc - 3, ctl->argv + 3,
                   &value, &err) != 0)
        return ctl_usage("flow put: %s", err.text);
    char *name = xasprintf("%s->%s", ctl->argv[1], ctl->argv[2]);
    const int rc = change_take(ctl, "put", "flow", value, name);
    free(name);
    return rc;
}

/* "2026-12-01T03:00:00Z..2026-12-01T05:00:00Z", "-" without a window; owned
 * by the caller. */
static char *
window_of(const struct json_t *rule)
{
    const char *from = js_str(js_any(rule, "valid_from"));
    const char *until = js_str(js_any(rule, "valid_until"));
    if (!from && !until)
        return xstrdup("-");
    return xasprintf("%s..%s", from ? from : "", until ? until : "");
}

static void
print_rules(const struct json_t *items)
{
    struct out_table t;
    out_table_init(&t, "RULE", "PRIORITY", "ENABLED", "CLUSTER", "MATCH",
                   "STANDBY", "FENCE", "WINDOW", "PROPERTIES", "COMMENT", NULL);
    for (size_t i = 0; i < js_len(items); i++) {
        const struct json_t *r = js_at(items, i);
        char *window = window_of(r);
        out_table_row(&t, out_str(r, "id"), out_str(r, "priority"),
                      out_str(r, "enabled"), out_str(r, "cluster"),
                      out_str(r, "match"), out_str(r, "standby"),
                      out_str(r, "fence"), window, out_str(r, "properties"),
                      out_str(r, "comment"), NULL);
        free(window);
    }
    out_table_print_fini(&t);
}

int
ctl_rule(struct ctl *ctl)
{
    if (ctl->argc == 0 || is(ctl, "list", 1, 1))
        return list(ctl, "rules", print_rules);
    if (is(ctl, "delete", 2, 2))
        return delete_named(ctl, "rule");
    if (!is(ctl, "put", 3, INT_MAX))
        return ctl_usage("rule: list, put ID cluster=C KEY=VALUE..., delete "
                         "ID");
    struct err err;
    struct json_t *value;
    if (words_rule(ctl->argv[1], ctl->argc - 2, ctl->argv + 2, &value, &err) !=
        0)
        return ctl_usage("rule put: %s", err.text);
    return change_take(ctl, "put", "rule", value, ctl->argv[1]);
}
