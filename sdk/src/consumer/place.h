/*
 * Words that travel with offsets, as the metadata of a partition in a list.
 * Pure: values in, values out.
 *
 * A place: {"shunt":1,"cluster":"b","logical":"orders","origin":"a"}, which
 * says where an offset holds, so that it can be kept anywhere and be given back
 * on another cluster; "prints" are the fingerprints of the records before it.  A commit: {"shunt":1,"since":7}, with the application's
 * own metadata, if it gave some, in "app".
 */
#ifndef SHUNT_SDK_PLACE_H
#define SHUNT_SDK_PLACE_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/fingerprint.h"
#include "common/proto/route.h"

/* All owned. */
struct place {
    char *cluster;
    char *logical; /* NULL: not said */
    char *origin;  /* NULL: not said */
    struct po_print *prints;
    size_t n_prints;
};

void place_fini(struct place *p);
/* True: the element's metadata names a place; *out is the caller's. */
bool place_of(const rd_kafka_topic_partition_t *t, struct place *out);
/* Replaces the element's metadata; `logical` and `origin` NULL or "": not said.
 * False: no memory, it has none then. */
bool place_set(rd_kafka_topic_partition_t *t, const struct place *at);
MUST_CHECK int place_copy(struct place *to, const struct place *from);

/* The metadata of a commit in residency `since`; `app` NULL: none of the
 * application.  A place is none either: it has served.  ERR_INVALID: not UTF-8
 * or with a zero byte, which Kafka could not keep; ERR_NOMEM. */
MUST_CHECK int place_commit(int64_t since, const void *app, size_t app_len,
                            char **out, struct err *err);
/* What the application gave with a commit of ours, or the metadata itself of
 * anybody else's; true: *out (NULL: none) is the caller's. */
bool place_app(const rd_kafka_topic_partition_t *t, char **out);
/* Replaces metadata by a text, taken; NULL: none. */
void place_metadata_take(rd_kafka_topic_partition_t *t, char *text);

/* What a topic of `cluster` is called logically, as far as the names of flows
 * tell; borrowed from `topic`.  *origin: where its records were first written,
 * borrowed from the others. */
const char *place_logical(const struct pt_answer *a, const char *cluster,
                          const char *topic, const char **origin);

#endif
