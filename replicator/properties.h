/*
 * Java .properties text, as java.util.Properties reads it: comments (# !),
 * key and value separated by =, : or blanks, lines continued by a backslash,
 * \uXXXX.  Bytes are taken as UTF-8.  Pure.
 */
#ifndef SHUNT_REPLICATOR_PROPERTIES_H
#define SHUNT_REPLICATOR_PROPERTIES_H

#include <stddef.h>

#include "common/base/err.h"

struct property {
    char *key, *value; /* owned */
    char *shown;       /* owned; stands for a value that must not be shown;
                          NULL: it may be */
    size_t line;       /* on which it begins, from 1 */
};

/* In the order of the file; a key that is given twice stands twice. */
struct properties {
    struct property *v;
    size_t n;
};

/* ERR_PARSE names the line. Nothing is left to free after a failure. */
MUST_CHECK int properties_parse(const char *text, size_t len,
                                struct properties *out, struct err *err);
/* Values are overwritten first. */
void properties_fini(struct properties *p);
/* For logs, errors, answers. */
const char *property_shown(const struct property *p);
/* Hides what is a secret by the name of its key. */
void properties_hide_secrets(struct properties *p);

#endif
