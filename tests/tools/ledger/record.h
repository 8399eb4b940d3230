/*
 * What a writer puts into a record: value "WRITER,KEY,KEYSEQ,SEQ", key
 * "kKEY".  SEQ counts the writer's records, KEYSEQ those of one key.  Pure.
 */
#ifndef LEDGER_RECORD_H
#define LEDGER_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum {
    WRITER_MAX = 32,       /* bytes of a writer's name, its NUL included */
    KEYS_MAX = 1000000,    /* keys of a writer */
    RECORDS_MAX = 50000000 /* records of a writer */
};

struct record {
    char writer[WRITER_MAX];
    int64_t key, key_seq, seq;
};

/* The writer's record number `seq` of `keys` keys: they come round in turn. */
struct record record_nth(const char *writer, int64_t keys, int64_t seq);
/* Both fit 128 bytes.  Return the length. */
size_t record_value(const struct record *r, char out[128]);
size_t record_key(const struct record *r, char out[128]);
/* ERR_PARSE: not a record of a ledger, or its key is not the value's. */
MUST_CHECK int record_decode(const void *key, size_t key_len, const void *value,
                             size_t value_len, struct record *out);
/* Letters, digits, - and _; shorter than WRITER_MAX. */
int record_writer_valid(const char *name);

#endif
