/*
 * The last good answer of the route service on disk, one file per identity, so
 * that a client starts while the whole control plane is down.  Blocking file
 * calls: control thread, and whoever starts it.
 */
#ifndef SHUNT_SDK_CACHE_H
#define SHUNT_SDK_CACHE_H

#include "common/proto/route.h"

/* "DIR/CODE-0123456789abcdef.json", owned by the caller; NULL: no memory. */
char *cache_path(const char *dir, const struct pt_identity *identity);
/* ERR_NOTFOUND: no file.  ERR_CORRUPT: it is damaged, of another format or of
 * another identity; the text says which. */
MUST_CHECK int cache_load(const char *dir, const struct pt_identity *identity,
                          struct pt_answer *out, struct err *err);
/* Makes the folder when it is not there. */
MUST_CHECK int cache_store(const char *dir, const struct pt_identity *identity,
                           const struct pt_answer *answer, struct err *err);

#endif
