/*
 * What the files of route.h share: paths of fields, checks of names and of
 * properties.  Pure.
 */
#ifndef SHUNT_PROTO_ROUTE_PARTS_H
#define SHUNT_PROTO_ROUTE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/strs.h"

struct json_t;

struct part_path {
    char s[160]; /* cut when longer: it is only shown */
};

/* "rule.match" of "rule" and "match"; no dot after an empty path. */
struct part_path part_path_of(const char *path, const char *key);
/* "routes[2]" of "routes" and 2. */
struct part_path part_path_at(const char *path, size_t i);

/* Letters, digits and the characters of `extra`; at least one. */
bool part_made_of(const char *s, const char *extra);
/* Letters, digits, - and _; at least one. */
bool part_name_valid(const char *name);
/* ERR_INVALID with the field's path unless it is such a name. */
MUST_CHECK int part_name_check(const char *name, const char *path,
                               const char *key, struct err *err);
/* ERR_INVALID with the field's path when it is "". */
MUST_CHECK int part_text_check(const char *value, const char *path,
                               const char *key, struct err *err);
/* The optional "properties" of j, appended to *out and checked (route_props.c).
 * No error shows a value: it may be a secret. */
MUST_CHECK int part_properties_get(const struct json_t *j, const char *path,
                                   struct props *out, struct err *err);
/* n zeroed elements, room for one when n is 0; NULL: out of memory. */
void *part_alloc(size_t n, size_t size);
/* Sets *s to a copy of `def` unless it has a value. */
MUST_CHECK int part_default(char **s, const char *def, struct err *err);
/* `j`, or NULL after releasing it when rc says that building failed. */
struct json_t *part_built(struct json_t *j, int rc);

#endif
