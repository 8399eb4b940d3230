/*
 * The sandbox's commands: one line in, an answer out.  Main thread.
 */
#ifndef SHUNT_SANDBOX_COMMAND_H
#define SHUNT_SANDBOX_COMMAND_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "tests/sandbox/cluster.h"

enum { CLUSTERS = 2 };

struct sandbox {
    struct cluster *clusters[CLUSTERS];
    bool quit; /* set by the command */
};

/* Appends the answer: lines of data, then "ok" or "error: ...", which names
 * the word that was not understood.  An empty line has no answer. */
void command_run(struct sandbox *s, const char *line, struct buf *answer);
/* Makes topics: "orders:6,b/invoices:3"; without CLUSTER/ on all. */
MUST_CHECK int command_topics(struct sandbox *s, const char *list,
                              struct err *err);
/* What `help` answers. */
const char *command_help(void);

#endif
