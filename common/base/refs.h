/*
 * References to secrets inside values: ${file:/abs/path} (what the file holds),
 * ${file:/abs/path:key} (the value of key in that file of key=value lines) and
 * ${env:NAME}.  A table carries references only; who uses a value resolves them.
 *
 * No error of this module shows the text it was given: it may be a secret that
 * was put where a reference belongs.
 */
#ifndef SHUNT_BASE_REFS_H
#define SHUNT_BASE_REFS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum ref_kind { REF_FILE, REF_ENV };

/* Pieces of the text that was parsed; not terminated. */
struct ref {
    enum ref_kind kind;
    const char *name; /* path, or name of the variable */
    size_t name_len;
    const char *key; /* NULL: the whole file */
    size_t key_len;
    const char *end; /* behind the closing brace */
};

/* `text` begins with "${".  ERR_INVALID: not one of the three forms. */
MUST_CHECK int ref_parse(const char *text, struct ref *out, struct err *err);
/* Every "${" in the text begins a well-formed reference; ERR_INVALID, without
 * field and value, when one does not. */
MUST_CHECK int refs_check(const char *text, struct err *err);
/* The whole text is one well-formed reference. */
bool refs_is_one(const char *text);

/* The text with every reference replaced by what it stands for now; blocking
 * file calls.  A file's last line end does not count; in a file of key=value
 * lines, blanks around both are dropped, lines that begin with # or ! are
 * comments, and the last line of a key counts.  *out is the caller's, for
 * refs_wipe_take().  ERR_INVALID: malformed; ERR_NOTFOUND: there is no such file, key or
 * variable; ERR_IO, ERR_LIMIT (a file over REFS_FILE_MAX), ERR_CORRUPT (a NUL
 * byte), ERR_NOMEM.  The error names the reference, never what it holds. */
#define REFS_FILE_MAX ((size_t)1 << 20)
MUST_CHECK int refs_expand(const char *text, char **out, struct err *err);
/* Overwrites and frees a text that may hold a secret; NULL allowed. */
void refs_wipe_take(char *secret);

#endif
