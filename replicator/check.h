/*
 * What --check prints: what would be done, and where each value comes from.
 * Nothing that must not be shown.
 */
#ifndef SHUNT_REPLICATOR_CHECK_H
#define SHUNT_REPLICATOR_CHECK_H

#include <stdio.h>

#include "replicator/settings.h"

/* `connect`: asks the sources which topics would be copied now; one that does
 * not answer is told of. */
MUST_CHECK int check_print(const struct settings *s, const char *path,
                           bool connect, bool json, FILE *to, struct err *err);

#endif
