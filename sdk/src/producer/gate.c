/*
 * See gate.h.  Who enters counts itself in, then looks whether the gate is shut;
 * who shuts it says so, then looks whether anybody is in: at least one of the
 * two must see the other.  Between a store and a load that takes a barrier on
 * both sides, and one instruction with it is 2 % of producing 100 bytes.  So
 * those who pass have none, where the kernel can make all of them have one when
 * somebody shuts the gate (membarrier(2), Linux 4.14).  A count that is not
 * added to in one instruction must have one thread only: the first threads that
 * pass have a lane each, later ones share the others, with barriers.
 */
#include "sdk/src/producer/gate.h"

#include <linux/membarrier.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SHARED    (GATE_LANES - GATE_OWN)
#define SETTLE_NS 10000000

static _Atomic uint64_t threads;
_Thread_local unsigned gate_lane;

void
gate_init(struct gate *g)
{
    for (size_t i = 0; i < GATE_LANES; i++)
        atomic_init(&g->lane[i].inside, 0);
    atomic_init(&g->shut, false);
    g->light = syscall(SYS_membarrier,
                       MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    /* None of these can fail on Linux. */
    (void)pthread_mutex_init(&g->mutex, NULL);
    (void)pthread_mutex_init(&g->leaving, NULL);
    (void)pthread_cond_init(&g->left, NULL);
}

void
gate_fini(struct gate *g)
{
    pthread_cond_destroy(&g->left);
    pthread_mutex_destroy(&g->leaving);
    pthread_mutex_destroy(&g->mutex);
}

static unsigned
lane_of_thread(void)
{
    const uint64_t n = atomic_fetch_add(&threads, 1);
    return (unsigned)(n < GATE_OWN ? n : GATE_OWN + n % SHARED) + 1;
}

/* Also the first time of a thread that gets a lane of its own. */
void
gate_count_shared(struct gate *g, int more)
{
    if (gate_lane == 0)
        gate_lane = lane_of_thread();
    atomic_fetch_add(&g->lane[gate_lane - 1].inside, more);
}

void
gate_tell_left(struct gate *g)
{
    pthread_mutex_lock(&g->leaving);
    pthread_cond_signal(&g->left);
    pthread_mutex_unlock(&g->leaving);
}

void
gate_enter_again(struct gate *g)
{
    do {
        gate_leave(g);
        pthread_mutex_lock(&g->mutex);
        pthread_mutex_unlock(&g->mutex);
        gate_count(g, 1);
    } while (atomic_load(&g->shut));
}

static bool
empty(struct gate *g)
{
    for (size_t i = 0; i < GATE_LANES; i++)
        if (atomic_load(&g->lane[i].inside) > 0)
            return false;
    return true;
}

/* Where it is forbidden since gate_init() (seccomp), waiting does: no processor
 * puts off a store for so long. */
static void
barrier_in_all(void)
{
    const struct timespec settle = {.tv_nsec = SETTLE_NS};
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        (void)nanosleep(&settle, NULL);
}

void
gate_shut(struct gate *g)
{
    pthread_mutex_lock(&g->mutex);
    atomic_store(&g->shut, true);
    if (g->light)
        barrier_in_all();
    pthread_mutex_lock(&g->leaving);
    while (!empty(g))
        pthread_cond_wait(&g->left, &g->leaving);
    pthread_mutex_unlock(&g->leaving);
}

void
gate_open(struct gate *g)
{
    atomic_store(&g->shut, false);
    pthread_mutex_unlock(&g->mutex);
}
