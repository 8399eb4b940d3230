/*
 * What the tests of messages share: JSON written with ' for ", refusals.
 */
#ifndef SHUNT_TESTS_MESSAGES_H
#define SHUNT_TESTS_MESSAGES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "tests/support/support.h"

static inline void
assert_json(struct json_t *got_taken, const char *wanted)
{
    struct json_t *w = json_of(wanted);
    char *a = js_dump(got_taken);
    char *b = js_dump(w);
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
    js_free(w);
    js_free(got_taken);
}

struct refusal {
    const char *json;
    int code;
    const char *field;
    const char *value;
};

static inline void
assert_refused(int rc, const struct err *err, const struct refusal *r)
{
    ck_assert_msg(rc == r->code, "%s: %s (%s)", r->json, err_name(rc),
                  rc ? err->text : "");
    ck_assert_str_eq(err->field, r->field);
    ck_assert_str_eq(err->value, r->value);
    ck_assert_msg(strstr(err->text, err->field) != NULL, "%s", err->text);
}

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#endif
