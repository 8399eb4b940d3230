/*
 * Who may come in: connections counted together for all servers of a process,
 * in all and per address, and the memory that their requests hold.  Any
 * thread.
 */
#ifndef SHUNT_NET_HTTP_GATE_H
#define SHUNT_NET_HTTP_GATE_H

#include <netinet/in.h>

#include "common/net/http_server.h"

enum http_gate_verdict { GATE_OPEN, GATE_FULL, GATE_ADDRESS_FULL };

/* Counts one connection in, unless a cap is reached.  `from`: IPv4 mapped. */
enum http_gate_verdict http_gate_enter(struct http_gate *gate,
                                       const struct in6_addr *from);
/* Once for every GATE_OPEN. */
void http_gate_leave(struct http_gate *gate, const struct in6_addr *from);

/* Memory for requests that are not complete, or not answered.  False: all
 * together hold too much. */
MUST_CHECK bool http_gate_take_bytes(struct http_gate *gate, size_t n);
void http_gate_give_bytes(struct http_gate *gate, size_t n);

#endif
