/* What stands in the znodes: there and back, and what is not ours. */
#include "route-service/znode.h"

#include "common/base/xmem.h"
#include "tests/support/support.h"
#include "tests/unit/route-service/made.h"

#define ID     "0123456789abcdef0123456789abcdef"
#define DIGEST "00112233445566778899aabbccddeeff"

START_TEST(head)
{
    int64_t r = 0;
    char *text = znode_head_encode(9223372036854775807);
    ck_assert_str_eq(text, "shunt1 9223372036854775807\n");
    ck_assert_int_eq(znode_head_decode(text, &r, NULL), 0);
    ck_assert_int_eq(r, INT64_MAX);
    free(text);
    static const char *const bad[] = {"",         "12\n",       "shunt1 -1\n",
                                      "shunt1 7", "shunt2 7\n", "shunt1 x\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(znode_head_decode(bad[i], &r, NULL), ERR_CORRUPT);
}
END_TEST

static struct znode_text
described(const char *folder, const char *text, size_t len)
{
    struct znode_text t = znode_describe(folder, text, len);
    (void)snprintf(t.id, sizeof(t.id), "%s", ID);
    return t;
}

START_TEST(change)
{
    const char text[] = "{\"a\":1}\n\"second line\"";
    const size_t len = sizeof(text) - 1;
    const struct znode_text t = described(NULL, text, len);
    size_t n;
    char *bytes = znode_change_encode(&t, text, &n);
    struct znode_text got;
    const char *inside = NULL;
    ck_assert_int_eq(znode_change_decode(bytes, n, &got, &inside, NULL), 0);
    ck_assert_str_eq(got.id, ID);
    ck_assert_uint_eq(got.chunks, 0);
    ck_assert_uint_eq(got.bytes, len);
    ck_assert_mem_eq(inside, text, len);
    ck_assert_int_eq(znode_change_decode(bytes, n - 1, &got, &inside, NULL),
                     ERR_CORRUPT);
    bytes[n - 3] ^= 1;
    ck_assert_int_eq(znode_change_decode(bytes, n, &got, &inside, NULL),
                     ERR_CORRUPT);
    free(bytes);
}
END_TEST

START_TEST(change_in_chunks)
{
    const size_t len = 2 * ZNODE_CHUNK + 1;
    char *text = calloc(1, len);
    const struct znode_text t = described("folder", text, len);
    ck_assert_uint_eq(t.chunks, 3);
    size_t n;
    char *bytes = znode_change_encode(&t, text, &n);
    ck_assert_uint_lt(n, 200);
    struct znode_text got;
    const char *inside = NULL;
    ck_assert_int_eq(znode_change_decode(bytes, n, &got, &inside, NULL), 0);
    ck_assert_str_eq(got.folder, "folder");
    ck_assert_uint_eq(got.chunks, 3);
    ck_assert_int_eq(znode_verify(&got, text, len, NULL), 0);
    text[ZNODE_CHUNK] = 'x';
    ck_assert_int_eq(znode_verify(&got, text, len, NULL), ERR_CORRUPT);
    ck_assert_int_eq(znode_verify(&got, text, len - 1, NULL), ERR_CORRUPT);
    free(bytes);
    free(text);
}
END_TEST

START_TEST(chunks)
{
    ck_assert_uint_eq(znode_chunks_of(0), 0);
    ck_assert_uint_eq(znode_chunks_of(1), 1);
    ck_assert_uint_eq(znode_chunks_of(ZNODE_CHUNK), 1);
    ck_assert_uint_eq(znode_chunks_of(ZNODE_CHUNK + 1), 2);
    ck_assert_uint_eq(znode_chunk_len(ZNODE_CHUNK + 1, 0), ZNODE_CHUNK);
    ck_assert_uint_eq(znode_chunk_len(ZNODE_CHUNK + 1, 1), 1);
    ck_assert_uint_eq(znode_chunk_len(ZNODE_CHUNK + 1, 2), 0);
}
END_TEST

START_TEST(snapshot)
{
    struct znode_text t = znode_describe("folder", "text", 4);
    t.revision = 7;
    char *pointer = znode_snapshot_encode(&t);
    struct znode_text got;
    ck_assert_int_eq(znode_snapshot_decode(pointer, &got, NULL), 0);
    ck_assert_int_eq(got.revision, 7);
    ck_assert_str_eq(got.folder, "folder");
    ck_assert_uint_eq(got.chunks, 1);
    ck_assert_int_eq(znode_verify(&got, "text", 4, NULL), 0);
    free(pointer);
}
END_TEST

/* Sizes that would be allocated are not believed. */
START_TEST(foreign)
{
    static const char *const bad[] = {
        "",
        "{}",
        "shunt1 " ID " - 5 0 " DIGEST,
        "shunt1 " ID " - 999999999999 1085070 " DIGEST "\n",
        "shunt1 " ID " f 2000000 0 " DIGEST "\n",
        "shunt1 " ID " f 5 1 " DIGEST "\n",
        "shunt2 " ID " - 0 0 " DIGEST "\n",
    };
    struct znode_text got;
    const char *inside;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(znode_change_decode(bad[i], strlen(bad[i]), &got, &inside,
                                          NULL) == ERR_CORRUPT,
                      "%s", bad[i]);
    ck_assert_int_eq(
        znode_snapshot_decode("shunt1 7 f 99999999999 108507 " DIGEST "\n",
                              &got, NULL),
        ERR_CORRUPT);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("znodes");
    TCase *t = tcase_create("znodes");
    tcase_add_test(t, head);
    tcase_add_test(t, change);
    tcase_add_test(t, change_in_chunks);
    tcase_add_test(t, chunks);
    tcase_add_test(t, snapshot);
    tcase_add_test(t, foreign);
    suite_add_tcase(s, t);
    return s;
}

MADE_MAIN(suite())
