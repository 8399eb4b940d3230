/* The requests of PROTOCOL.md: the table that http_server.h wants.  The
 * handlers' context is a struct worker. */
#ifndef SHUNT_ROUTE_API_H
#define SHUNT_ROUTE_API_H

#include "common/net/http_server.h"

extern const struct http_route api_routes[];

#endif
