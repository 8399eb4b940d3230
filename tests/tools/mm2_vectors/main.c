/*
 * Our positions beside those of MirrorMaker 2's own class.
 *
 *   mm2_vectors [--shift N] FILE
 *
 * FILE says what syncs a store was given and what Java's OffsetSyncStore
 * answered (../shared/reference/mm2_offsetsyncstore_vectors.txt tells how it
 * was made):
 *
 *   N m    a new store        R      it has read to the end
 *   S u d  a sync             T q r  q was translated to r (none, -1: not)
 *   D i:u:d ...               the store's entries; of no matter here
 *
 * For the same syncs our position must be at least r and nowhere past what the
 * syncs allow (oracle.h).  MirrorMaker 2 answers as one that lives on, so the
 * copy is taken to have gone on: RUNS_END_PASSED.
 *
 * --shift adds N to each of our positions, to see that it is found out.
 *
 * Ends with "N passed, N failed", a T line each.  0: none failed, 1: some did,
 * 2: FILE cannot be read.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "tests/support/runs_map.h"
#include "tests/tools/mm2_vectors/oracle.h"

#define WORDS_MAX 80 /* D: 64 entries */

struct book {
    const char *file;
    long line;
    bool begun; /* an N was seen */
    struct runs_map map;
    struct oracle oracle;
    int64_t shift;
    long passed, failed, gone;
};

/* ---- words --------------------------------------------------------------- */

struct words {
    char *v[WORDS_MAX];
    size_t n;
};

static int
split(char *line, struct words *w, struct err *err)
{
    w->n = 0;
    char *rest = NULL;
    for (char *s = strtok_r(line, " \t\r\n", &rest); s;
         s = strtok_r(NULL, " \t\r\n", &rest)) {
        if (w->n == WORDS_MAX)
            return err_set(err, ERR_PARSE, "more than %d words", WORDS_MAX);
        w->v[w->n++] = s;
    }
    return 0;
}

/* Up to `end`, as the last character of the number. */
static int
number(const char *s, char end, const char **next, int64_t *out,
       struct err *err)
{
    char *stop = NULL;
    errno = 0;
    *out = strtoll(s, &stop, 10);
    if (!isdigit((unsigned char)*s) || errno || *stop != end)
        return err_set(err, ERR_PARSE, "\"%s\" is no offset", s);
    if (next)
        *next = stop + 1;
    return 0;
}

static int
offset(const char *s, int64_t *out, struct err *err)
{
    return number(s, '\0', NULL, out, err);
}

/* ---- lines --------------------------------------------------------------- */

static int
new_store(struct book *b, const struct words *w, struct err *err)
{
    if (strcmp(w->v[1], "0") != 0 && strcmp(w->v[1], "1") != 0)
        return err_set(err, ERR_PARSE, "N is followed by 0 or 1, not \"%s\"",
                       w->v[1]);
    runs_map_fini(&b->map);
    oracle_fini(&b->oracle);
    b->begun = true;
    return 0;
}

static int
read_to_end(struct book *b, const struct words *w, struct err *err)
{
    (void)b;
    (void)w;
    (void)err;
    return 0; /* ours answers while it loads, too */
}

static int
sync_line(struct book *b, const struct words *w, struct err *err)
{
    int64_t up, down;
    int rc = offset(w->v[1], &up, err);
    if (rc == 0)
        rc = offset(w->v[2], &down, err);
    if (rc)
        return rc;
    if (up > RUNS_OFFSET_MAX || down > RUNS_OFFSET_MAX)
        return err_set(err, ERR_PARSE, "a sync beyond %" PRId64,
                       RUNS_OFFSET_MAX);
    (void)runs_map_sync(&b->map, up, down);
    oracle_sync(&b->oracle, up, down);
    return 0;
}

static int
dump_line(struct book *b, const struct words *w, struct err *err)
{
    (void)b;
    for (size_t i = 1; i < w->n; i++) {
        const char *s = w->v[i];
        int64_t n;
        if (number(s, ':', &s, &n, err) || number(s, ':', &s, &n, err) ||
            number(s, '\0', NULL, &n, err))
            return err_set(err, ERR_PARSE,
                           "\"%s\" is no INDEX:UPSTREAM:DOWNSTREAM", w->v[i]);
    }
    return 0;
}

/* `r` is -1 where MirrorMaker 2 gave no position. */
static void
judge(struct book *b, int64_t q, int64_t r)
{
    struct runs_answer a = runs_map_forward(&b->map, q, RUNS_END_PASSED);
    a.position += b->shift;
    struct sync from;
    const int64_t most = oracle_allows(&b->oracle, q, &from);
    const bool gone = r > most && oracle_is_gone(&b->oracle, q, r);
    b->gone += gone;
    if (a.position <= most && (a.position >= r || gone)) {
        b->passed++;
        return;
    }
    b->failed++;
    if (a.position > most)
        (void)printf("%s:%ld: %" PRId64 " is answered as %" PRId64
                     ", past %" PRId64 ", which is what the sync %" PRId64
                     " -> %" PRId64 " allows (%s)\n",
                     b->file, b->line, q, a.position, most, from.up, from.down,
                     a.reason);
    else
        (void)printf("%s:%ld: %" PRId64 " is answered as %" PRId64
                     ", below %" PRId64 " of MirrorMaker 2 (%s)\n",
                     b->file, b->line, q, a.position, r, a.reason);
}

static int
translation(struct book *b, const struct words *w, struct err *err)
{
    int64_t q, r = -1;
    int rc = offset(w->v[1], &q, err);
    if (rc == 0 && strcmp(w->v[2], "none") != 0 && strcmp(w->v[2], "-1") != 0)
        rc = offset(w->v[2], &r, err);
    if (rc == 0)
        judge(b, q, r);
    return rc;
}

static const struct kind {
    const char *name;
    size_t least, most; /* words */
    int (*take)(struct book *b, const struct words *w, struct err *err);
    const char *shape;
} kinds[] = {
    {"N", 2, 2, new_store, "N 0|1"},
    {"R", 1, 1, read_to_end, "R"},
    {"S", 3, 3, sync_line, "S UPSTREAM DOWNSTREAM"},
    {"T", 3, 3, translation, "T OFFSET POSITION|none|-1"},
    {"D", 1, WORDS_MAX, dump_line, "D INDEX:UPSTREAM:DOWNSTREAM ..."},
};

static int
take(struct book *b, const struct words *w, struct err *err)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kind *k = &kinds[i];
        if (strcmp(w->v[0], k->name) != 0)
            continue;
        if (w->n < k->least || w->n > k->most)
            return err_set(err, ERR_PARSE, "%zu words; it should be: %s", w->n,
                           k->shape);
        if (!b->begun && k->take != new_store)
            return err_set(err, ERR_PARSE, "%s before the first N", k->name);
        return k->take(b, w, err);
    }
    return err_set(err, ERR_PARSE,
                   "a line begins with N, R, S, T, D or #, not "
                   "\"%.40s\"",
                   w->v[0]);
}

static int
take_line(struct book *b, char *line, struct err *err)
{
    struct words w;
    if (line[0] == '#')
        return 0;
    int rc = split(line, &w, err);
    if (rc == 0 && w.n > 0)
        rc = take(b, &w, err);
    return rc;
}

static int
take_file(struct book *b, FILE *f, struct err *err)
{
    char *line = NULL;
    size_t cap = 0;
    int rc = 0;
    errno = 0;
    while (rc == 0 && getline(&line, &cap, f) >= 0) {
        b->line++;
        rc = take_line(b, line, err);
    }
    if (rc == 0 && ferror(f))
        rc = err_errno(err, ERR_IO, errno, "cannot be read");
    if (rc == 0 && b->passed + b->failed == 0)
        rc = err_set(err, ERR_PARSE, "there is no T line");
    free(line);
    return rc;
}

int
main(int argc, char **argv)
{
    const bool shifts = argc == 4 && strcmp(argv[1], "--shift") == 0;
    if (argc != 2 && !shifts) {
        (void)fprintf(stderr, "usage: mm2_vectors [--shift N] FILE\n");
        return 2;
    }
    struct book b = {.file = argv[argc - 1],
                     .shift = shifts ? atoi(argv[2]) : 0};
    struct err err = {0};
    FILE *f = fopen(b.file, "r");
    if (!f) {
        (void)fprintf(stderr, "mm2_vectors: cannot open %s: %s\n", b.file,
                      strerror(errno));
        return 2;
    }
    const int rc = take_file(&b, f, &err);
    (void)fclose(f); /* only read */
    runs_map_fini(&b.map);
    oracle_fini(&b.oracle);
    if (rc) {
        (void)fprintf(stderr, "%s:%ld: %s\n", b.file, b.line, err.text);
        return 2;
    }
    if (b.gone)
        (void)printf("%ld answers of MirrorMaker 2 follow syncs whose offsets "
                     "other records have now\n",
                     b.gone);
    (void)printf("%ld passed, %ld failed\n", b.passed, b.failed);
    return b.failed ? 1 : 0;
}
