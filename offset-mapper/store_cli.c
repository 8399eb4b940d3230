/*
 * verify-store works in a child: LMDB trusts its pages, so a file that is cut
 * short or overwritten may end the process that reads it.
 */
#include "offset-mapper/store_cli.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "offset-mapper/store.h"
#include "offset-mapper/store_verify.h"

#define FAULTS_SHOWN 100

static int
complain(const char *command, const struct err *err)
{
    (void)fprintf(stderr, "shunt-offset %s: %s\n", command, err->text);
    return EXIT_FAILURE;
}

/* ---- backup ----------------------------------------------------------- */

static int
backup(char **argv)
{
    struct store *s;
    struct err err;
    int rc = store_open_read(argv[1], &s, &err);
    if (rc)
        return complain(argv[0], &err);
    rc = store_backup(s, argv[2], &err);
    store_close(s);
    if (rc)
        return complain(argv[0], &err);
    printf("%s is copied to %s\n", argv[1], argv[2]);
    return EXIT_SUCCESS;
}

/* ---- verify-store ----------------------------------------------------- */

static void
print_fault(const char *text, void *arg)
{
    int64_t *n = arg;
    if (++*n <= FAULTS_SHOWN)
        printf("damaged: %s\n", text);
}

static int
print_report(const char *dir, const struct store_report *r)
{
    if (r->faults > FAULTS_SHOWN)
        printf("damaged: ... and %" PRId64 " more\n", r->faults - FAULTS_SHOWN);
    printf("%s: %" PRId64 " flows, %" PRId64 " partitions, %" PRId64
           " blocks, %" PRId64 " runs, %" PRId64
           " blocks to be deleted, %" PRId64 " entries: ",
           dir, r->flows, r->partitions, r->blocks, r->runs, r->old_blocks,
           r->entries);
    if (r->faults == 0) {
        printf("sound\n");
        return EXIT_SUCCESS;
    }
    printf("%" PRId64 " faults\n"
           "Put a backup in its place, or move it away: the topics will be "
           "read again.\n",
           r->faults);
    return EXIT_FAILURE;
}

static int
verify(char **argv)
{
    struct store *s;
    struct store_report report;
    struct err err;
    int64_t shown = 0;
    int rc = store_open_read(argv[1], &s, &err);
    if (rc)
        return complain(argv[0], &err);
    rc = store_verify(s, print_fault, &shown, &report, &err);
    store_close(s);
    return rc ? complain(argv[0], &err) : print_report(argv[1], &report);
}

static int
verify_in_child(char **argv)
{
    int status;
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGBUS, SIG_DFL); /* its parent has the words for it */
        const int code = verify(argv);
        (void)fflush(NULL);
        _exit(code);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("shunt-offset verify-store");
        return EXIT_FAILURE;
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    printf("damaged: reading %s ended with %s: the file is cut short, or its "
           "pages are overwritten\n"
           "Put a backup in its place, or move it away: the topics will be "
           "read again.\n",
           argv[1], strsignal(WTERMSIG(status)));
    return EXIT_FAILURE;
}

/* ---- commands --------------------------------------------------------- */

static const struct command {
    const char *name, *operands;
    int argc;
    int (*run)(char **argv);
    const char *help;
} commands[] = {
    {"backup", "DATA.DIR FOLDER", 3, backup,
     "Copies the store of a mapper, running or not, into a new FOLDER, which "
     "can be\nused as a data.dir as it is. To restore: stop the mapper, move "
     "its data.dir away\nand put FOLDER there.\n\n"
     "  shunt-offset backup /var/lib/shunt/offset /backup/offset.2026-01-31"},
    {"verify-store", "DATA.DIR", 2, verify_in_child,
     "Looks at every entry of a store, of a running mapper or not, and whether "
     "they\nfit each other. Exit code 1: damaged, with what is.\n\n"
     "  shunt-offset verify-store /backup/offset.2026-01-31"},
};

static const struct command *
find(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int
store_cli(int argc, char **argv)
{
    const struct command *c = find(argv[0]);
    const bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (!help && argc == c->argc && argv[1][0] != '-')
        return c->run(argv);
    (void)fprintf(help ? stdout : stderr, "usage: shunt-offset %s %s\n\n%s\n",
                  c->name, c->operands, c->help);
    return help ? EXIT_SUCCESS : EXIT_FAILURE;
}
