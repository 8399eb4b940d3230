/*
 * Owns through which producer a part's records go: one that compresses as the
 * source's batches are compressed.  Runs on the flow's thread.
 *
 * The first to open a topic fixes its codec for the whole life of a producer
 * (librdkafka), so a flow has a producer for each codec that it meets.  A part
 * uses one at a time, or its records might pass each other: it changes between
 * two groups.
 *
 * A unit that copies exactly once has one producer: it opens a topic when its
 * first record is there, and is taken anew when codecs have changed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/parts.h"

#define RENEW_MS      60000 /* between two takings for the sake of a codec */
#define RETRY_MS      10000 /* for a producer that cannot be made */
#define HEAR_MS       1000  /* after the last record */
#define HEAR_AGAIN_MS 30000 /* for one that is read again */
#define HEAR_PARTS    100   /* of so few it costs nothing to hear always */

#define LEVEL_INFO  6 /* syslog's */
#define LEVEL_DEBUG 7

/* ---- producers --------------------------------------------------------- */

/* NULL: it cannot be made now, which is said. */
static rd_kafka_t *
make(struct flow *f, enum codec codec)
{
    struct err err = {0};
    rd_kafka_t *rk = NULL;
    if (clock_mono_ms() < f->compressing_retry_ms)
        return NULL;
    char *id =
        xasprintf("shunt-replicator-%s-%s", f->conf->name, codec_name(codec));
    if (client_producer(&f->conf->clients[ROLE_TARGET_PRODUCER], NULL, id, &rk,
                        &err) == 0) {
        flow_ring(f, rk);
    } else {
        f->compressing_retry_ms = clock_mono_ms() + RETRY_MS;
        log_warn("%s: records are copied uncompressed, not as %s: %s",
                 f->conf->name, codec_name(codec), err.text);
    }
    free(id);
    return rk;
}

static rd_kafka_t *
producer_of(struct flow *f, enum codec codec)
{
    if (codec == CODEC_NONE)
        return f->producer;
    if (!f->compressing[codec])
        f->compressing[codec] = make(f, codec);
    return f->compressing[codec];
}

int
compress_serve(struct flow *f)
{
    int n = 0;
    for (int i = 0; i < CODECS; i++)
        if (f->compressing[i])
            n += rd_kafka_poll(f->compressing[i], 0);
    return n;
}

rd_kafka_resp_err_t
compress_fatal_error(struct flow *f, char *why, size_t size)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < CODECS && !code; i++)
        if (f->compressing[i])
            code = rd_kafka_fatal_error(f->compressing[i], why, size);
    return code;
}

void
compress_end(struct flow *f)
{
    for (int i = 0; i < CODECS; i++)
        client_end_producer(f->compressing[i]);
}

/* ---- parts ------------------------------------------------------------- */

/* CODEC_UNKNOWN: nothing was read, or it is not for us to say. */
static enum codec
read_last(const struct part *p)
{
    return p->topic->codec ? (enum codec)atomic_load(p->topic->codec)
                           : CODEC_UNKNOWN;
}

/* Unless the file has one. */
static void
put_level(rd_kafka_topic_conf_t *conf)
{
    char now[16] = "";
    size_t len = sizeof(now);
    (void)rd_kafka_topic_conf_get(conf, "compression.level", now, &len);
    if (strcmp(now, "-1") == 0)
        (void)rd_kafka_topic_conf_set(conf, "compression.level",
                                      CLIENT_ZSTD_LEVEL, NULL, 0);
}

static rd_kafka_topic_conf_t *
conf_of(const struct part *p)
{
    if (!p->topic->codec)
        return NULL;
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(p->via);
    (void)rd_kafka_topic_conf_set(conf, "compression.codec",
                                  codec_name(p->codec), NULL, 0);
    if (p->codec == CODEC_ZSTD)
        put_level(conf);
    return conf;
}

/* False: rd_kafka_last_error() tells why not. */
static bool
open_as(struct part *p, enum codec codec)
{
    p->codec = codec == CODEC_UNKNOWN ? CODEC_NONE : codec;
    p->via =
        p->unit->producer ? p->unit->producer : producer_of(p->flow, p->codec);
    if (!p->via) {
        p->via = p->flow->producer;
        p->codec = CODEC_NONE;
    }
    p->to = rd_kafka_topic_new(p->via, p->topic->remote, conf_of(p));
    return p->to != NULL;
}

int
part_open(struct part *p, struct err *err)
{
    const bool waits =
        p->topic->codec && p->unit->producer && read_last(p) == CODEC_UNKNOWN;
    if (p->to || waits || !unit_is_mine(p->unit) || open_as(p, read_last(p)))
        return 0;
    return err_kafka(err, rd_kafka_last_error(), "topic %s", p->topic->remote);
}

void
part_close(struct part *p)
{
    if (p->to)
        rd_kafka_topic_destroy(p->to);
    p->to = NULL;
}

bool
part_changes_codec(const struct part *p)
{
    const enum codec codec = read_last(p);
    return codec != CODEC_UNKNOWN && codec != p->codec;
}

rd_kafka_resp_err_t
part_follow_codec(struct part *p)
{
    const enum codec codec = read_last(p);
    if (p->to && (codec == CODEC_UNKNOWN || codec == p->codec))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    /* Producers leave a batch uncompressed that would not shrink; ours too. */
    if (p->to && p->unit->producer && codec != CODEC_NONE)
        p->unit->odd = true;
    if (p->to && (p->unit->producer || p->inflight > 0))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    part_close(p);
    return open_as(p, codec) ? RD_KAFKA_RESP_ERR_NO_ERROR
                             : rd_kafka_last_error();
}

/* ---- listening --------------------------------------------------------- */

static void
set_deaf(struct flow *f, bool deaf)
{
    if (f->deaf != deaf)
        rd_kafka_set_log_level(f->consumer, deaf ? LEVEL_INFO : LEVEL_DEBUG);
    f->deaf = deaf;
}

static void
hear_for(struct flow *f, int64_t ms)
{
    const int64_t until = clock_mono_ms() + ms;
    if (until > f->hears_until_ms)
        f->hears_until_ms = until;
    set_deaf(f, false);
}

/* librdkafka writes lines of each fetch and partition, also of what brings
 * nothing: with many idle partitions they cost as much as the fetches. */
void
compress_hear(struct flow *f, bool records)
{
    if (!f->codecs ||
        client_settings_get(&f->conf->clients[ROLE_SOURCE_CONSUMER], "debug"))
        return;
    if (records || f->n_parts <= HEAR_PARTS)
        hear_for(f, HEAR_MS);
    else if (clock_mono_ms() > f->hears_until_ms)
        set_deaf(f, true);
}

bool
compress_missed(struct part *p)
{
    if (p->heard || !p->topic->codec || read_last(p) != CODEC_UNKNOWN)
        return false;
    p->heard = true; /* or it never will be */
    hear_for(p->flow, HEAR_AGAIN_MS);
    return true;
}

/* ---- units ------------------------------------------------------------- */

void
compress_turn(struct flow *f)
{
    const int64_t now = clock_mono_ms();
    for (int32_t i = 0; i < f->n_units; i++) {
        struct unit *u = &f->units[i];
        if (!u->odd || !u->given || u->failed || u->txn != TXN_NONE ||
            now < u->odd_wait_ms)
            continue;
        u->odd_wait_ms = now + RENEW_MS;
        unit_renew(u, 0);
    }
}
