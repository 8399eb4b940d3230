#include "route-service/uid.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void
uid_make(char out[UID_SIZE])
{
    uint64_t bits[2];
    const ssize_t got = getrandom(bits, sizeof(bits), 0);
    assert(got == (ssize_t)sizeof(bits)); /* never short below 256 bytes */
    (void)got;
    (void)snprintf(out, UID_SIZE, "%016llx%016llx", (unsigned long long)bits[0],
                   (unsigned long long)bits[1]);
}

bool
uid_valid(const char *text)
{
    return strlen(text) == UID_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == UID_SIZE - 1;
}
