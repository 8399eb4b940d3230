/*
 * Who may come in: connections counted together for all servers of a process,
 * in all and per address.  Any thread.
 */
#ifndef SHUNT_NET_HTTP_GATE_H
#define SHUNT_NET_HTTP_GATE_H

#include "common/net/http_server.h"

/* An IPv4 address as itself (also when it came mapped into IPv6), an IPv6
 * address as its first 64 bits: what one household or attacker has. */
struct http_addr {
    unsigned char bytes[8];
};

enum http_gate_verdict { GATE_OPEN, GATE_FULL, GATE_ADDRESS_FULL };

/* Counts one connection of `from` in, unless a cap is reached. */
enum http_gate_verdict http_gate_enter(struct http_gate *gate,
                                       const struct http_addr *from);
/* Once for every GATE_OPEN. */
void http_gate_leave(struct http_gate *gate, const struct http_addr *from);

#endif
