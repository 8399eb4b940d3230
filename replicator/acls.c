/*
 * Owns nothing that outlives a call.  librdkafka 2.0.2 swallows a refusal to
 * describe access rights and answers with none: then nothing is given, which
 * acls_outcome.found = 0 shows.
 */
#include "replicator/acls.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/xmem.h"
#include "common/kafka/kconf.h"

#define NAME_MAX_BYTES 512
#define CHUNK          ((size_t)200) /* rights made per request */

bool
acl_of_copy(const struct flow_settings *c, const struct acl *here, char *remote,
            size_t size, struct acl *out)
{
    const bool allow = here->permission == RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW;
    if (here->type != RD_KAFKA_RESOURCE_TOPIC ||
        here->pattern != RD_KAFKA_RESOURCE_PATTERN_LITERAL ||
        here->operation == RD_KAFKA_ACL_OPERATION_UNKNOWN ||
        here->permission == RD_KAFKA_ACL_PERMISSION_TYPE_UNKNOWN ||
        (allow && here->operation == RD_KAFKA_ACL_OPERATION_WRITE) ||
        !settings_copies_topic(c, here->topic) ||
        naming_remote(&c->naming, c->source->name, here->topic, remote, size))
        return false;
    *out = *here;
    out->topic = remote;
    if (allow && here->operation == RD_KAFKA_ACL_OPERATION_ALL)
        out->operation = RD_KAFKA_ACL_OPERATION_READ;
    return true;
}

/* ---- what is there ----------------------------------------------------- */

struct known {
    char *text;
    UT_hash_handle hh;
};

static char *
text_of(const struct acl *a)
{
    return xasprintf("%d/%d/%d/%s/%s/%s", (int)a->pattern, (int)a->operation,
                     (int)a->permission, a->topic, a->host, a->principal);
}

/* False: it was known. */
static bool
learn(struct known **all, const struct acl *a)
{
    struct known *k;
    char *text = text_of(a);
    HASH_FIND_STR(*all, text, k);
    if (k) {
        free(text);
        return false;
    }
    k = xcalloc(1, sizeof(*k));
    k->text = text;
    HASH_ADD_KEYPTR(hh, *all, k->text, strlen(k->text), k);
    return true;
}

static void
forget(struct known **all)
{
    struct known *k, *next;
    HASH_ITER(hh, *all, k, next)
    {
        HASH_DEL(*all, k);
        free(k->text);
        free(k);
    }
}

static struct acl
acl_from(const rd_kafka_AclBinding_t *b)
{
    return (struct acl){.type = rd_kafka_AclBinding_restype(b),
                        .pattern = rd_kafka_AclBinding_resource_pattern_type(b),
                        .topic = rd_kafka_AclBinding_name(b),
                        .principal = rd_kafka_AclBinding_principal(b),
                        .host = rd_kafka_AclBinding_host(b),
                        .operation = rd_kafka_AclBinding_operation(b),
                        .permission = rd_kafka_AclBinding_permission_type(b)};
}

/* All rights of topics; destroy the event afterwards. */
static int
describe(const struct admin *a, rd_kafka_event_t **ev, struct err *err)
{
    char why[256];
    struct admin_call call;
    rd_kafka_AclBindingFilter_t *all = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_TOPIC, NULL, RD_KAFKA_RESOURCE_PATTERN_ANY, NULL,
        NULL, RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, why,
        sizeof(why));
    if (!all)
        return err_set(err, ERR_INVALID, "cannot ask for ACLs: %s", why);
    admin_begin(&call, a, RD_KAFKA_ADMIN_OP_DESCRIBEACLS);
    rd_kafka_DescribeAcls(a->rk, all, call.options, call.queue);
    rd_kafka_AclBinding_destroy(all);
    return admin_end(&call, "read the ACLs of topics", ev, err) ? err->code : 0;
}

/* ---- giving ------------------------------------------------------------ */

struct giving {
    const struct admin *target;
    struct known *there;
    rd_kafka_AclBinding_t *news[CHUNK];
    size_t n;
    struct acls_outcome *out;
};

static void
failed(struct acls_outcome *out, const struct err *err)
{
    out->failed++;
    if (out->first.code == 0)
        out->first = *err;
}

static void
verdict(struct giving *g, const rd_kafka_acl_result_t *res,
        const rd_kafka_AclBinding_t *of)
{
    const rd_kafka_error_t *bad = rd_kafka_acl_result_error(res);
    struct err err;
    if (!bad) {
        g->out->made++;
        return;
    }
    if (rd_kafka_error_code(bad) == RD_KAFKA_RESP_ERR_SECURITY_DISABLED)
        g->out->disabled = true;
    (void)err_set(&err, ERR_KAFKA, "cannot give topic %s an ACL of %s: %s (%s)",
                  rd_kafka_AclBinding_name(of),
                  rd_kafka_AclBinding_principal(of), rd_kafka_error_string(bad),
                  rd_kafka_err2name(rd_kafka_error_code(bad)));
    failed(g->out, &err);
}

static void
give(struct giving *g)
{
    struct admin_call call;
    struct err err = {0};
    rd_kafka_event_t *ev;
    size_t n;
    if (g->n == 0)
        return;
    admin_begin(&call, g->target, RD_KAFKA_ADMIN_OP_CREATEACLS);
    rd_kafka_CreateAcls(g->target->rk, g->news, g->n, call.options, call.queue);
    if (admin_end(&call, "create ACLs of topics", &ev, &err)) {
        failed(g->out, &err);
    } else {
        const rd_kafka_acl_result_t **res = rd_kafka_CreateAcls_result_acls(
            rd_kafka_event_CreateAcls_result(ev), &n);
        for (size_t i = 0; i < n && i < g->n; i++)
            verdict(g, res[i], g->news[i]);
        rd_kafka_event_destroy(ev);
    }
    rd_kafka_AclBinding_destroy_array(g->news, g->n);
    g->n = 0;
}

static void
add(struct giving *g, const struct acl *a)
{
    char why[256];
    struct err err;
    rd_kafka_AclBinding_t *b = rd_kafka_AclBinding_new(
        a->type, a->topic, a->pattern, a->principal, a->host, a->operation,
        a->permission, why, sizeof(why));
    if (!b) {
        (void)err_set(&err, ERR_INVALID, "cannot give topic %s an ACL: %s",
                      a->topic, why);
        failed(g->out, &err);
        return;
    }
    g->news[g->n++] = b;
    if (g->n == CHUNK)
        give(g);
}

static void
give_missing(struct giving *g, const struct flow_settings *c,
             const rd_kafka_AclBinding_t **here, size_t n)
{
    for (size_t i = 0; i < n && !g->out->disabled; i++) {
        char remote[NAME_MAX_BYTES];
        const struct acl a = acl_from(here[i]);
        struct acl copy;
        if (acl_of_copy(c, &a, remote, sizeof(remote), &copy) &&
            learn(&g->there, &copy))
            add(g, &copy);
    }
    give(g);
}

void
acls_sync(const struct admin *source, const struct admin *target,
          const struct flow_settings *c, struct acls_outcome *out)
{
    *out = (struct acls_outcome){0};
    struct giving g = {.target = target, .out = out};
    rd_kafka_event_t *here = NULL, *there = NULL;
    struct err err = {0};
    size_t n;
    if (describe(source, &here, &err) != 0 ||
        describe(target, &there, &err) != 0) {
        failed(out, &err);
    } else {
        const rd_kafka_AclBinding_t **v = rd_kafka_DescribeAcls_result_acls(
            rd_kafka_event_DescribeAcls_result(there), &n);
        for (size_t i = 0; i < n; i++) {
            const struct acl a = acl_from(v[i]);
            (void)learn(&g.there, &a); /* twice: no matter */
        }
        v = rd_kafka_DescribeAcls_result_acls(
            rd_kafka_event_DescribeAcls_result(here), &out->found);
        give_missing(&g, c, v, out->found);
    }
    forget(&g.there);
    if (here)
        rd_kafka_event_destroy(here);
    if (there)
        rd_kafka_event_destroy(there);
}
