/* Many pass, or one is inside: with barriers of their own and without. */
#include "sdk/src/producer/gate.h"

#include <check.h>
#include <stdlib.h>

#define PASSERS 20 /* more than there are lanes */
#define PASSES  20000

/* Many who pass; and one, shut so often that a barrier that is missing shows. */
static const struct {
    int passers, shuts;
    bool light;
} kinds[] = {{PASSERS, 300, false}, {PASSERS, 300, true}, {1, 100000, true}};

static struct gate gate;
static atomic_bool go_on, seen_shut;
static struct {
    long n; /* not atomic: the gate guards it */
    char apart[56];
} passed[PASSERS];
static long inside_of_shut;

static void *
pass(void *arg)
{
    long *n = arg;
    for (int i = 0; i < PASSES || atomic_load(&go_on); i++) {
        gate_enter(&gate);
        if (inside_of_shut != 0)
            atomic_store(&seen_shut, true);
        ++*n;
        gate_leave(&gate);
    }
    return NULL;
}

static long
sum(void)
{
    long n = 0;
    for (size_t i = 0; i < PASSERS; i++)
        n += *(volatile long *)&passed[i].n;
    return n;
}

static void
shut_once(void)
{
    gate_shut(&gate);
    *(volatile long *)&inside_of_shut = 1;
    const long before = sum();
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(sum(), before);
    *(volatile long *)&inside_of_shut = 0;
    gate_open(&gate);
}

START_TEST(nobody_passes_what_is_shut)
{
    pthread_t threads[PASSERS];
    gate_init(&gate);
    gate.light = gate.light && kinds[_i].light;
    atomic_store(&go_on, true);
    for (int i = 0; i < kinds[_i].passers; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, pass, &passed[i].n),
                         0);
    for (int i = 0; i < kinds[_i].shuts; i++)
        shut_once();
    atomic_store(&go_on, false);
    for (int i = 0; i < kinds[_i].passers; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert(!atomic_load(&seen_shut));
    ck_assert_int_ge(sum(), (long)kinds[_i].passers * PASSES);
    gate_fini(&gate);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sdk/gate");
    TCase *t = tcase_create("gate");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, nobody_passes_what_is_shut, 0, 3);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
