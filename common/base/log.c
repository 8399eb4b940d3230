#include "common/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Atomic int level_max = LOG_INFO;
static void (*_Atomic line_sink)(enum log_level, const char *);

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_tags[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};

void
log_set_level(enum log_level level)
{
    atomic_store(&level_max, (int)level);
}

int
log_level_of(const char *name)
{
    for (int i = 0; i <= LOG_DEBUG; i++)
        if (strcmp(name, level_names[i]) == 0)
            return i;
    return -1;
}

void
log_set_sink(void (*sink)(enum log_level level, const char *line))
{
    atomic_store(&line_sink, sink);
}

static void
to_stderr(enum log_level level, const char *line)
{
    struct timespec now;
    struct tm tm;
    char when[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)fprintf(stderr, "%s.%03ldZ %s %s\n", when, now.tv_nsec / 1000000,
                  level_tags[level], line);
}

/* What is quoted may come from a peer: it must not write lines of its own. */
static void
make_one_line(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            *s = ' ';
}

void
log_at(enum log_level level, const char *fmt, ...)
{
    if ((int)level > atomic_load(&level_max))
        return;
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap); /* cut is fine */
    va_end(ap);
    make_one_line(line);
    void (*sink)(enum log_level, const char *) = atomic_load(&line_sink);
    if (sink)
        sink(level, line);
    else
        to_stderr(level, line);
}
