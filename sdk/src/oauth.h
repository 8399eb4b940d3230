/*
 * OAuth tokens of a handle: librdkafka asks for one for each generation, the
 * application gives one for all of them.
 */
#ifndef SHUNT_SDK_OAUTH_H
#define SHUNT_SDK_OAUTH_H

#include <pthread.h>
#include <shunt/shunt.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/strs.h"

struct token {
    char *value, *principal; /* NULL: none yet */
    struct strlist extensions;
    int64_t lifetime_ms; /* since the epoch */
    int64_t renew_ms;    /* from then on the application is asked again */
};

struct oauth {
    pthread_mutex_t mutex; /* no lock is taken below it */
    struct token token;
};

MUST_CHECK int oauth_init(struct oauth *o);
void oauth_fini(struct oauth *o);
/* A generation wants a token: it gets the one that is there, or the
 * application is asked.  `kafka` is its handle; NULL: of a producer, not known.
 * Any thread; with a consumer's lock held too, if `kafka` is given. */
void oauth_wanted(shunt_t *rk, rd_kafka_t *kafka, const char *config);

#endif
