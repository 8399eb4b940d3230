/*
 * A consumer of libshunt for each kind of bad mapper, all at once: whatever the
 * mapper does, a flip skips no record.
 */
#include "tests/unit/sdk-hard/client.h"

#define FIRST 40 /* records of each partition on a before the flip */
#define ALL   60 /* and in all; the later ones stand on b only */

static struct reader readers[MAPPER_COUNT];

static bool
all_have(void *to)
{
    bool all = true;
    for (int i = 0; i < MAPPER_COUNT; i++) {
        for (int n = 0; n < 10; n++)
            reader_poll(&readers[i], 1);
        all &= reader_misses(&readers[i], 0, *(int *)to) == 0;
    }
    return all;
}

static void
expect_all(int to)
{
    if (wait_until(all_have, &to, WAIT_MS))
        return;
    for (int i = 0; i < MAPPER_COUNT; i++)
        (void)fprintf(stderr, "mapper %d: %d of %d records are missing\n", i,
                      reader_misses(&readers[i], 0, to), PARTS * to);
    ck_abort_msg("records are missing");
}

START_TEST(whatever_a_mapper_does_nothing_is_skipped)
{
    fill(&site_a, "orders", 0, FIRST);
    fill(&site_b, "a.orders", SHIFT, ALL);
    for (int i = 0; i < MAPPER_COUNT; i++) {
        char code[32];
        (void)snprintf(code, sizeof(code), "mapper-%d", i);
        shunt_conf_t *conf = client_conf(code);
        client_conf_consumer(conf, code);
        reader_start_take(&readers[i], conf);
    }
    expect_all(FIRST);
    route_to(2, "b");
    expect_all(ALL);
    for (int i = 0; i < MAPPER_COUNT; i++)
        ck_assert_int_ge(atomic_load(&n_questions[i]), 1);
    ck_assert_int_eq(reader_read_again(&readers[MAPPER_EXACT]), 0);
    ck_assert_int_eq(reader_read_again(&readers[MAPPER_SLOW]), 0);
    for (int i = 0; i < MAPPER_COUNT; i++)
        reader_stop(&readers[i]);
}
END_TEST

static void
tests(TCase *t)
{
    tcase_add_test(t, whatever_a_mapper_does_nothing_is_skipped);
}

HARD_MAIN("bad mappers", tests)
