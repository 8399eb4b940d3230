/*
 * The ledger's command lines: "--name VALUE...", each option a list of words.
 * Main thread.
 */
#ifndef LEDGER_ARGS_H
#define LEDGER_ARGS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/strs.h"

struct arg {
    const char *name;
    size_t min, max; /* how many values, repeated options together */
    struct strlist values;
};

/* Tables end with {0}.  ERR_INVALID names the option. */
MUST_CHECK int args_parse(struct arg *table, int argc, char **argv,
                          struct err *err);
void args_fini(struct arg *table);
/* Borrowed; an option that the table does not have is a mistake of ours. */
const struct strlist *args_all(const struct arg *table, const char *name);
/* The last value given, else `def`. */
const char *args_str(const struct arg *table, const char *name,
                     const char *def);
MUST_CHECK int args_int(const struct arg *table, const char *name, int64_t min,
                        int64_t max, int64_t *out, struct err *err);

#endif
