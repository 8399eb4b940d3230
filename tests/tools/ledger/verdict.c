/* ledger verdict: loads the logs, judges, prints.  Main thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "tests/tools/ledger/args.h"
#include "tests/tools/ledger/commands.h"
#include "tests/tools/ledger/judge.h"
#include "tests/tools/ledger/report.h"

enum { FILES_MAX = 1000 };

static int
load_all(struct book *b, const struct strlist *files,
         int (*load)(struct book *, const char *, struct err *),
         struct err *err)
{
    for (size_t i = 0; i < files->n; i++) {
        const int rc = load(b, files->v[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

static int
write_json(const struct book *b, const struct verdict *v, const char *path,
           struct err *err)
{
    char *text = report_json(b, v);
    if (!text)
        return err_nomem(err);
    const int rc = file_replace(path, text, strlen(text), err);
    free(text);
    return rc;
}

static int
run(const struct arg *args, struct book *b, struct verdict *v, struct err *err)
{
    int rc = load_all(b, args_all(args, "writers"), book_load_writer, err);
    if (rc == 0)
        rc = load_all(b, args_all(args, "readers"), book_load_reader, err);
    if (rc == 0)
        rc = load_all(b, args_all(args, "dumps"), book_load_dump, err);
    if (rc)
        return rc;
    const struct judge_conf conf = {.dead = args_all(args, "dead"),
                                    .group = args_all(args, "group")};
    rc = judge(b, &conf, v, err);
    const char *json = args_str(args, "json", NULL);
    if (rc == 0 && json)
        rc = write_json(b, v, json, err);
    if (rc == 0)
        report_text(b, v, stdout);
    return rc;
}

int
command_verdict(int argc, char **argv)
{
    struct arg args[] = {
        {"writers", 1, FILES_MAX, {0}},
        {"readers", 0, FILES_MAX, {0}},
        {"dumps", 0, FILES_MAX, {0}},
        {"dead", 0, FILES_MAX, {0}},
        {"group", 0, FILES_MAX, {0}},
        {"json", 0, 1, {0}},
        {0},
    };
    struct book b;
    struct verdict v = {0};
    struct err err;
    book_init(&b);
    int rc = args_parse(args, argc, argv, &err);
    if (rc == 0)
        rc = run(args, &b, &v, &err);
    if (rc)
        (void)fprintf(stderr, "ledger verdict: %s\n", err.text);
    const int lost = v.lost > 0;
    verdict_fini(&v);
    book_fini(&b);
    args_fini(args);
    return rc ? 2 : lost;
}
