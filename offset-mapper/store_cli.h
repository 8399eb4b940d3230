/*
 * shunt-offset backup and shunt-offset verify-store: on a folder, whether a
 * mapper is running on it or not.
 */
#ifndef SHUNT_OFFSET_STORE_CLI_H
#define SHUNT_OFFSET_STORE_CLI_H

/* argv[0] is "backup" or "verify-store". What the program ends with. */
int store_cli(int argc, char **argv);

#endif
