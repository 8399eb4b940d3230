/*
 * What shunt-replicator answers by HTTP: /healthz, /readyz, /metrics, /status,
 * and the pausing of flows.  Everything here runs on the loop thread.
 */
#ifndef SHUNT_REPLICATOR_API_H
#define SHUNT_REPLICATOR_API_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/net/loop.h"

struct api;
struct flow;

/* Takes the port; the loop must not run before api_serve().  ERR_BUSY: it is
 * taken. */
MUST_CHECK int api_listen(struct loop *loop, const char *listen,
                          struct api **out, struct err *err);
/* The flows are borrowed until api_free(). */
void api_serve(struct api *api, struct flow *const *flows, size_t n);
/* "http://127.0.0.1:7072", borrowed. */
const char *api_url(const struct api *api);
void api_free(struct api *api); /* NULL allowed */

#endif
