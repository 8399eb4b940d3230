/*
 * Which lines of a handle are logged and where those go that no log_cb takes.
 * The environment variable SHUNT_LOG turns a running program's log up without
 * touching the program:
 *
 *   SHUNT_LOG=debug
 *   SHUNT_LOG=debug,file=/tmp/shunt-%p.log,kafka=cgrp+broker
 *
 * A level (error, warn, info, debug) replaces the handle's log_level;
 * `file` is appended to (%p: the process id) and gets every line, also those
 * that a log_cb takes; `kafka` replaces the property `debug` of librdkafka,
 * contexts joined by "+", and raises the level to debug.
 */
#ifndef SHUNT_SDK_LOGGER_H
#define SHUNT_SDK_LOGGER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/base/err.h"

struct log_choice {
    int level;   /* syslog's; -1: not said */
    char *file;  /* owned, %p replaced; NULL: not said */
    char *debug; /* owned, "cgrp,broker"; NULL: not said */
};

/* `words` as above; NULL: nothing is said.  ERR_INVALID names the word; what
 * stands before it holds.  ERR_NOMEM. */
MUST_CHECK int log_choice_parse(const char *words, struct log_choice *out,
                                struct err *err);
void log_choice_fini(struct log_choice *c);

struct logger {
    atomic_int level; /* lines above are dropped */
    int fd;           /* -1: no file */
};

/* `file` NULL: none.  ERR_IO: it cannot be opened; the logger works without. */
MUST_CHECK int logger_open(struct logger *l, int level, const char *file,
                           struct err *err);
void logger_close(struct logger *l);
bool logger_wants(const struct logger *l, int level);
/* One line in librdkafka's format to the file, or to stderr.  Any thread. */
void logger_write(const struct logger *l, bool to_file, const char *who,
                  int level, const char *fac, const char *text);

#endif
