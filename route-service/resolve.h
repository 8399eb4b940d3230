/*
 * The answer to an identity: its routes and what it needs to connect and to
 * switch.  Pure.
 */
#ifndef SHUNT_ROUTE_RESOLVE_H
#define SHUNT_ROUTE_RESOLVE_H

#include "common/proto/route.h"
#include "route-service/table.h"

/* pt_answer_fini. */
void resolve(const struct table *t, const struct pt_identity *id,
             struct pt_answer *out);

/* The topics to ask about: those of the identity, or "" when it has none. */
size_t resolve_topics(const struct pt_identity *id);
const char *resolve_topic(const struct pt_identity *id, size_t i);

#endif
