/*
 * What the benches' tools share: sockets, requests, and ending with a sentence
 * when anything goes wrong, because half a measurement tells nothing.
 */
#ifndef WIRE_H
#define WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

/* A sentence on stderr, exit code 1. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The whole of `word` is a number in [0, max]. */
int64_t number_of(const char *word, int64_t max);
struct sockaddr_in address_of(const char *text); /* "127.0.0.1:7070" */
/* Connected, blocking; `from` (NULL: any) is the address to come from. */
int connect_to(const struct sockaddr_in *to, const struct in_addr *from);
void set_nonblocking(int fd);
void send_all(int fd, const char *data, size_t len);
/* A POST of JSON, appended to `b`. */
void put_request(struct buf *b, const char *path, const char *body);
/* The whole answer is here: its head and as many bytes as that says. */
bool answer_is_whole(const struct buf *b);
/* For qsort() of int64_t. */
int compare_i64(const void *a, const void *b);

#endif
