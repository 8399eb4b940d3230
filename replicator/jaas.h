/*
 * The text of sasl.jaas.config: one login module with its options, as Java
 * reads it.  Pure.
 */
#ifndef SHUNT_REPLICATOR_JAAS_H
#define SHUNT_REPLICATOR_JAAS_H

#include "common/base/err.h"
#include "common/base/strs.h"

struct jaas {
    char *module;         /* owned; without its package */
    struct props options; /* wiped at the end */
};

/* ERR_PARSE says what is missing, never what stands there. */
MUST_CHECK int jaas_parse(const char *text, struct jaas *out, struct err *err);
void jaas_fini(struct jaas *j);

#endif
