/*
 * Decisions of a switch as values in, values out: where a partition starts,
 * what a mapper's answer is worth, what a route asks for.  Pure: no clock, no
 * librdkafka, no logging.
 *
 * c is the cluster entered in residency R (`since`), q the one before it.
 */
#ifndef SHUNT_SDK_HANDOVER_H
#define SHUNT_SDK_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "common/proto/offset.h"
#include "common/proto/route.h"

/* Metadata of a commit: {"shunt":1,"since":R}. Writes at most `size` bytes. */
void handover_metadata(int64_t since, char *buf, size_t size);
/* The residency that a commit was made in; -1: not ours, or none. */
int64_t handover_since(const void *metadata, size_t len);

/* What a translation is worth. */
struct mapped {
    bool known;
    int64_t position, low, high; /* high -1: nothing bounds it */
    int64_t coming;              /* records on their way: read again, too */
    bool ahead;                  /* the record before it has not arrived */
};

/* Believes a mapper only as far as its answer makes sense: the partition that
 * was asked for, 0 <= low <= position <= high, a topic that is expected. */
struct mapped handover_mapped(const struct po_translated *t,
                              const struct po_position *asked,
                              const char *expected_topic);

/* Whether another question may make it exact: it waits for replication, or the
 * mapper reads the record before it on the cluster that is left, which
 * `printed` (a fingerprint was sent) makes needless. */
bool handover_wait(const struct mapped *m);
bool handover_verify(const struct mapped *m, bool printed);

struct start_facts {
    int64_t since;        /* R */
    bool has_previous;    /* q exists */
    int64_t commit;       /* on c; -1: none */
    int64_t commit_since; /* as handover_since() */
    int64_t own;          /* finished by this member on c in R; -1: nothing */
    bool may_wait;        /* the commit of R may still come */
    bool map_done; /* the translation was asked for; `mapped` is all there is */
    struct mapped mapped;
};

enum start_kind {
    START_WAIT,  /* ask for the commit again, later */
    START_MAP,   /* ask for a translation of the position on q */
    START_AT,    /* at `offset` */
    START_RESET, /* as auto.offset.reset says */
    START_OLD,   /* at `offset`, an older commit, unmapped: worth a warning */
    START_BEGINNING, /* at the log start: worth a warning */
};

struct start {
    enum start_kind kind;
    int64_t offset; /* AT, OLD; 0 with BEGINNING */
    int64_t reread; /* records that may be read again; -1: unknown */
};

struct start handover_start(const struct start_facts *f);

/* Sums where -1 (unknown) absorbs everything. */
int64_t handover_sum(int64_t a, int64_t b);

/* The one cluster that an answer names for all topics. */
struct target {
    const struct pt_cluster *cluster; /* borrowed from the answer */
    const char *previous;             /* likewise; NULL: none */
    int64_t since;
    bool fence; /* stop on any other cluster at once */
};

/* ERR_UNAVAILABLE: the answer does not cover all of `topics` yet; ERR_NOTFOUND:
 * no rule matches one; ERR_UNSUPPORTED: it names several clusters. */
MUST_CHECK int handover_target(const struct pt_answer *a,
                               const struct strlist *topics, struct target *out,
                               struct err *err);

/* The cluster to keep ready for these topics, borrowed; NULL: none, or not the
 * same one for all. */
const char *handover_standby(const struct pt_answer *a,
                             const struct strlist *topics);

/* What the records of `logical` that were first written on `origin` are called
 * on `cluster`, as far as one flow of the answer tells.  Owned by the caller;
 * NULL: cannot be told, or no memory. */
char *handover_physical(const struct pt_answer *a, const char *cluster,
                        const char *origin, const char *logical);

#endif
