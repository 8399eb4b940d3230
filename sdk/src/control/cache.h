/*
 * The last good answer of the route service on disk, one file for each
 * identity and list of route services, so that a client starts while the whole
 * control plane is down, and never on the route of another installation.  Blocking file
 * calls: control thread, and whoever starts it.
 */
#ifndef SHUNT_SDK_CACHE_H
#define SHUNT_SDK_CACHE_H

#include "common/proto/route.h"

/* Whose route it is; both borrowed.  The order of the servers is no matter. */
struct cache_owner {
    const struct strlist *servers; /* base URLs of the route services */
    const struct pt_identity *identity;
};

/* "DIR/CODE-0123456789abcdef.json", owned by the caller; NULL: no memory. */
char *cache_path(const char *dir, const struct cache_owner *owner);
/* ERR_NOTFOUND: no file.  ERR_CORRUPT: it is damaged, of another format or of
 * another owner; the text says which. */
MUST_CHECK int cache_load(const char *dir, const struct cache_owner *owner,
                          struct pt_answer *out, struct err *err);
/* Makes the folder when it is not there. */
MUST_CHECK int cache_store(const char *dir, const struct cache_owner *owner,
                           const struct pt_answer *answer, struct err *err);

#endif
