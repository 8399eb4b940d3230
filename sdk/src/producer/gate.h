/*
 * A gate: many pass at once, at next to no price, or it is shut and one is
 * inside.  (Of producing a record of 100 bytes two atomic additions are 4 %, a
 * pthread_rwlock twice that.)
 */
#ifndef SHUNT_SDK_GATE_H
#define SHUNT_SDK_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define GATE_OWN   16 /* lanes of one thread each */
#define GATE_LANES 32

struct gate {
    struct {
        atomic_int inside;
        char apart[60]; /* on a cache line of its own */
    } lane[GATE_LANES];
    atomic_bool shut;
    bool light; /* those who pass need no barriers; set by gate_init() */
    pthread_mutex_t mutex; /* of who shuts it; those who pass wait for it */
    pthread_mutex_t leaving;
    pthread_cond_t left;
};

void gate_init(struct gate *g);
void gate_fini(struct gate *g);
void gate_shut(struct gate *g);
void gate_open(struct gate *g);

/* The lane of this thread and 1; 0: not known yet.  In every record's way: this
 * model spares a call. */
extern _Thread_local unsigned gate_lane
    __attribute__((tls_model("initial-exec")));

void gate_count_shared(struct gate *g, int more);
void gate_enter_again(struct gate *g);
void gate_tell_left(struct gate *g);

static inline void
gate_count(struct gate *g, int more)
{
    const unsigned own = gate_lane - 1;
    if (!g->light || own >= GATE_OWN) {
        gate_count_shared(g, more);
        return;
    }
    atomic_int *inside = &g->lane[own].inside;
    const int n = atomic_load_explicit(inside, memory_order_relaxed);
    atomic_store_explicit(inside, n + more, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst); /* the compiler's order */
}

static inline void
gate_leave(struct gate *g)
{
    gate_count(g, -1);
    if (atomic_load(&g->shut))
        gate_tell_left(g);
}

/* Not while inside. */
static inline void
gate_enter(struct gate *g)
{
    gate_count(g, 1);
    if (atomic_load(&g->shut))
        gate_enter_again(g);
}

#endif
