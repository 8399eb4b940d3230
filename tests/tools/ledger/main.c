/*
 * ledger: writes records that can be told apart, reads them, and judges what
 * became of them.  README.md.
 */
#include <stdio.h>
#include <string.h>

#include "tests/tools/ledger/commands.h"

static const char usage[] =
    "Usage: ledger COMMAND OPTIONS\n"
    "\n"
    "  write    --conf K=V... --topic orders --writer w1 --log FILE\n"
    "           [--keys 997] [--rate 1000] [--count N]\n"
    "  read     --conf K=V... --topic orders --group g --log FILE [--reader r1]\n"
    "  process  --conf K=V... --producer K=V... --topic orders --group g\n"
    "           --to done --log FILE\n"
    "  dump     --bootstrap HOST:PORT --cluster b --topic T... --log FILE\n"
    "  verdict  --writers FILE... [--readers FILE...] [--dumps FILE...]\n"
    "           [--dead CLUSTER...] [--group G...] [--json FILE]\n"
    "\n"
    "write, read and process go on until SIGTERM. Exit code of verdict: 1 when records\n"
    "were lost, 2 when a log can't be used.\n"
    "\n"
    "Example:\n"
    "  ledger verdict --writers w1.log w2.log --readers r1.log r2.log "
    "--dumps b.log --dead a\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"write", command_write},     {"read", command_read},
    {"process", command_process}, {"dump", command_dump},
    {"verdict", command_verdict},
};

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    (void)fprintf(stderr, "ledger: no command \"%s\"\n\n%s", name, usage);
    return 2;
}
