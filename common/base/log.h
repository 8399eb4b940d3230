/*
 * The log of a program (not of the SDK, which hands its lines to the
 * application).  One line each, to stderr or to a sink; any thread.
 *
 *   2026-11-21T04:35:43.123Z WARN  offset-syncs of a->b: record 17 ...
 */
#ifndef SHUNT_BASE_LOG_H
#define SHUNT_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
/* "error" | "warn" | "info" | "debug"; -1 for anything else. */
int log_level_of(const char *name);
/* Receives complete lines without the time; NULL: stderr. */
void log_set_sink(void (*sink)(enum log_level level, const char *line));

void log_at(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
