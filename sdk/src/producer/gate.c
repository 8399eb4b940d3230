/*
 * See gate.h.  Who enters counts itself in, then looks whether the gate is shut;
 * who shuts it says so, then looks whether anybody is in: in one order of all
 * (seq_cst) at least one of the two sees the other.
 */
#include "sdk/src/producer/gate.h"

static atomic_uint threads;
static _Thread_local unsigned mine; /* 0: not known yet */

void
gate_init(struct gate *g)
{
    for (size_t i = 0; i < GATE_LANES; i++)
        atomic_init(&g->lane[i].inside, 0);
    atomic_init(&g->shut, false);
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

static atomic_int *
lane_of_thread(struct gate *g)
{
    if (mine == 0)
        mine = atomic_fetch_add(&threads, 1) % GATE_LANES + 1;
    return &g->lane[mine - 1].inside;
}

void
gate_leave(struct gate *g)
{
    atomic_fetch_sub(lane_of_thread(g), 1);
    if (!atomic_load(&g->shut))
        return;
    pthread_mutex_lock(&g->leaving);
    pthread_cond_signal(&g->left);
    pthread_mutex_unlock(&g->leaving);
}

void
gate_enter(struct gate *g)
{
    for (;;) {
        atomic_fetch_add(lane_of_thread(g), 1);
        if (!atomic_load(&g->shut))
            return;
        gate_leave(g);
        pthread_mutex_lock(&g->mutex);
        pthread_mutex_unlock(&g->mutex);
    }
}

static bool
empty(struct gate *g)
{
    for (size_t i = 0; i < GATE_LANES; i++)
        if (atomic_load(&g->lane[i].inside) > 0)
            return false;
    return true;
}

void
gate_shut(struct gate *g)
{
    pthread_mutex_lock(&g->mutex);
    atomic_store(&g->shut, true);
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
