/*
 * Regular expressions in subscriptions: "^..." as librdkafka takes them (POSIX
 * extended), matched on logical names.  Pure.
 */
#ifndef SHUNT_SDK_PATTERN_H
#define SHUNT_SDK_PATTERN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "common/proto/route.h"

struct pattern {
    char *text;
    regex_t regex;
};

/* Zeroed: none. */
struct patterns {
    struct pattern *v;
    size_t n;
};

/* ERR_INVALID: not a regular expression; ERR_NOMEM. */
MUST_CHECK int patterns_add(struct patterns *p, const char *text,
                            struct err *err);
/* Separated by commas, as topic.blacklist is. */
MUST_CHECK int patterns_add_list(struct patterns *p, const char *list,
                                 struct err *err);
void patterns_fini(struct patterns *p);
bool pattern_matches(const struct pattern *p, const char *name);
bool patterns_match(const struct patterns *p, const char *name);

/* Adds, sorted and each once, the logical names of those physical topics of
 * `cluster` that match and that `black` does not. ERR_NOMEM. */
MUST_CHECK int pattern_pick(const struct pattern *p,
                            const struct patterns *black,
                            const struct pt_answer *a, const char *cluster,
                            const struct strlist *physical,
                            struct strlist *out);

#endif
