/*
 * How the batches of the source's topics are compressed.  No call of
 * librdkafka tells it; what it writes at "debug = msg" of each answer to a
 * fetch does, in the same words from 1.9 to 2.10.
 */
#ifndef SHUNT_REPLICATOR_CODECS_H
#define SHUNT_REPLICATOR_CODECS_H

#include <stdatomic.h>
#include <stdbool.h>

/* The numbers are Kafka's. */
enum codec {
    CODEC_UNKNOWN = -1,
    CODEC_NONE,
    CODEC_GZIP,
    CODEC_SNAPPY,
    CODEC_LZ4,
    CODEC_ZSTD,
    CODECS
};

struct codecs;

struct codecs *codecs_new(void);
void codecs_free(struct codecs *c);
/* The codec of what was last read of the topic, an enum codec. Borrowed until
 * codecs_free(). Any thread. */
const atomic_int *codecs_of(struct codecs *c, const char *topic);
/* A line that librdkafka logs, under its name; of an answer that has batches of
 * several codecs, or none beside one, it names a codec. Any thread; it comes
 * before the records are handed out. */
void codecs_hear(struct codecs *c, const char *fac, const char *line);
/* As librdkafka and Kafka call it. */
const char *codec_name(enum codec codec);

#endif
