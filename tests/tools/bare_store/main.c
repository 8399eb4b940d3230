/*
 * Owns the command line and the figures: {"n":..,"p50_us":..,"p99_us":..}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/xmem.h"
#include "tests/tools/bare_store/bare_store.h"

#define DEADLINE_S 120

char *
some_bytes(size_t bytes)
{
    char *data = xmalloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)('a' + (i * i + i / 7) % 26);
    data[bytes] = '\0';
    return data;
}

static void
show(int64_t *us, size_t n)
{
    qsort(us, n, sizeof(*us), compare_i64);
    (void)printf("{\"n\":%zu,\"p50_us\":%lld,\"p99_us\":%lld}\n", n,
                 (long long)us[n / 2], (long long)us[n * 99 / 100]);
}

int
main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (argc < 5) {
        (void)fputs("usage: bare_store lmdb DIR N BYTES\n"
                    "       bare_store znode HOSTS N BYTES\n"
                    "       bare_store post ADDR:PORT N PATH FILE\n",
                    stderr);
        return 1;
    }
    (void)alarm(DEADLINE_S);
    const size_t n = (size_t)number_of(argv[3], 1000000);
    int64_t *us = xcalloc(n, sizeof(*us));
    if (strcmp(what, "lmdb") == 0)
        time_lmdb(argv[2], (size_t)number_of(argv[4], 1 << 20), n, us);
    else if (strcmp(what, "znode") == 0)
        time_znode(argv[2], (size_t)number_of(argv[4], 1 << 20), n, us);
    else if (strcmp(what, "post") == 0 && argc == 6)
        time_post(argv[2], argv[4], argv[5], n, us);
    else
        die("%s is not lmdb, znode or post", what);
    show(us, n);
    free(us);
    return 0;
}
