/* Tables and identities for the measurement. */
#ifndef SHUNT_BENCH_RESOLVE_MADE_H
#define SHUNT_BENCH_RESOLVE_MADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto/route.h"
#include "route-service/table.h"

/* Twenty rules to a code, as in life: a default, and rules by topic, group,
 * client id, flink job, prefix and list.  Or all rules of a table in one
 * code. */
struct mix {
    const char *name;
    bool one_code;
};

/* Small, fast, the same everywhere. */
uint32_t made_random(void);
/* A table of so many rules, made by change sets of a thousand. */
struct table *made_table(const struct mix *mix, size_t rules);
/* The table with the rule sent to another cluster. */
struct table *made_flip(struct table *t, const struct mix *mix, size_t rule,
                        int64_t time_ms);
/* What a client says that the rule was made for. */
struct pt_identity made_client(const struct mix *mix, size_t rule);
const char *made_topic(const struct pt_identity *id);

#endif
