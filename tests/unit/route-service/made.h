/*
 * What the tests of the route service make their tables and identities of:
 * JSON with ' for ".  A fault in it ends the test.
 */
#ifndef SHUNT_TESTS_ROUTE_MADE_H
#define SHUNT_TESTS_ROUTE_MADE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "route-service/change.h"
#include "route-service/table.h"
#include "tests/support/support.h"

/* pt_identity_fini. */
static inline struct pt_identity
made_identity(const char *text)
{
    struct json_t *j = json_of(text);
    struct pt_identity id;
    struct err err;
    ck_assert_msg(pt_identity_decode(j, "", &id, &err) == 0, "%s", err.text);
    js_free(j);
    return id;
}

/* {"operations":[..]} of what stands between the brackets; change_fini. */
static inline struct change
made_change(const char *operations)
{
    const size_t size = strlen(operations) + 40;
    char *text = malloc(size);
    struct change c;
    struct err err;
    (void)snprintf(text, size, "{'operations':[%s]}", operations);
    struct json_t *j = json_of(text);
    ck_assert_msg(change_decode(j, &c, &err) == 0, "%s", err.text);
    js_free(j);
    free(text);
    return c;
}

/* table_unref. */
static inline struct table *
made_applied(const struct change *c, struct table *head)
{
    struct touched touched;
    struct table *t = NULL;
    struct err err;
    ck_assert_msg(change_apply(c, head, &t, &touched, &err) == 0, "%s",
                  err.text);
    touched_fini(&touched);
    return t;
}

/* Applies the operations to the head at that time; the new table is the head
 * then. */
static inline void
made_push_at(struct table **head, const char *operations, int64_t time_ms)
{
    struct change c = made_change(operations);
    c.time_ms = time_ms;
    struct table *t = made_applied(&c, *head);
    ck_assert_ptr_ne(t, *head);
    table_unref(*head);
    *head = t;
    change_fini(&c);
}

static inline void
made_push(struct table **head, const char *operations)
{
    made_push_at(head, operations, (*head)->time_ms);
}

#define MADE_CLUSTER(name)                                                     \
    "{'op':'put','cluster':{'name':'" name "','bootstrap.servers':'" name      \
    ":9092'}}"
#define MADE_FLOW(source, target)                                              \
    "{'op':'put','flow':{'source':'" source "','target':'" target "'}}"
#define MADE_RULE(id, priority, match, cluster)                                \
    "{'op':'put','rule':{'id':'" id "','priority':" priority                   \
    ",'match':{" match "},'cluster':'" cluster "'}}"

#define MADE_MAIN(suite)                                                       \
    int main(void)                                                             \
    {                                                                          \
        SRunner *runner = srunner_create(suite);                               \
        srunner_run_all(runner, CK_ENV);                                       \
        const int failed = srunner_ntests_failed(runner);                      \
        srunner_free(runner);                                                  \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                           \
    }

#endif
