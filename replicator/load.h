/*
 * The settings of a process over its life: loaded once, loaded anew when asked.
 * Superseded settings stay until the end, because threads may still read them.
 */
#ifndef SHUNT_REPLICATOR_LOAD_H
#define SHUNT_REPLICATOR_LOAD_H

#include "replicator/settings.h"

struct loaded {
    const char *path;       /* borrowed */
    struct strlist targets; /* --clusters; empty: all */
    bool quiet;             /* warnings are told of elsewhere */
    struct settings **v;    /* owned; the last one is in force */
    size_t n;
};

/* Reads the file at `path`; warnings go to the log.  After a failure, which
 * names file, line, key and value, what was in force still is. */
MUST_CHECK int load_file(struct loaded *l, struct err *err);
/* NULL before the first success. */
const struct settings *load_current(const struct loaded *l);
void load_fini(struct loaded *l);

#endif
