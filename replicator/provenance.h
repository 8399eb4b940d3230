/*
 * The header that names the clusters a record has come from, oldest first:
 * "a,b".  Pure.
 */
#ifndef SHUNT_REPLICATOR_PROVENANCE_H
#define SHUNT_REPLICATOR_PROVENANCE_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* Has the record been on this cluster? */
bool provenance_names(const rd_kafka_message_t *m, const char *header,
                      const char *cluster);
/* Adds a cluster to the list; `*headers` may be NULL, and is made then. */
void provenance_add(rd_kafka_headers_t **headers, const char *header,
                    const char *cluster);

#endif
