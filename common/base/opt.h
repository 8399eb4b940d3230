/*
 * One option table per program.  It makes the command line (--key VALUE or
 * --key=VALUE), the configuration file (key = value, # comments), --help and
 * docs/options.md; a lint compares the last two.
 */
#ifndef SHUNT_BASE_OPT_H
#define SHUNT_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"

enum opt_type {
    OPT_STR,  /* char *, owned by the configuration struct */
    OPT_INT,  /* int64_t */
    OPT_BOOL, /* bool; on the command line the value may be left out */
};

struct opt {
    const char *key; /* "data.dir" */
    enum opt_type type;
    size_t offset;    /* offsetof(struct conf, field) */
    const char *def;  /* text of the default; NULL: none */
    int64_t min, max; /* of OPT_INT */
    const char *arg;  /* placeholder in --help: "DIR" */
    const char *help; /* one line */
};

/* Tables end with {0}. `conf` is zeroed before the first call. */
MUST_CHECK int opt_defaults(const struct opt *table, void *conf,
                            struct err *err);
/* ERR_NOTFOUND: unknown key. ERR_INVALID: names key and value. */
MUST_CHECK int opt_set(const struct opt *table, void *conf, const char *key,
                       const char *value, struct err *err);
MUST_CHECK int opt_load_file(const struct opt *table, void *conf,
                             const char *path, struct err *err);
/* Handles --KEY; stops at the first word that is no option, or after "--".
 * *next is the index of that word.  "--config FILE" loads the file at once,
 * so later options win. */
MUST_CHECK int opt_args(const struct opt *table, void *conf, int argc,
                        char **argv, int *next, struct err *err);
const struct opt *opt_find(const struct opt *table, const char *key);
void opt_help(const struct opt *table, FILE *to);
/* A markdown table of the options, for docs/options.md. */
void opt_markdown(const struct opt *table, FILE *to);
void opt_fini(const struct opt *table, void *conf);

#endif
