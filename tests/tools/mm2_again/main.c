/*
 * Records that MirrorMaker 2 has written, read and written again by our codecs:
 * every byte must be the same, and the partition ours.
 *
 *   mm2_again syncs|checkpoints|heartbeats|positions <LINES
 *
 * LINES is what `ktool dump` prints: PARTITION OFFSET TIMESTAMP KEY VALUE.
 * Positions are of sources of any name, in a topic of 25 partitions; those of
 * the other two connectors are not ours to write and are left out.
 *
 * Ends with "N records, N others".  1: one differs, which is told.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/mm2/codec.h"
#include "replicator/positions.h"

#define POSITIONS_PARTITIONS 25

struct bytes {
    unsigned char *v;
    size_t n;
    bool null;
};

struct line {
    int32_t partition;
    struct bytes key, value;
};

enum verdict { SAME, OTHER, DIFFERS };

/* ---- lines --------------------------------------------------------------- */

static int
nibble(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : 0;
}

/* Decoded in place: "-" is null, else x and hex. */
static struct bytes
decode(char *word)
{
    struct bytes b = {.v = (unsigned char *)word, .null = word[0] == '-'};
    for (const char *p = word + 1; !b.null && p[0] && p[1]; p += 2)
        b.v[b.n++] = (unsigned char)(nibble(p[0]) * 16 + nibble(p[1]));
    return b;
}

static bool
parse(char *text, struct line *out)
{
    char *w[5], *rest = NULL;
    for (size_t i = 0; i < 5; i++)
        if (!(w[i] = strtok_r(i ? NULL : text, " \n", &rest)))
            return false;
    out->partition = (int32_t)strtol(w[0], NULL, 10);
    out->key = decode(w[3]);
    out->value = decode(w[4]);
    return !out->key.null && !out->value.null;
}

static bool
equal(const struct bytes *b, const void *v, size_t n)
{
    return b->n == n && memcmp(b->v, v, n) == 0;
}

static enum verdict
compared(int rc, const struct line *l, struct mm2_bytes *again)
{
    if (rc)
        return DIFFERS;
    const bool same = l->partition == 0 &&
                      equal(&l->key, again->key, again->key_len) &&
                      equal(&l->value, again->value, again->value_len);
    mm2_bytes_fini(again);
    return same ? SAME : DIFFERS;
}

/* ---- the kinds ----------------------------------------------------------- */

static enum verdict
sync_again(const struct line *l, struct err *err)
{
    struct mm2_offset_sync s;
    struct mm2_bytes out;
    if (mm2_offset_sync_decode(l->key.v, l->key.n, l->value.v, l->value.n, &s,
                               err))
        return DIFFERS;
    const int rc = mm2_offset_sync_encode(&s, &out);
    mm2_offset_sync_fini(&s);
    return compared(rc, l, &out);
}

static enum verdict
checkpoint_again(const struct line *l, struct err *err)
{
    struct mm2_checkpoint c;
    struct mm2_bytes out;
    if (mm2_checkpoint_decode(l->key.v, l->key.n, l->value.v, l->value.n, &c,
                              err))
        return DIFFERS;
    const int rc = mm2_checkpoint_encode(&c, &out);
    mm2_checkpoint_fini(&c);
    return compared(rc, l, &out);
}

static enum verdict
heartbeat_again(const struct line *l, struct err *err)
{
    struct mm2_heartbeat h;
    struct mm2_bytes out;
    if (mm2_heartbeat_decode(l->key.v, l->key.n, l->value.v, l->value.n, &h,
                             err))
        return DIFFERS;
    const int rc = mm2_heartbeat_encode(&h, &out);
    mm2_heartbeat_fini(&h);
    return compared(rc, l, &out);
}

static enum verdict
encoded_alike(const struct line *l, const char *cluster, const char *topic,
              int32_t partition, int64_t offset)
{
    char *key = NULL, *value = NULL;
    enum verdict v = DIFFERS;
    if (position_key(cluster, topic, partition, &key) == 0 &&
        position_value(offset, &value) == 0 &&
        equal(&l->key, key, strlen(key)) &&
        equal(&l->value, value, strlen(value)) &&
        l->partition == rd_kafka_msg_partitioner_murmur2(NULL, key, strlen(key),
                                                         POSITIONS_PARTITIONS,
                                                         NULL, NULL))
        v = SAME;
    free(key);
    free(value);
    return v;
}

static enum verdict
position_of(const struct line *l, struct json_t *of, struct err *err)
{
    const char *cluster = NULL, *topic = NULL;
    int64_t partition;
    struct positions p = {0};
    if (js_get_str(of, "", "cluster", JS_OPTIONAL, &cluster, err))
        return DIFFERS;
    if (!cluster) /* of another connector */
        return OTHER;
    if (js_get_str(of, "", "topic", JS_REQUIRED, &topic, err) ||
        js_get_int(of, "", "partition", JS_REQUIRED, 0, INT32_MAX, &partition,
                   err) ||
        positions_record(&p, cluster, l->key.v, l->key.n, l->value.v,
                         l->value.n, err))
        return DIFFERS;
    const int64_t offset = positions_get(&p, topic, (int32_t)partition);
    positions_fini(&p);
    return encoded_alike(l, cluster, topic, (int32_t)partition, offset);
}

static enum verdict
position_again(const struct line *l, struct err *err)
{
    struct json_t *key = NULL;
    if (js_parse((const char *)l->key.v, l->key.n, &key, err))
        return DIFFERS;
    const enum verdict v = position_of(l, js_at(key, 1), err);
    js_free(key);
    return v;
}

/* ---- all of them --------------------------------------------------------- */

static const struct kind {
    const char *name;
    enum verdict (*again)(const struct line *l, struct err *err);
} kinds[] = {
    {"syncs", sync_again},
    {"checkpoints", checkpoint_again},
    {"heartbeats", heartbeat_again},
    {"positions", position_again},
};

static int
read_all(const struct kind *kind)
{
    char *text = NULL;
    size_t size = 0;
    long counts[3] = {0};
    while (getline(&text, &size, stdin) > 0) {
        struct line l;
        struct err err = {0};
        char *told = strdup(text);
        const enum verdict v =
            parse(text, &l) ? kind->again(&l, &err) : DIFFERS;
        counts[v]++;
        if (v == DIFFERS)
            (void)printf("differs: %s %s", err.text, told ? told : "\n");
        free(told);
    }
    free(text);
    (void)printf("%ld records, %ld others\n", counts[SAME], counts[OTHER]);
    return counts[DIFFERS] > 0;
}

int
main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(argv[1], kinds[i].name) == 0)
            return read_all(&kinds[i]);
    (void)fputs("usage: mm2_again syncs|checkpoints|heartbeats|positions\n",
                stderr);
    return 2;
}
