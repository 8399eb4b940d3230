/*
 * Copies are compressed as their sources are: what librdkafka says of batches,
 * and flows between two embedded clusters, which keep batches as they come.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "replicator/clients.h"
#include "replicator/codecs.h"
#include "tests/support/support.h"
#include "tests/unit/replicator/world.h"

#define RECORDS 200

/* ---- lines ------------------------------------------------------------- */

#define SAYS(n, markers, codec)                                                \
    "[thrd:localhost:9092/1]: localhost:9092/1: Enqueue " n                    \
    " message(s) (1890 bytes, 100 ops) on orders [3] fetch queue (qlen 0, "    \
    "v4, last_offset 99, " markers " ctrl msgs, 0 aborted msgsets, " codec ")"

static enum codec
heard(const char *fac, const char *line)
{
    struct codecs *c = codecs_new();
    const atomic_int *codec = codecs_of(c, "orders");
    ck_assert_int_eq(atomic_load(codec), CODEC_UNKNOWN);
    codecs_hear(c, fac, line);
    ck_assert_ptr_eq(codecs_of(c, "orders"), codec);
    const enum codec is = (enum codec)atomic_load(codec);
    codecs_free(c);
    return is;
}

START_TEST(lines_are_understood)
{
    ck_assert_int_eq(heard("CONSUME", SAYS("100", "0", "lz4")), CODEC_LZ4);
    ck_assert_int_eq(heard("CONSUME", SAYS("2", "1", "zstd")), CODEC_ZSTD);
    ck_assert_int_eq(heard("CONSUME", SAYS("1", "0", "gzip")), CODEC_GZIP);
    ck_assert_int_eq(heard("CONSUME", SAYS("1", "0", "snappy")), CODEC_SNAPPY);
    ck_assert_int_eq(heard("CONSUME", SAYS("1", "0", "uncompressed")),
                     CODEC_NONE);
}
END_TEST

START_TEST(other_lines_tell_nothing)
{
    static const char inner[] =
        "b: Enqueue 3 compressed message(s) (9 bytes, 3 ops) on orders [3] "
        "fetch queue (qlen 0, v4, last_offset 99, 0 ctrl msgs, 0 aborted "
        "msgsets, uncompressed)";
    ck_assert_int_eq(heard("CONSUME", SAYS("1", "1", "uncompressed")),
                     CODEC_UNKNOWN); /* a marker */
    ck_assert_int_eq(heard("CONSUME", SAYS("0", "0", "lz4")), CODEC_UNKNOWN);
    ck_assert_int_eq(heard("CONSUME", SAYS("1", "0", "lzma")), CODEC_UNKNOWN);
    ck_assert_int_eq(heard("FETCH", SAYS("1", "0", "lz4")), CODEC_UNKNOWN);
    ck_assert_int_eq(heard("CONSUME", inner), CODEC_UNKNOWN);
    ck_assert_int_eq(heard("CONSUME", ""), CODEC_UNKNOWN);
}
END_TEST

/* ---- flows ------------------------------------------------------------- */

/* To both partitions, in batches of that codec. */
static void
put_compressed(const struct world *w, const char *codec, int from, int to)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    const char *servers = rd_kafka_mock_cluster_bootstraps(w->mock[0]);
    ck_assert_int_eq(
        rd_kafka_conf_set(conf, "bootstrap.servers", servers, why, sizeof(why)),
        0);
    ck_assert_int_eq(
        rd_kafka_conf_set(conf, "compression.type", codec, why, sizeof(why)),
        0);
    struct world of_codec = *w;
    of_codec.rk[0] = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    warm_up(of_codec.rk[0], "orders");
    put_numbers(&of_codec, from, to);
    rd_kafka_destroy(of_codec.rk[0]);
}

struct copies {
    struct codecs *codecs;
    const atomic_int *codec;
    int64_t next[PARTITIONS]; /* they come in order, without holes */
    int n;
};

static void
look_at_copy(struct copies *c, const rd_kafka_message_t *m)
{
    char text[16] = "";
    memcpy(text, m->payload, m->len < 15 ? m->len : 15);
    ck_assert_int_eq(m->offset, c->next[m->partition]);
    ck_assert_int_eq(atoi(text), m->offset);
    c->next[m->partition]++;
    c->n++;
}

/* The codec of the copies from that offset on, which are read to their end. */
static enum codec
codec_of_copies(const struct world *w, int64_t from)
{
    struct err err = {0};
    struct copies c = {.codecs = codecs_new(), .next = {from, from}};
    const struct flow_settings *s = settings_flow(&w->settings, "a", "b");
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(PARTITIONS);
    rd_kafka_t *rk;
    c.codec = codecs_of(c.codecs, "a.orders");
    ck_assert_int_eq(client_copier(&s->clients[ROLE_TARGET_CONSUMER], "test",
                                   c.codecs, &rk, &err),
                     0);
    for (int32_t p = 0; p < PARTITIONS; p++)
        rd_kafka_topic_partition_list_add(list, "a.orders", p)->offset = from;
    ck_assert_int_eq(rd_kafka_assign(rk, list), 0);
    for (int ends = 0; ends < PARTITIONS;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, DEADLINE_MS);
        ck_assert(m != NULL);
        if (m->err)
            ck_assert_int_eq(m->err, RD_KAFKA_RESP_ERR__PARTITION_EOF);
        if (m->err)
            ends++;
        else
            look_at_copy(&c, m);
        rd_kafka_message_destroy(m);
    }
    rd_kafka_topic_partition_list_destroy(list);
    (void)rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    ck_assert_int_gt(c.n, 0);
    const enum codec codec = (enum codec)atomic_load(c.codec);
    codecs_free(c.codecs);
    return codec;
}

static const char *const modes[] = {
    "", "b.exactly.once.source.support = enabled\n"};

START_TEST(each_codec_is_kept)
{
    struct world w;
    world_make(&w, modes[_i % 2]);
    const enum codec codec = (enum codec)(_i / 2);
    put_compressed(&w, codec_name(codec), 0, RECORDS);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, RECORDS);
    flow_free(f);
    ck_assert_int_eq(codec_of_copies(&w, 0), codec);
    world_remove(&w);
}
END_TEST

/* Records of that codec, until copies are; those before are on their way. */
struct change {
    const struct world *w;
    enum codec codec;
    int n; /* records of each partition so far */
};

static bool
is_followed(void *arg)
{
    struct change *c = arg;
    const int from = c->n;
    c->n += RECORDS;
    put_compressed(c->w, codec_name(c->codec), from, c->n);
    await(c->w, "a.orders", PARTITIONS, c->n);
    return codec_of_copies(c->w, from) == c->codec;
}

START_TEST(changes_are_followed)
{
    static const enum codec codecs[] = {CODEC_NONE, CODEC_ZSTD, CODEC_LZ4,
                                        CODEC_NONE};
    struct world w;
    struct change c = {.w = &w};
    world_make(&w, modes[_i]);
    struct flow *f = ready_flow(&w);
    /* Exactly once: only the first change comes within a minute. */
    for (int i = 0; i < (_i == 0 ? 4 : 2); i++) {
        c.codec = codecs[i];
        ck_assert_msg(wait_until(is_followed, &c, DEADLINE_MS), "%s",
                      codec_name(c.codec));
    }
    flow_free(f);
    world_remove(&w);
}
END_TEST

START_TEST(the_file_decides)
{
    struct world w;
    world_make(&w, _i == 0 ? "b.producer.compression.type = none\n"
                           : "b.producer.compression.type = gzip\n");
    put_compressed(&w, "lz4", 0, RECORDS);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, RECORDS);
    flow_free(f);
    ck_assert_int_eq(codec_of_copies(&w, 0), _i == 0 ? CODEC_NONE : CODEC_GZIP);
    world_remove(&w);
}
END_TEST

/* While records are on their way all the time. */
START_TEST(a_change_under_load)
{
    struct world w;
    world_make(&w, "");
    rd_kafka_mock_broker_set_rtt(w.mock[1], 1, 200);
    put_compressed(&w, "none", 0, 1000);
    put_compressed(&w, "lz4", 1000, 40000);
    struct flow *f = ready_flow(&w);
    await(&w, "a.orders", PARTITIONS, 40000);
    flow_free(f);
    ck_assert_int_eq(codec_of_copies(&w, 39000), CODEC_LZ4);
    world_remove(&w);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator codecs");
    TCase *t = tcase_create("lines");
    tcase_add_test(t, lines_are_understood);
    tcase_add_test(t, other_lines_tell_nothing);
    suite_add_tcase(s, t);
    t = tcase_create("flows");
    tcase_set_timeout(t, 90);
    tcase_add_loop_test(t, each_codec_is_kept, 0, 2 * CODECS);
    tcase_add_loop_test(t, changes_are_followed, 0, 2);
    tcase_add_loop_test(t, the_file_decides, 0, 2);
    tcase_add_test(t, a_change_under_load);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
