/*
 * An HTTP client for fuzz targets, on the thread of the server's loop: while
 * it sends and waits, it turns the loop.
 */
#ifndef SHUNT_TESTS_FUZZ_CLIENT_H
#define SHUNT_TESTS_FUZZ_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/net/loop.h"

struct client {
    struct loop *loop; /* borrowed */
    int fd;
    bool reset; /* by the server, with bytes on their way */
    bool eof;
    struct buf got;
};

struct answer {
    int status;
    size_t length; /* of the body */
    bool stream;
};

/* `url`: of the server, on 127.0.0.1. */
void client_open(struct client *c, struct loop *loop, const char *url);
void client_turn(struct client *c);
void client_write(struct client *c, const uint8_t *bytes, size_t len);
/* What the server has sent until now. */
void client_read(struct client *c);
void client_close(struct client *c);
void client_fini(struct client *c); /* what came back */

/* Bytes of the head of the first answer in `text`; 0: it is not complete. */
size_t answer_head(const char *text, struct answer *a);
/* All of it is HTTP, each error a JSON object.  `whole`: nothing was lost on
 * the way. */
void answers_check(const char *text, size_t len, bool whole);

#endif
