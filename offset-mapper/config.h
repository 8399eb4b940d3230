/*
 * What the mapper follows: the file of clusters and flows, checked.
 */
#ifndef SHUNT_OFFSET_CONFIG_H
#define SHUNT_OFFSET_CONFIG_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/mm2/naming.h"
#include "common/proto/route.h"

struct flow {
    struct pt_flow def;
    char *name; /* "a->b" */
    struct naming naming;
    char *topic;                      /* its offset-syncs topic ... */
    const struct pt_cluster *cluster; /* ... and where it is; borrowed */
    char *checkpoints;                /* its checkpoints topic, on the target */
};

struct config {
    struct pt_cluster *clusters;
    size_t n_clusters;
    struct flow *flows;
    size_t n_flows;
};

/* ERR_NOTFOUND, ERR_IO, ERR_PARSE, ERR_INVALID (with the field): unknown
 * cluster, name twice, two flows with one offset-syncs topic. */
MUST_CHECK int config_load(const char *path, struct config *out,
                           struct err *err);
MUST_CHECK int config_parse(const char *text, size_t len, struct config *out,
                            struct err *err);
void config_fini(struct config *c);

/* Borrowed; NULL when there is none. */
const struct pt_cluster *config_cluster(const struct config *c,
                                        const char *name);
const struct flow *config_flow(const struct config *c, const char *source,
                               const char *target);
const struct flow *config_flow_named(const struct config *c, const char *name);

#endif
