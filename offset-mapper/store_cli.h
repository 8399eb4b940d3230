/*
 * shunt-offset backup and shunt-offset verify-store: on a folder, whether a
 * mapper is running on it or not.
 */
#ifndef SHUNT_OFFSET_STORE_CLI_H
#define SHUNT_OFFSET_STORE_CLI_H

#include <stdbool.h>

bool store_cli_knows(const char *command);
/* argv[0] is the command. What the program ends with. */
int store_cli(int argc, char **argv);

#endif
