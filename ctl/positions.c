#include "ctl/positions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/js.h"
#include "common/base/strs.h"
#include "common/base/utc.h"
#include "common/base/xmem.h"

#define FILE_MAX_BYTES ((size_t)64 << 20)
#define LINE_MAX_BYTES 1024

int
positions_time(const char *text, int64_t *ms, struct err *err)
{
    if (utc_parse(text, ms) || str_to_i64(text, 0, INT64_MAX, ms))
        return 0;
    return err_field(err, ERR_INVALID, "timestamp", text,
                     "\"%s\" is no time: 2026-12-01T03:00:00Z, or milliseconds "
                     "since 1970",
                     text);
}

/* `number` is the offset; with a timestamp it is not looked at. */
static int
add(struct json_t *to, const char *topic, const char *partition,
    const char *number, int64_t timestamp_ms)
{
    int64_t p = 0, offset = timestamp_ms;
    const bool by_time = timestamp_ms >= 0;
    if (!*topic || !str_to_i64(partition, 0, INT32_MAX, &p) ||
        (!by_time && !str_to_i64(number, 0, INT64_MAX, &offset)))
        return ERR_INVALID;
    struct json_t *v = js_object();
    const int rc = js_put_str(v, "topic", topic) |
                   js_put_int(v, "partition", p) |
                   js_put_int(v, by_time ? "timestamp" : "offset", offset) |
                   js_add_take(to, v);
    if (rc)
        abort(); /* out of memory */
    return 0;
}

/* Cuts what is behind the last `c`. NULL: there is none. */
static char *
cut_last(char *text, char c)
{
    char *at = strrchr(text, c);
    if (at)
        *at++ = '\0';
    return at;
}

int
positions_word(const char *word, int64_t timestamp_ms, struct json_t *to,
               struct err *err)
{
    const bool by_time = timestamp_ms >= 0;
    char *text = xstrdup(word);
    const char *offset = by_time ? "" : cut_last(text, ':');
    const char *partition = offset ? cut_last(text, ':') : NULL;
    int rc = ERR_INVALID;
    if (partition)
        rc = add(to, text, partition, offset, timestamp_ms);
    free(text);
    if (rc == 0)
        return 0;
    return err_field(err, rc, "position", word,
                     "\"%s\" is not TOPIC:PARTITION%s; both are whole numbers "
                     "from 0 on",
                     word, by_time ? " (and --timestamp)" : ":OFFSET");
}

/* One line, without its end; cut at its commas. */
static int
add_line(char *line, int64_t timestamp_ms, struct json_t *to)
{
    char *fields[3] = {line, NULL, NULL};
    for (size_t i = 1; i < 3 && fields[i - 1]; i++) {
        char *comma = strchr(fields[i - 1], ',');
        if (comma)
            *comma = '\0';
        fields[i] = comma ? comma + 1 : NULL;
    }
    if (fields[2])
        fields[2][strcspn(fields[2], ",")] = '\0';
    if (!fields[1] || (!fields[2] && timestamp_ms < 0))
        return ERR_INVALID;
    return add(to, fields[0], fields[1], fields[2] ? fields[2] : "",
               timestamp_ms);
}

static bool
says_nothing(const char *line, int number)
{
    return *line == '\0' || *line == '#' ||
           (number == 1 && str_starts_with(line, "topic,"));
}

int
positions_csv(const char *text, int64_t timestamp_ms, struct json_t *to,
              struct err *err)
{
    char line[LINE_MAX_BYTES];
    for (int number = 1; *text; number++) {
        const size_t len = strcspn(text, "\n");
        const int n = snprintf(line, sizeof(line), "%.*s", (int)len, text);
        line[strcspn(line, "\r")] = '\0';
        int rc = 0;
        if (n < 0 || (size_t)n >= sizeof(line))
            rc = ERR_INVALID;
        else if (!says_nothing(line, number))
            rc = add_line(line, timestamp_ms, to);
        if (rc)
            return err_field(err, rc, "file", NULL,
                             "line %d, \"%.60s\": not topic,partition%s",
                             number, line, timestamp_ms < 0 ? ",offset" : "");
        text += len + (text[len] == '\n');
    }
    return 0;
}

int
positions_file(const char *path, int64_t timestamp_ms, struct json_t *to,
               struct err *err)
{
    char *text;
    size_t len;
    int rc = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path,
                       FILE_MAX_BYTES, &text, &len, err);
    if (rc)
        return rc;
    rc = positions_csv(text, timestamp_ms, to, err);
    free(text);
    return rc;
}
