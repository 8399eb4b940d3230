/*
 * librdkafka makes errors with these flags and lets nobody else do so.  Where a
 * flag stands is found by trying: a byte of a fresh error is set, and
 * librdkafka's own function is asked whether it sees just that flag.  Should it
 * never (another version), the error comes without.
 */
#include "sdk/src/producer/txn_error.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define UNKNOWN (-1)
#define NOWHERE (-2)
#define LOOK_AT 64 /* bytes; the text follows the flags */

struct flags {
    int abort, retry, fatal;
    rd_kafka_resp_err_t code;
};

static struct flags
flags_of(const rd_kafka_error_t *e)
{
    return (struct flags){
        .abort = rd_kafka_error_txn_requires_abort(e),
        .retry = rd_kafka_error_is_retriable(e),
        .fatal = rd_kafka_error_is_fatal(e),
        .code = rd_kafka_error_code(e),
    };
}

static bool
set_only(const rd_kafka_error_t *e, const struct flags *was, bool abort)
{
    const struct flags is = flags_of(e);
    return is.code == was->code && is.fatal == was->fatal &&
           is.abort == (abort ? 1 : 0) && is.retry == (abort ? 0 : 1);
}

/* Leaves the flag set where it returns a place. */
static int
find(rd_kafka_error_t *e, bool abort)
{
    unsigned char *bytes = (unsigned char *)e;
    const struct flags was = flags_of(e);
    const size_t all = malloc_usable_size(e);
    for (size_t i = 0; i < all && i < LOOK_AT; i++) {
        if (bytes[i] != 0)
            continue;
        bytes[i] = 1;
        if (set_only(e, &was, abort))
            return (int)i;
        bytes[i] = 0;
    }
    return NOWHERE;
}

static rd_kafka_error_t *
flagged(rd_kafka_resp_err_t code, const char *text, bool abort)
{
    static atomic_int places[2] = {UNKNOWN, UNKNOWN};
    rd_kafka_error_t *e = rd_kafka_error_new(code, "%s", text);
    atomic_int *place = &places[abort];
    const int at = atomic_load(place);
    if (at == UNKNOWN)
        atomic_store(place, find(e, abort));
    else if (at != NOWHERE)
        ((unsigned char *)e)[at] = 1;
    return e;
}

rd_kafka_error_t *
txn_error_abort(rd_kafka_resp_err_t code, const char *text)
{
    return flagged(code, text, true);
}

rd_kafka_error_t *
txn_error_retry(rd_kafka_resp_err_t code, const char *text)
{
    return flagged(code, text, false);
}
