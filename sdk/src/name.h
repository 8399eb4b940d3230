/*
 * Names that outlive handles: what a physical topic is called logically and
 * where its records were first written.  Interned for the life of the
 * process; they ride on rd_kafka_topic_t as its opaque, so that a message
 * answers without its handle.
 */
#ifndef SHUNT_SDK_NAME_H
#define SHUNT_SDK_NAME_H

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"

/* The one copy of `s`; NULL: out of memory (or s is NULL). Any thread. */
const char *name_intern(const char *s);

/* Makes the topic object of `physical` in rk carry (logical, origin), before
 * the first message of it is seen.  *out: a reference that the caller destroys
 * before rk (rd_kafka_topic_destroy); the names stay only as long as it. */
MUST_CHECK int name_topic_new(rd_kafka_t *rk, const char *physical,
                              const char *logical, const char *origin,
                              rd_kafka_topic_t **out, struct err *err);
/* Never NULL: the physical name where nothing was attached. */
const char *name_logical(const rd_kafka_topic_t *rkt);
const char *name_origin(const rd_kafka_topic_t *rkt); /* NULL: not known */

#endif
