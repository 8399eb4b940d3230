/*
 * The HTTP side of PROTOCOL.md.  Everything here runs on the loop thread.
 */
#ifndef SHUNT_OFFSET_API_H
#define SHUNT_OFFSET_API_H

#include "common/base/err.h"
#include "common/net/loop.h"
#include "offset-mapper/config.h"
#include "offset-mapper/content.h"
#include "offset-mapper/follow.h"
#include "offset-mapper/groups.h"
#include "offset-mapper/logs.h"
#include "offset-mapper/store.h"
#include "offset-mapper/verify.h"

struct api;

/* What it answers from; everything is borrowed until api_free(). */
struct api_parts {
    const struct config *config;
    struct store *store;
    struct content *content;
    struct logs *logs;
    struct verify *verify;
    struct groups *groups;
    struct follow *follow; /* NULL: nothing is followed */
};

/* Takes the port; the loop must not run before api_serve().  ERR_BUSY: it is
 * taken. */
MUST_CHECK int api_listen(struct loop *loop, const char *listen,
                          struct api **out, struct err *err);
/* `parts` is copied. */
MUST_CHECK int api_serve(struct api *api, const struct api_parts *parts,
                         struct err *err);
/* Both. */
MUST_CHECK int api_start(struct loop *loop, const char *listen,
                         const struct api_parts *parts, struct api **out,
                         struct err *err);
/* "http://127.0.0.1:7071", borrowed. */
const char *api_url(const struct api *api);
void api_free(struct api *api);

#endif
