/*
 * Stalls around switches, from the times of deliveries alone.  Pure.
 *
 * A *switch* of a client is a change of cluster between two deliveries that
 * follow each other in its log.  A change less than STALL_JOIN_US after the
 * one before belongs to the same switch (partitions move one by one).
 *
 * Its *stall* is the longest time between two deliveries of the client that
 * follow each other, among those that touch the time from STALL_MARGIN_US
 * before the first change to STALL_MARGIN_US after the last one, cut to the
 * time in which records were written (first to last W line of all writers).
 *
 * Its *wait* is the longest time that a record of those gaps waited from its
 * acknowledgement to its delivery; it shows a partition that stalls while
 * others go on.  0 for writers.
 *
 * A client that its SDK told of a switch, and that delivered nothing on
 * another cluster from then on, has a switch that never came; its stall lasts
 * from the last delivery to the end of its log.
 */
#ifndef LEDGER_STALL_H
#define LEDGER_STALL_H

#include "tests/tools/ledger/book.h"

#define STALL_JOIN_US   INT64_C(3000000)
#define STALL_MARGIN_US INT64_C(1000000)

struct switch_stall {
    int from, to; /* clusters; to == NO_NAME: never came */
    int64_t first_us, last_us;
    int64_t stall_us, wait_us;
    int64_t said_stall_ms, said_bound; /* the SDK's; -1: nothing said */
};

struct client_stalls {
    struct switch_stall *v; /* owned */
    size_t n;
};

struct busy {
    int64_t from_us, to_us; /* when records were written */
};

struct busy stall_busy(const struct book *b);
/* The book's deliveries of a client are in the order of its log. */
struct client_stalls stall_of(const struct book *b, const struct client *c,
                              struct busy busy);

#endif
