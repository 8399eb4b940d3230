/*
 * The subcommands.  Each gets the words after its name and returns the exit
 * code: 0; 1: something was lost, or it could not go on; 2: bad input.
 */
#ifndef LEDGER_COMMANDS_H
#define LEDGER_COMMANDS_H

#include <stdbool.h>

int command_write(int argc, char **argv);
int command_read(int argc, char **argv);
int command_process(int argc, char **argv);
int command_dump(int argc, char **argv);
int command_verdict(int argc, char **argv);

/* SIGTERM and SIGINT set what stop_wanted() answers. */
void stop_on_signals(void);
bool stop_wanted(void);

#endif
