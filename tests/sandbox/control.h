/*
 * Where commands come from: stdin and a socket on 127.0.0.1.  Main thread.
 */
#ifndef SHUNT_SANDBOX_CONTROL_H
#define SHUNT_SANDBOX_CONTROL_H

#include "common/base/err.h"
#include "tests/sandbox/command.h"

struct control;

/* Listens on 127.0.0.1:port (0: a free one). ERR_BUSY: the port is taken. */
MUST_CHECK int control_open(int port, struct control **out, struct err *err);
int control_port(const struct control *c);
/* Serves until `quit` is asked for or `signal_fd` becomes readable. */
MUST_CHECK int control_serve(struct control *c, struct sandbox *s,
                             int signal_fd, struct err *err);
void control_close(struct control *c); /* NULL allowed */

#endif
