/*
 * What a flow finds on both clusters: topics of the source that it copies, and
 * their copies, made and grown where they were missing.  Blocks; any thread.
 */
#ifndef SHUNT_REPLICATOR_SURVEY_H
#define SHUNT_REPLICATOR_SURVEY_H

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"
#include "common/base/strs.h"

struct flow;

struct surveyed {
    char *name, *remote;
    int32_t here, there;    /* partitions; there: 0 when it could not be made */
    int32_t *leaders;       /* of those here; -1: none */
    int32_t *leaders_there; /* NULL: it is only made now */
    char *problem;          /* why not all can be copied; NULL: all can */
    struct props configs;   /* of a copy that is to be made */
};

struct survey {
    struct surveyed *v;
    size_t n;
};

/* Not 0: a cluster cannot tell its topics; *out is NULL. */
MUST_CHECK int survey_make(struct flow *f, struct survey **out,
                           struct err *err);
void survey_free(struct survey *s);
/* Makes the topics that the flow writes beside its copies.  *positions is how
 * many partitions that of the positions has. */
MUST_CHECK int survey_internal(struct flow *f, int32_t *positions,
                               struct err *err);

#endif
