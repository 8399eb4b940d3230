/*
 * Names that outlive handles: strings interned for the life of the process,
 * and what the topic objects that an application sees are called logically
 * and where their records were first written.
 */
#ifndef SHUNT_SDK_NAME_H
#define SHUNT_SDK_NAME_H

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"

/* The one copy of `s`; NULL: out of memory (or s is NULL). Any thread. */
const char *name_intern(const char *s);

/* Says what `rkt` is called, and which handle of librdkafka it belongs to,
 * until name_forget(owner).  Any thread; cheap when it is known already.  An
 * empty origin: not known. */
MUST_CHECK int name_note(const void *owner, const rd_kafka_topic_t *rkt,
                         const rd_kafka_t *handle, const char *logical,
                         const char *origin);
void name_forget(const void *owner);
/* Never NULL: the physical name where nothing was said. */
const char *name_logical(const rd_kafka_topic_t *rkt);
const char *name_origin(const rd_kafka_topic_t *rkt); /* NULL: not known */
/* Who noted it, as long as that lives; NULL: nobody. */
void *name_owner(const rd_kafka_topic_t *rkt);
/* Only to be compared; NULL: not known. */
const rd_kafka_t *name_handle(const rd_kafka_topic_t *rkt);

#endif
