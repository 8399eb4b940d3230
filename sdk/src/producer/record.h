/*
 * One record between its acceptance and its delivery report.  It owns copies
 * of key, value and headers; a handle of librdkafka only borrows the value, so
 * that the record can be handed to the next one.
 */
#ifndef SHUNT_SDK_RECORD_H
#define SHUNT_SDK_RECORD_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gen;
struct lane;

/* What a produce call says; borrowed from its arguments. */
struct record_args {
    const char *topic;
    int32_t partition;
    void *key, *value;
    size_t key_len, value_len;
    void *opaque;
    int flags;
    int64_t timestamp;
    rd_kafka_headers_t *headers; /* of RD_KAFKA_V_HEADERS: the caller's; of
                                    RD_KAFKA_V_HEADER: made here */
    bool headers_made;
};

struct record {
    struct record *prev, *next;
    struct lane *lane;
    struct gen *gen;         /* whose handle has it; NULL: it waits */
    rd_kafka_resp_err_t err; /* verdict that replaces librdkafka's; 0: none */
    int32_t partition;
    int64_t timestamp;
    int64_t deadline_ms; /* clock_mono_ms */
    void *opaque;
    rd_kafka_headers_t *headers;
    size_t bytes;      /* what it counts for queue.buffering.max.kbytes */
    char *key, *value; /* into data; NULL: none */
    size_t key_len, value_len;
    char data[];
};

/* *text (a literal) says what is wrong. After success record_args_fini. */
rd_kafka_resp_err_t record_args_parse(const rd_kafka_vu_t *vus, size_t n,
                                      struct record_args *out,
                                      const char **text);
void record_args_fini(struct record_args *a);

/* Takes a->headers on success. NULL: out of memory. */
struct record *record_new(struct record_args *a);
/* The record keeps its headers to itself no more: the caller has them back. */
void record_give_back_headers(struct record *r, struct record_args *a);
void record_free(struct record *r);

/* Queues it on a handle, with the record as its opaque. Does not block. */
rd_kafka_resp_err_t record_hand_over(const struct record *r, rd_kafka_t *rk,
                                     const char *topic);

#endif
