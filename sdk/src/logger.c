/* See logger.h.  A line is one write(), so that several handles and processes
 * may share a file. */
#include "sdk/src/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/base/strs.h"

#define LINE_MAX_BYTES 4096

/* -1: no level. */
static int
level_of(const char *word)
{
    static const struct {
        const char *word;
        int level;
    } levels[] = {
        {"error", LOG_ERR},
        {"warn", LOG_WARNING},
        {"info", LOG_INFO},
        {"debug", LOG_DEBUG},
    };
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
        if (strcmp(levels[i].word, word) == 0)
            return levels[i].level;
    return -1;
}

/* NULL: out of memory. */
static char *
with_pid(const char *path)
{
    char *out = NULL;
    const char *at = strstr(path, "%p");
    const int n = at ? asprintf(&out, "%.*s%ld%s", (int)(at - path), path,
                                (long)getpid(), at + 2)
                     : asprintf(&out, "%s", path);
    return n < 0 ? NULL : out;
}

static char *
with_commas(const char *contexts)
{
    char *out = strdup(contexts);
    for (char *c = out; c && *c; c++)
        if (*c == '+')
            *c = ',';
    return out;
}

static int
take_text(char **to, char *text)
{
    free(*to);
    *to = text;
    return text ? 0 : ERR_NOMEM;
}

static int
take_word(struct log_choice *c, const char *word, struct err *err)
{
    const int level = level_of(word);
    if (level >= 0) {
        c->level = level;
        return 0;
    }
    if (str_starts_with(word, "file=") && word[5])
        return take_text(&c->file, with_pid(word + 5));
    if (str_starts_with(word, "kafka=") && word[6])
        return take_text(&c->debug, with_commas(word + 6));
    return err_field(err, ERR_INVALID, "SHUNT_LOG", word,
                     "SHUNT_LOG: \"%s\" is none of error, warn, info, debug, "
                     "file=PATH, kafka=CONTEXT+CONTEXT",
                     word);
}

int
log_choice_parse(const char *words, struct log_choice *out, struct err *err)
{
    struct strlist list = {0};
    *out = (struct log_choice){.level = -1};
    int rc = words ? strlist_split(&list, words, ",") : 0;
    for (size_t i = 0; i < list.n && !rc; i++)
        rc = take_word(out, list.v[i], err);
    strlist_fini(&list);
    if (out->debug)
        out->level = LOG_DEBUG;
    return rc == ERR_NOMEM ? err_nomem(err) : rc;
}

void
log_choice_fini(struct log_choice *c)
{
    free(c->file);
    free(c->debug);
    *c = (struct log_choice){.level = -1};
}

int
logger_open(struct logger *l, int level, const char *file, struct err *err)
{
    atomic_init(&l->level, level);
    l->fd = -1;
    if (!file)
        return 0;
    l->fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    return l->fd >= 0
               ? 0
               : err_errno(err, ERR_IO, errno,
                           "SHUNT_LOG: the file %s cannot be opened", file);
}

void
logger_close(struct logger *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
}

bool
logger_wants(const struct logger *l, int level)
{
    return level <= atomic_load_explicit(&l->level, memory_order_relaxed);
}

void
logger_write(const struct logger *l, bool to_file, const char *who, int level,
             const char *fac, const char *text)
{
    char line[LINE_MAX_BYTES];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const int n =
        snprintf(line, sizeof(line), "%%%d|%lld.%03ld|%s|%s| %s\n", level,
                 (long long)now.tv_sec, now.tv_nsec / 1000000, fac, who, text);
    if (n < 0)
        return;
    size_t len = (size_t)n;
    if (len >= sizeof(line)) {
        len = sizeof(line) - 1;
        line[len - 1] = '\n';
    }
    /* There is nobody left to tell when this fails. */
    (void)!write(to_file ? l->fd : STDERR_FILENO, line, len);
}
