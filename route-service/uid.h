/* Names that nothing else has: 128 random bits as 32 hexadecimal digits. */
#ifndef SHUNT_ROUTE_UID_H
#define SHUNT_ROUTE_UID_H

#include <stdbool.h>

#define UID_SIZE 33

void uid_make(char out[UID_SIZE]);
bool uid_valid(const char *text);

#endif
