/*
 * Owns nothing: fills the table that it is given.
 */
#include "tests/tools/ledger/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arg *
find(struct arg *table, const char *name)
{
    for (struct arg *a = table; a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

static const struct arg *
known(const struct arg *table, const char *name)
{
    for (const struct arg *a = table; a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    (void)fprintf(stderr, "ledger: no option %s in this table\n", name);
    abort();
}

static int
check_counts(const struct arg *table, struct err *err)
{
    for (const struct arg *a = table; a->name; a++) {
        if (a->values.n < a->min)
            return err_field(err, ERR_INVALID, a->name, NULL,
                             "option --%s is missing", a->name);
        if (a->values.n > a->max)
            return err_field(
                err, ERR_INVALID, a->name, a->values.v[a->values.n - 1],
                "option --%s takes at most %zu values", a->name, a->max);
    }
    return 0;
}

int
args_parse(struct arg *table, int argc, char **argv, struct err *err)
{
    struct arg *current = NULL;
    for (int i = 0; i < argc; i++) {
        if (str_starts_with(argv[i], "--")) {
            current = find(table, argv[i] + 2);
            if (!current)
                return err_field(err, ERR_INVALID, argv[i], NULL,
                                 "unknown option %s; --help lists all",
                                 argv[i]);
        } else if (!current) {
            return err_field(err, ERR_INVALID, argv[i], NULL,
                             "\"%s\" stands before any option", argv[i]);
        } else if (strlist_add(&current->values, argv[i]) != 0) {
            return err_nomem(err);
        }
    }
    return check_counts(table, err);
}

void
args_fini(struct arg *table)
{
    for (struct arg *a = table; a->name; a++)
        strlist_fini(&a->values);
}

const struct strlist *
args_all(const struct arg *table, const char *name)
{
    return &known(table, name)->values;
}

const char *
args_str(const struct arg *table, const char *name, const char *def)
{
    const struct strlist *l = args_all(table, name);
    return l->n ? l->v[l->n - 1] : def;
}

int
args_int(const struct arg *table, const char *name, int64_t min, int64_t max,
         int64_t *out, struct err *err)
{
    const char *s = args_str(table, name, NULL);
    if (!s || str_to_i64(s, min, max, out))
        return 0;
    return err_field(err, ERR_INVALID, name, s,
                     "option --%s: \"%s\" is not a whole number from %lld to "
                     "%lld",
                     name, s, (long long)min, (long long)max);
}
