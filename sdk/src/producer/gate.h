/*
 * A gate: many pass at once, at the price of two atomic additions each, or it
 * is shut and one is inside.  (A pthread_rwlock costs twice as much, which is
 * 3 % of producing a record of 100 bytes.)
 */
#ifndef SHUNT_SDK_GATE_H
#define SHUNT_SDK_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define GATE_LANES 16

struct gate {
    struct {
        atomic_int inside;
        char apart[60]; /* on a cache line of its own */
    } lane[GATE_LANES];
    atomic_bool shut;
    pthread_mutex_t mutex; /* of who shuts it; those who pass wait for it */
    pthread_mutex_t leaving;
    pthread_cond_t left;
};

void gate_init(struct gate *g);
void gate_fini(struct gate *g);
/* Not while inside. */
void gate_enter(struct gate *g);
void gate_leave(struct gate *g);
void gate_shut(struct gate *g);
void gate_open(struct gate *g);

#endif
