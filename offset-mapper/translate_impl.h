/*
 * What the parts of translate.h share: translate.c (the life of a question),
 * translate_ask.c (what it asks of others), translate_wait.c (until a record
 * has arrived).  Loop thread.
 */
#ifndef SHUNT_OFFSET_TRANSLATE_IMPL_H
#define SHUNT_OFFSET_TRANSLATE_IMPL_H

#include <sys/queue.h>

#include "offset-mapper/answer.h"
#include "offset-mapper/translate.h"

/* What a position waits for; only item_to() changes it. */
enum item_state {
    ITEM_TIME,   /* the offset at a time; ends with the answer */
    ITEM_LOOK,   /* to be looked up in the store, in this turn of the loop */
    ITEM_LOG,    /* a log's end; then LOOK again */
    ITEM_PRINTS, /* fingerprints of its last records; then FIND */
    ITEM_NARROW, /* where on the target its last record's time is; then FIND */
    ITEM_FIND,   /* the record on the target; then WAIT or DONE */
    ITEM_WAIT,   /* the record's arrival: changes, log ends, the deadline */
    ITEM_DONE,   /* has its answer */
};

/* One position of a question. */
struct item {
    enum item_state state;
    bool woken;    /* at least once */
    bool fresh;    /* a log end was asked for, since it was woken */
    bool read;     /* records were, since the log ended at `log_end` */
    bool narrowed; /* `from` was asked for */
    bool clamped;  /* records before the target's log start may be the one */
    int64_t from;  /* its record stands there or later on the target */
    /* The log on which it is not sure yet. */
    const struct flow *flow;
    const char *log_cluster;
    char *log_topic;
    int64_t log_end;    /* as last seen; -1: never */
    int64_t proven_end; /* its record is not before it, which is the log's end
                           as long as log_end stays; -1: not proven */
};

/* Numbers of items, first in, first out. */
struct queue {
    uint32_t *v;
    size_t head, n, cap;
};

struct translating {
    TAILQ_ENTRY(translating) link;    /* of all */
    TAILQ_ENTRY(translating) waiting; /* of those that wait */
    struct translator *t;
    translate_fn *fn;
    void *arg;
    struct po_question q; /* positions are moved to `out` */
    struct po_translation out;
    struct item *items;
    struct queue to_look, to_ask;
    size_t busy; /* calls that will come back */
    size_t done; /* items in ITEM_DONE */
    int64_t deadline_ms;
    int64_t ask_until_ms; /* then nobody is asked for anything any more */
    bool is_waiting;      /* in that list */
    size_t counted;       /* its positions there */
    bool stepping;
    bool over; /* answered or cancelled; freed when nothing is busy */
};

TAILQ_HEAD(translatings, translating);

struct translator {
    struct loop *loop;
    const struct config *config;
    struct store *store;
    struct translate_asks asks;
    struct translatings all, waiting;
    int64_t asking_ms; /* TRANSLATE_ASKING_MS; tests have less */
    size_t n_waiting, n_positions;
    struct loop_timer *tick;   /* while somebody waits */
    bool changed;              /* look at all that wait, soon */
    unsigned ticks;            /* of the timer */
    bool sweeping;             /* that is being done */
    struct translating *sweep; /* the next to look at */
    struct translating *poll;  /* whose log to ask for next */
};

/* Moves item i on and queues it where that is needed. */
void item_to(struct translating *x, size_t i, enum item_state state);
/* After a look or a find: waits if that may help, or is done. */
void item_settle(struct translating *x, size_t i);
/* Appends to the reason of answer i (words are formatted). */
void item_say(struct translating *x, size_t i, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Does all that can be done now.  False: `x` is answered and gone. */
bool translating_step(struct translating *x);
/* Makes items of the positions of the question. */
void translating_take_positions(struct translating *x);
/* Ends it: `err` NULL answers with `out`. */
void translating_end(struct translating *x, const struct err *err);

/* Asks for what the item's state says; `busy` counts it. */
void translate_ask_item(struct translating *x, size_t i);
/* Asks for the positions of the question's group. */
void translate_ask_group(struct translating *x);
/* Asks for the log that item i waits for, without changing its state. */
void translate_ask_log_of(struct translating *x, size_t i);

/* ERR_BUSY: no more may wait. */
MUST_CHECK int translate_wait_check(const struct translator *t,
                                    size_t positions, struct err *err);
void translate_wait_add(struct translating *x);
/* How many positions it has. */
void translate_wait_count(struct translating *x, size_t positions);
void translate_wait_remove(struct translating *x); /* if it is there */
/* The log that somebody waits for has grown. */
void translate_wait_grown(struct translator *t);

#endif
