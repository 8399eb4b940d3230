/* The live clients, of all servers. */
#ifndef SHUNT_CTL_CLIENTS_H
#define SHUNT_CTL_CLIENTS_H

#include "ctl/servers.h"

/* {"clients":[..],"unanswered":[{"url":..,"error":..}]} of all servers, for a
 * path like "/v1/clients?group=g"; page after page.  Returns an exit code: 0
 * when at least one has answered; the silent ones are named on stderr, unless
 * `quiet`. */
MUST_CHECK int clients_fetch(const struct ctl *ctl, const struct servers *s,
                             const char *path, bool quiet, struct json_t **out);
/* One of them; false: it has left, or lost its server. */
bool clients_connected(const struct json_t *client);

#endif
