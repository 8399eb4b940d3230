/*
 * sync_log: an offset-syncs topic as large as wanted, and what it costs to
 * read it plainly.  Owns the command line.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/sync_log/sync_log.h"
#include "tests/tools/wire/wire.h"

#define DEADLINE_S 240
#define SYNCS_MAX  1000000000
#define PARTS_MAX  100000

int
main(int argc, char **argv)
{
    (void)alarm(DEADLINE_S);
    if (argc == 6 && strcmp(argv[1], "fill") == 0) {
        fill_log(argv[2], argv[3], number_of(argv[4], SYNCS_MAX),
                 (size_t)number_of(argv[5], PARTS_MAX));
        return 0;
    }
    if (argc == 5 && strcmp(argv[1], "read") == 0) {
        read_log(argv[2], argv[3], number_of(argv[4], SYNCS_MAX));
        return 0;
    }
    (void)fputs("usage: sync_log fill BOOTSTRAP TOPIC SYNCS PARTITIONS\n"
                "       sync_log read BOOTSTRAP TOPIC SYNCS\n",
                stderr);
    return 1;
}
