/* Many pass, or one is inside: with barriers of their own and without. */
#include "sdk/src/producer/gate.h"

#include <check.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSERS_MAX 24 /* more than have a lane of their own */
#define LOOKS       50
#ifdef __SANITIZE_THREAD__ /* it looks for what is not ordered, not for luck */
#define PASSES 1000
#define OFTEN  5000
#else
#define PASSES 20000
#define OFTEN  500000
#endif

/* Many who pass; and one, shut so often that a barrier that is missing shows. */
static const struct kind {
    int passers, shuts;
    bool light;
} heavy = {PASSERS_MAX, 300, false}, light = {PASSERS_MAX, 300, true},
  often = {1, OFTEN, true}, few = {PASSERS_MAX, 30, true};

static struct gate gate;
static atomic_bool go_on, seen_shut;
static struct {
    long n; /* not atomic: the gate guards it */
    char apart[56];
} passed[PASSERS_MAX];
static volatile long inside_of_shut;

/* In no cache: what is stored next waits behind this, with no barrier also
 * until after what is loaded next. */
static void
store_slowly(unsigned *at)
{
    static atomic_char far_away[32 << 20];
    for (int i = 0; i < 8; i++) {
        *at = *at * 1103515245 + 12345;
        atomic_store_explicit(&far_away[*at % sizeof(far_away)], 1,
                              memory_order_relaxed);
    }
}

static void *
pass(void *arg)
{
    long *n = arg;
    unsigned at = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < PASSES || atomic_load(&go_on); i++) {
        store_slowly(&at);
        gate_enter(&gate);
        for (int k = 0; k < LOOKS; k++)
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
    for (size_t i = 0; i < PASSERS_MAX; i++)
        n += *(volatile long *)&passed[i].n;
    return n;
}

/* False: somebody passed meanwhile. */
static bool
shut_once(void)
{
    bool still = true;
    gate_shut(&gate);
    inside_of_shut = 1;
    const long before = sum();
    for (int i = 0; i < LOOKS; i++)
        still = still && sum() == before;
    inside_of_shut = 0;
    gate_open(&gate);
    return still;
}

static bool
nobody_is_inside(void)
{
    bool nobody = true;
    for (size_t i = 0; i < GATE_LANES; i++)
        nobody = nobody && atomic_load(&gate.lane[i].inside) == 0;
    return nobody;
}

/* gate_init() has been called. */
static bool
holds(const struct kind *k)
{
    pthread_t threads[PASSERS_MAX];
    bool still = true;
    atomic_store(&go_on, true);
    for (int i = 0; i < k->passers; i++)
        if (pthread_create(&threads[i], NULL, pass, &passed[i].n) != 0)
            abort();
    for (int i = 0; i < k->shuts; i++)
        still = shut_once() && still;
    atomic_store(&go_on, false);
    for (int i = 0; i < k->passers; i++)
        (void)pthread_join(threads[i], NULL);
    return still && !atomic_load(&seen_shut) && nobody_is_inside() &&
           sum() >= (long)k->passers * PASSES;
}

static void
judge(const struct kind *k)
{
    gate_init(&gate);
    gate.light = gate.light && k->light;
    ck_assert(holds(k));
    gate_fini(&gate);
}

START_TEST(with_barriers)
{
    judge(&heavy);
}
END_TEST
START_TEST(without_barriers)
{
    judge(&light);
}
END_TEST
START_TEST(one_thread_shut_often)
{
    judge(&often);
}
END_TEST

static pthread_barrier_t all_in, seen;

static void *
stay(void *arg)
{
    gate_enter(&gate);
    (void)pthread_barrier_wait(&all_in);
    (void)pthread_barrier_wait(&seen);
    gate_leave(&gate);
    return arg;
}

START_TEST(a_lane_of_ones_own_is_of_one_thread)
{
    pthread_t threads[PASSERS_MAX];
    int inside = 0;
    gate_init(&gate);
    ck_assert_int_eq(pthread_barrier_init(&all_in, NULL, PASSERS_MAX + 1), 0);
    ck_assert_int_eq(pthread_barrier_init(&seen, NULL, PASSERS_MAX + 1), 0);
    for (int i = 0; i < PASSERS_MAX; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, stay, NULL), 0);
    (void)pthread_barrier_wait(&all_in);
    for (size_t i = 0; i < GATE_LANES; i++) {
        const int n = atomic_load(&gate.lane[i].inside);
        ck_assert(i >= GATE_OWN || n == 1);
        inside += n;
    }
    ck_assert_int_eq(inside, PASSERS_MAX);
    (void)pthread_barrier_wait(&seen);
    for (int i = 0; i < PASSERS_MAX; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert(nobody_is_inside());
}
END_TEST

/* A kernel that has no membarrier(2), or a sandbox that forbids it. */
static void
forbid_membarrier(void)
{
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog all = {.len = 4, .filter = lines};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all), 0);
}

START_TEST(a_kernel_without_membarrier)
{
    forbid_membarrier();
    gate_init(&gate);
    ck_assert(!gate.light);
    ck_assert(holds(&few));
}
END_TEST

START_TEST(a_sandbox_put_on_later)
{
    gate_init(&gate);
    forbid_membarrier();
    ck_assert(holds(&few));
}
END_TEST

START_TEST(a_gate_made_in_the_child_of_one_who_passed)
{
    int status;
    gate_init(&gate);
    ck_assert(holds(&few));
    const pid_t pid = fork();
    if (pid == 0) {
        gate_init(&gate);
        _exit(holds(&light) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sdk/gate");
    TCase *t = tcase_create("gate");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, with_barriers);
    tcase_add_test(t, without_barriers);
    tcase_add_test(t, one_thread_shut_often);
    tcase_add_test(t, a_lane_of_ones_own_is_of_one_thread);
    tcase_add_test(t, a_kernel_without_membarrier);
    tcase_add_test(t, a_sandbox_put_on_later);
    tcase_add_test(t, a_gate_made_in_the_child_of_one_who_passed);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
