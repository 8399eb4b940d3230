/*
 * Every byte sequence of mm2.md section 1 and of mm2_golden_4.1.txt (written
 * by a real MirrorMaker 2 4.1.0), both ways; and what must be refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/mm2/codec.h"

struct bytes {
    unsigned char b[70000];
    size_t n;
};

static struct bytes *
hex(const char *text)
{
    static struct bytes slots[4];
    static size_t next;
    struct bytes *out = &slots[next++ % 4];
    out->n = 0;
    for (; *text; text++) {
        if (*text == ' ')
            continue;
        const char pair[3] = {text[0], text[1], '\0'};
        out->b[out->n++] = (unsigned char)strtol(pair, NULL, 16);
        text++;
    }
    return out;
}

static void
same(const struct mm2_bytes *got, const char *key, const char *value)
{
    const struct bytes *k = hex(key), *v = hex(value);
    ck_assert_uint_eq(got->key_len, k->n);
    ck_assert_mem_eq(got->key, k->b, k->n);
    ck_assert_uint_eq(got->value_len, v->n);
    ck_assert_mem_eq(got->value, v->b, v->n);
}

static const struct {
    const char *key, *value;
    const char *topic;
    int partition;
    long long up, down;
} syncs[] = {
    {"0007 746f7069632d31 00000002", "0000000000000003 0000000000000004",
     "topic-1", 2, 3, 4},
    {"0006 6c6f6e646f6e 00000001", "00000000000f4240 00000000000f4236",
     "london", 1, 1000000, 999990},
    {"00066f726465727300000000", "00000000000000000000000000000000", "orders",
     0, 0, 0},
    {"00066f726465727300000000", "00000000000000650000000000000065", "orders",
     0, 101, 101},
    {"00066f726465727300000000", "00000000000001940000000000000194", "orders",
     0, 404, 404},
    {"00066f726465727300000001", "00000000000000000000000000000000", "orders",
     1, 0, 0},
};

START_TEST(sync_both_ways)
{
    const struct bytes *k = hex(syncs[_i].key), *v = hex(syncs[_i].value);
    struct mm2_offset_sync s;
    ck_assert_int_eq(mm2_offset_sync_decode(k->b, k->n, v->b, v->n, &s, NULL),
                     0);
    ck_assert_str_eq(s.topic, syncs[_i].topic);
    ck_assert_int_eq(s.partition, syncs[_i].partition);
    ck_assert_int_eq(s.upstream, syncs[_i].up);
    ck_assert_int_eq(s.downstream, syncs[_i].down);
    struct mm2_bytes out;
    ck_assert_int_eq(mm2_offset_sync_encode(&s, &out), 0);
    same(&out, syncs[_i].key, syncs[_i].value);
    mm2_bytes_fini(&out);
    mm2_offset_sync_fini(&s);
}
END_TEST

static const struct {
    const char *key, *value;
    const char *group, *topic, *metadata;
    int partition;
    long long up, down;
} checkpoints[] = {
    {"0007 67726f75702d31 0007 746f7069632d32 00000003",
     "0000 0000000000000004 0000000000000005 000a 6d657461646174612d36",
     "group-1", "topic-2", "metadata-6", 3, 4, 5},
    {"0007 6772c3bc707065 0007 412e746f706963 00000000",
     "0000 0000000000000004 0000000000000005 0000", "gr\xc3\xbcppe", "A.topic",
     "", 0, 4, 5},
    {"000267310008612e6f726465727300000003",
     "0000000000000000012c00000000000000cb0000", "g1", "a.orders", "", 3, 300,
     203},
    {"000267310008612e6f726465727300000005",
     "000000000000000002d000000000000002d00000", "g1", "a.orders", "", 5, 720,
     720},
    {"000267310008612e6f726465727300000004",
     "000000000000000001e000000000000001e00000", "g1", "a.orders", "", 4, 480,
     480},
};

START_TEST(checkpoint_both_ways)
{
    const struct bytes *k = hex(checkpoints[_i].key);
    const struct bytes *v = hex(checkpoints[_i].value);
    struct mm2_checkpoint c;
    ck_assert_int_eq(mm2_checkpoint_decode(k->b, k->n, v->b, v->n, &c, NULL),
                     0);
    ck_assert_str_eq(c.group, checkpoints[_i].group);
    ck_assert_str_eq(c.topic, checkpoints[_i].topic);
    ck_assert_str_eq(c.metadata, checkpoints[_i].metadata);
    ck_assert_int_eq(c.partition, checkpoints[_i].partition);
    ck_assert_int_eq(c.upstream, checkpoints[_i].up);
    ck_assert_int_eq(c.downstream, checkpoints[_i].down);
    struct mm2_bytes out;
    ck_assert_int_eq(mm2_checkpoint_encode(&c, &out), 0);
    same(&out, checkpoints[_i].key, checkpoints[_i].value);
    mm2_bytes_fini(&out);
    mm2_checkpoint_fini(&c);
}
END_TEST

START_TEST(checkpoint_without_metadata)
{
    char group[] = "g", topic[] = "t";
    const struct mm2_checkpoint c = {
        .group = group, .topic = topic, .upstream = 4, .downstream = 5};
    struct mm2_bytes out;
    ck_assert_int_eq(mm2_checkpoint_encode(&c, &out), 0);
    same(&out, "0001 67 0001 74 00000000",
         "0000 0000000000000004 0000000000000005 0000");
    mm2_bytes_fini(&out);
}
END_TEST

static const struct {
    const char *key, *value, *source, *target;
    long long time;
} heartbeats[] = {
    {"0008 736f757263652d31 0008 7461726765742d32", "0000 00000000499602d2",
     "source-1", "target-2", 1234567890},
    {"000161000162", "0000000001a1f9997277", "a", "b", 0x1a1f9997277},
    {"000162000161", "0000000001a1f99971a5", "b", "a", 0x1a1f99971a5},
};

START_TEST(heartbeat_both_ways)
{
    const struct bytes *k = hex(heartbeats[_i].key);
    const struct bytes *v = hex(heartbeats[_i].value);
    struct mm2_heartbeat h;
    ck_assert_int_eq(mm2_heartbeat_decode(k->b, k->n, v->b, v->n, &h, NULL), 0);
    ck_assert_str_eq(h.source, heartbeats[_i].source);
    ck_assert_str_eq(h.target, heartbeats[_i].target);
    ck_assert_int_eq(h.timestamp_ms, heartbeats[_i].time);
    struct mm2_bytes out;
    ck_assert_int_eq(mm2_heartbeat_encode(&h, &out), 0);
    same(&out, heartbeats[_i].key, heartbeats[_i].value);
    mm2_bytes_fini(&out);
    mm2_heartbeat_fini(&h);
}
END_TEST

/* Cut short at every byte: refused, with a reason, and nothing to free. */
START_TEST(cut_short)
{
    const struct bytes *k = hex(checkpoints[0].key);
    const struct bytes *v = hex(checkpoints[0].value);
    struct mm2_checkpoint c;
    struct err err;
    for (size_t n = 0; n < k->n; n++) {
        ck_assert_int_eq(mm2_checkpoint_decode(k->b, n, v->b, v->n, &c, &err),
                         ERR_PARSE);
        ck_assert_ptr_null(c.group);
        ck_assert_int_ne(err.text[0], 0);
    }
    for (size_t n = 0; n < v->n; n++)
        ck_assert_int_eq(mm2_checkpoint_decode(k->b, k->n, v->b, n, &c, &err),
                         ERR_PARSE);
    const struct bytes *sk = hex(syncs[0].key), *sv = hex(syncs[0].value);
    struct mm2_offset_sync s;
    for (size_t n = 0; n < sk->n; n++)
        ck_assert_int_eq(
            mm2_offset_sync_decode(sk->b, n, sv->b, sv->n, &s, &err),
            ERR_PARSE);
    for (size_t n = 0; n < sv->n; n++)
        ck_assert_int_eq(
            mm2_offset_sync_decode(sk->b, sk->n, sv->b, n, &s, &err),
            ERR_PARSE);
}
END_TEST

static void
refused(const char *key, const char *value, const char *word)
{
    const struct bytes *k = hex(key), *v = hex(value);
    struct mm2_offset_sync s;
    struct err err;
    ck_assert_int_eq(mm2_offset_sync_decode(key[0] ? k->b : NULL, k->n,
                                            value[0] ? v->b : NULL, v->n, &s,
                                            &err),
                     ERR_PARSE);
    ck_assert_ptr_nonnull(strstr(err.text, word));
}

START_TEST(bad_records)
{
    const char *good = "00000000000000030000000000000004";
    refused("0001 74 00000000", "", "value is null");
    refused("", good, "key is null");
    refused("ffff 74 00000000", good, "key is cut short or has a bad length");
    refused("7fff 74 00000000", good, "key");
    refused("0003 740074 00000000", good, "key");
    refused("0001 74 ffffffff", good, "negative partition");
    refused("0001 74 00000000", "ffffffffffffffff0000000000000004",
            "negative offset");
    refused("0001 74 00000000", "0000000000000000ffffffffffffffff",
            "negative offset");
    struct mm2_heartbeat h;
    struct err err;
    const struct bytes *k = hex("000161000162");
    const struct bytes *v = hex("0001000001a1f9997277");
    ck_assert_int_eq(mm2_heartbeat_decode(k->b, k->n, v->b, v->n, &h, &err),
                     ERR_PARSE);
    ck_assert_ptr_nonnull(strstr(err.text, "unknown version 1"));
}
END_TEST

START_TEST(trailing_bytes_are_ignored)
{
    const struct bytes *k = hex("0001 74 00000000 99");
    const struct bytes *v = hex("00000000000000030000000000000004 99");
    struct mm2_offset_sync s;
    ck_assert_int_eq(mm2_offset_sync_decode(k->b, k->n, v->b, v->n, &s, NULL),
                     0);
    ck_assert_int_eq(s.downstream, 4);
    mm2_offset_sync_fini(&s);
}
END_TEST

START_TEST(cannot_be_written)
{
    char topic[] = "t";
    char *huge = calloc(1, 32769);
    memset(huge, 'x', 32768);
    struct mm2_bytes out;
    struct mm2_offset_sync s = {.topic = topic, .partition = -1};
    ck_assert_int_eq(mm2_offset_sync_encode(&s, &out), ERR_INVALID);
    s = (struct mm2_offset_sync){.topic = topic, .upstream = -1};
    ck_assert_int_eq(mm2_offset_sync_encode(&s, &out), ERR_INVALID);
    s = (struct mm2_offset_sync){.topic = huge};
    ck_assert_int_eq(mm2_offset_sync_encode(&s, &out), ERR_INVALID);
    huge[32767] = '\0';
    ck_assert_int_eq(mm2_offset_sync_encode(&s, &out), 0);
    mm2_bytes_fini(&out);
    free(huge);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mm2 codec");
    TCase *t = tcase_create("records");
    tcase_add_loop_test(t, sync_both_ways, 0, sizeof(syncs) / sizeof(syncs[0]));
    tcase_add_loop_test(t, checkpoint_both_ways, 0,
                        sizeof(checkpoints) / sizeof(checkpoints[0]));
    tcase_add_loop_test(t, heartbeat_both_ways, 0,
                        sizeof(heartbeats) / sizeof(heartbeats[0]));
    tcase_add_test(t, checkpoint_without_metadata);
    tcase_add_test(t, cut_short);
    tcase_add_test(t, bad_records);
    tcase_add_test(t, trailing_bytes_are_ignored);
    tcase_add_test(t, cannot_be_written);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
