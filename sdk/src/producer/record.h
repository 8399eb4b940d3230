/*
 * One record while no handle of librdkafka has it: its topic has no route yet,
 * or is on the move.  It owns what it was given to own; a borrowed value stays
 * the application's and comes back with the report.
 */
#ifndef SHUNT_SDK_RECORD_H
#define SHUNT_SDK_RECORD_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lane;

/* What a produce call says; borrowed from its arguments. */
struct record_args {
    const char *topic;           /* or */
    const rd_kafka_topic_t *rkt; /* of producer_topic() */
    int32_t partition;
    int flags;
    const void *key;
    void *value;
    size_t key_len, value_len;
    void *opaque;
    int64_t timestamp;           /* 0: now */
    rd_kafka_headers_t *headers; /* the caller's, or made here */
    bool headers_made;
};

/* Of arguments one by one; record_args_fini() also after a failure. */
static inline void
record_args_init(struct record_args *a)
{
    *a = (struct record_args){.partition = RD_KAFKA_PARTITION_UA};
}
rd_kafka_resp_err_t record_args_add(struct record_args *a,
                                    const rd_kafka_vu_t *vu);
/* `taken`: the record was accepted, and headers made here with it. */
static inline void
record_args_fini(struct record_args *a, bool taken)
{
    if (a->headers_made && !taken)
        rd_kafka_headers_destroy(a->headers);
    a->headers = NULL;
}

enum value_kind {
    VALUE_COPIED,   /* librdkafka has a copy of its own */
    VALUE_GIVEN,    /* malloc()ed, and freed with the record */
    VALUE_BORROWED, /* the application's */
};

struct record {
    struct record *prev, *next;
    struct lane *lane;
    int64_t seq;             /* carried: its place among those carried */
    rd_kafka_resp_err_t err; /* of its report, when it failed here */
    int32_t partition;
    bool carried; /* the partition may be the partitioner's choice elsewhere */
    enum value_kind kind; /* GIVEN or BORROWED */
    int64_t timestamp;
    int64_t deadline_ms; /* clock_mono_ms */
    void *opaque;
    rd_kafka_headers_t *headers;
    void *value;
    size_t value_len, key_len;
    bool has_key;
    char key[];
};

/* Copies the key, and the value unless it is given or borrowed.  Headers and a
 * given value become its own. NULL: out of memory, nothing is taken. */
struct record *record_new(const struct record_args *a, enum value_kind kind);
/* The same from a message that librdkafka has given back with an error, whose
 * value it frees or not by itself (`kind`). */
struct record *record_of_message(const rd_kafka_message_t *m,
                                 enum value_kind kind);
void record_free(struct record *r); /* its given value and headers too */

#endif
