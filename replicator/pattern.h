/*
 * A comma-separated list of regular expressions of which one must match a
 * whole name, as MirrorMaker's topic and group filters do it (PCRE2, whose
 * syntax is Java's for all that is used in names).  Immutable: any thread.
 */
#ifndef SHUNT_REPLICATOR_PATTERN_H
#define SHUNT_REPLICATOR_PATTERN_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/strs.h"

struct pattern;

/* ERR_INVALID names the expression and where it is wrong.  An empty list
 * matches nothing. */
MUST_CHECK int pattern_new(const char *list, struct pattern **out,
                           struct err *err);
/* The same of one expression, which may hold commas. */
MUST_CHECK int pattern_one_new(const char *text, struct pattern **out,
                               struct err *err);
bool pattern_match(const struct pattern *p, const char *name);
/* Does one of them match anywhere in the name? */
bool pattern_find(const struct pattern *p, const char *name);
/* Appends those expressions that are plain names. */
MUST_CHECK int pattern_literals(const struct pattern *p, struct strlist *out);
void pattern_free(struct pattern *p);

#endif
