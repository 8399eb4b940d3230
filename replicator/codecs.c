/*
 * Owns what was heard.  A lock of its own: lines come from librdkafka's
 * threads, as long as the handle lives.
 */
#include "replicator/codecs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/xmem.h"

#define NAME_MAX_BYTES 250 /* of a topic */

struct heard {
    char *topic;
    atomic_int codec;
    UT_hash_handle hh;
};

struct codecs {
    pthread_mutex_t lock;
    struct heard *topics; /* under the lock */
};

static const char *const names[CODECS] = {"none", "gzip", "snappy", "lz4",
                                          "zstd"};

const char *
codec_name(enum codec codec)
{
    return codec == CODEC_UNKNOWN ? "unknown" : names[codec];
}

struct codecs *
codecs_new(void)
{
    struct codecs *c = xcalloc(1, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void
codecs_free(struct codecs *c)
{
    struct heard *h, *next;
    if (!c)
        return;
    HASH_ITER(hh, c->topics, h, next)
    {
        HASH_DEL(c->topics, h);
        free(h->topic);
        free(h);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

const atomic_int *
codecs_of(struct codecs *c, const char *topic)
{
    struct heard *h;
    pthread_mutex_lock(&c->lock);
    HASH_FIND_STR(c->topics, topic, h);
    if (!h) {
        h = xcalloc(1, sizeof(*h));
        h->topic = xstrdup(topic);
        atomic_init(&h->codec, CODEC_UNKNOWN);
        HASH_ADD_KEYPTR(hh, c->topics, h->topic, strlen(topic), h);
    }
    pthread_mutex_unlock(&c->lock);
    return &h->codec;
}

static enum codec
codec_of_word(const char *word)
{
    if (strcmp(word, "uncompressed") == 0)
        return CODEC_NONE;
    for (int i = CODEC_GZIP; i < CODECS; i++)
        if (strcmp(word, names[i]) == 0)
            return (enum codec)i;
    return CODEC_UNKNOWN;
}

void
codecs_hear(struct codecs *c, const char *fac, const char *line)
{
    char topic[NAME_MAX_BYTES], word[16];
    int n, markers;
    struct heard *h;
    const char *from =
        strcmp(fac, "CONSUME") == 0 ? strstr(line, ": Enqueue ") : NULL;
    if (!from || sscanf(from,
                        ": Enqueue %d message(s) (%*d bytes, %*d ops) on %249s "
                        "[%*d] fetch queue (qlen %*d, v%*d, last_offset %*d, "
                        "%d ctrl msgs, %*d aborted msgsets, %15[a-z0-9])",
                        &n, topic, &markers, word) != 4)
        return;
    const enum codec codec = codec_of_word(word);
    if (n <= markers || codec == CODEC_UNKNOWN)
        return; /* markers of transactions are never compressed */
    pthread_mutex_lock(&c->lock);
    HASH_FIND_STR(c->topics, topic, h);
    if (h)
        atomic_store(&h->codec, codec);
    pthread_mutex_unlock(&c->lock);
}
