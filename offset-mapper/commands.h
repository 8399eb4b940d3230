/*
 * shunt-offset COMMAND: what an administrator asks of a running mapper, or does
 * with its folder, on the machine that it runs on.  One file each.
 */
#ifndef SHUNT_OFFSET_COMMANDS_H
#define SHUNT_OFFSET_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct json_t;

/* From the options; borrowed. */
struct command_conf {
    const char *listen;   /* where the running mapper listens */
    const char *data_dir; /* its store */
    int64_t samples;      /* verify */
    int64_t timeout_ms;
    bool json; /* print what the mapper answers */
};

/* What the process exits with. */
enum command_exit {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1, /* it failed, or found something wrong */
    COMMAND_USAGE = 2,
    COMMAND_UNREACHABLE = 3, /* no mapper answers */
};

struct command {
    const char *name, *args, *summary, *example;
    /* `argv`: the name and the words after it, or "--help". */
    int (*run)(const struct command_conf *conf, int argc, char **argv);
};

/* NULL: there is no such command. */
const struct command *command_find(const char *name);
void command_help(void); /* a paragraph for --help */

int command_verify(const struct command_conf *conf, int argc, char **argv);

/* Asks the mapper that listens at conf->listen; `body` is taken, NULL: none.
 * COMMAND_OK and *answer (js_free), or an exit code, said on stderr. */
MUST_CHECK int command_ask_take(const struct command_conf *conf,
                                const char *method, const char *path,
                                struct json_t *body, int64_t timeout_ms,
                                struct json_t **answer);

#endif
