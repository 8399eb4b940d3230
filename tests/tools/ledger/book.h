/*
 * The book: what all logs together say, in arrays.  Loading checks every line;
 * judging is judge.c's.  Owns its memory; out of memory ends the program.
 */
#ifndef LEDGER_BOOK_H
#define LEDGER_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "tests/tools/ledger/record.h"

enum { NO_NAME = -1, NAMES_MAX = 4096 };

/* A place on a cluster; the names are indexes into the book's lists. */
struct place {
    int16_t cluster, topic;
    int32_t partition;
    int64_t offset;
};

/* One record of a writer's log. */
struct entry {
    int32_t key, key_seq;
    int64_t written_us;    /* handed to the producer */
    int64_t acked_us;      /* first positive report */
    struct place ack;      /* where that report says it stands */
    uint16_t acks, errors; /* reports; more than one in all is a mistake */
};

/* A record seen by a reader or in a dump. */
struct sighting {
    int64_t entry; /* index into the book's entries */
    struct place at;
    int64_t mono_us;
    int32_t client; /* readers: index into the clients */
};

/* What the SDK said of a switch. */
struct said {
    int64_t mono_us;
    bool begins; /* SWITCH, else SWITCHED */
    int64_t stall_ms, bound;
};

/* One delivery to the application (a reader's record, a writer's
 * acknowledgement), for the stalls. */
struct delivery {
    int64_t mono_us;
    int16_t cluster;
    int64_t entry;
};

struct client {
    char *name;
    char *group; /* NULL: a writer */
    struct said *said;
    size_t n_said;
    struct delivery *deliveries;
    size_t n_deliveries, cap_deliveries;
    int64_t end_us;                /* its last line */
    bool ended;                    /* it said so itself */
    int64_t foreign;               /* reads that are no record of a writer */
    size_t first_entry, n_entries; /* writers */
    int64_t keys;                  /* writers */
};

/* What a dump covers of one partition: [low, high). */
struct range {
    struct place at; /* offset: low */
    int64_t high;
};

struct book {
    struct strlist clusters, topics;
    struct client *clients; /* writers first */
    size_t n_clients, n_writers;
    struct entry *entries;
    size_t n_entries, cap_entries;
    struct sighting *reads, *dumped;
    size_t n_reads, cap_reads, n_dumped, cap_dumped;
    struct range *ranges;
    size_t n_ranges;
    int64_t dump_foreign;
    int torn; /* last lines left out */
};

void book_init(struct book *b);
void book_fini(struct book *b);
/* Writers before readers and dumps.  ERR_PARSE with file and line; the book is
 * then only good for book_fini(). */
MUST_CHECK int book_load_writer(struct book *b, const char *path,
                                struct err *err);
MUST_CHECK int book_load_reader(struct book *b, const char *path,
                                struct err *err);
MUST_CHECK int book_load_dump(struct book *b, const char *path,
                              struct err *err);
/* NO_NAME when the list does not have it. */
int book_name(const struct strlist *names, const char *name);
/* Makes room for one more element. */
void *book_grow(void *v, size_t n, size_t *cap, size_t size);

#endif
