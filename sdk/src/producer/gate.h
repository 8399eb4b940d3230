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
/* Not while inside. */
void gate_enter(struct gate *g);
void gate_leave(struct gate *g);
void gate_shut(struct gate *g);
void gate_open(struct gate *g);

#endif
