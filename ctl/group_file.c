/*
 * Pure, but for reading the file.  Only topic, partition and offset are read
 * again; the other columns are for whoever looks at it.
 */
#include "ctl/group_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "ctl/input.h"
#include "ctl/out.h"
#include "ctl/positions.h"

#define FILE_MAX_BYTES ((size_t)64 << 20)

static const char header[] = "topic,partition,offset,used,to_topic,position,"
                             "low,high,quality\n";

/* ---- writing ------------------------------------------------------------- */

bool
group_file_is_json(const char *path)
{
    return path && str_ends_with(path, ".json");
}

static char *
taken(struct buf *b)
{
    return must_have(buf_take(b));
}

char *
group_file_csv(const struct json_t *answer, size_t *n)
{
    const struct json_t *streams = js_any(answer, "streams");
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    buf_puts(&b, header);
    *n = 0;
    for (size_t i = 0; i < js_len(streams); i++) {
        const struct json_t *s = js_at(streams, i);
        const struct json_t *m = js_any(s, "mapped");
        if (out_int(s, "offset", -1) < 0)
            continue;
        const char *to = js_str(js_any(m, "to_topic"));
        buf_printf(&b, "%s,%s,%s,%s,%s,%s,%s,%s,%s\n", out_str(s, "topic"),
                   out_str(s, "partition"), out_str(s, "offset"),
                   out_str(s, "used"), to ? to : "", out_str(m, "position"),
                   out_str(m, "low"), out_str(m, "high"),
                   out_str(m, "quality"));
        ++*n;
    }
    return taken(&b);
}

static struct json_t *
position_object(const struct json_t *stream)
{
    static const char *const of_stream[] = {"topic", "partition", "offset",
                                            "used"};
    static const char *const of_mapped[] = {"to_topic", "position", "low",
                                            "high", "quality"};
    const struct json_t *m = js_any(stream, "mapped");
    struct json_t *v = js_object();
    for (size_t i = 0; i < sizeof(of_stream) / sizeof(*of_stream); i++)
        must(
            js_put_take(v, of_stream[i], js_ref(js_any(stream, of_stream[i]))));
    for (size_t i = 0; i < sizeof(of_mapped) / sizeof(*of_mapped); i++)
        must(js_put_take(v, of_mapped[i], js_ref(js_any(m, of_mapped[i]))));
    return v;
}

char *
group_file_json(const struct json_t *answer, size_t *n)
{
    static const char *const names[] = {"group", "from", "to"};
    const struct json_t *streams = js_any(answer, "streams");
    struct json_t *v = js_object();
    struct json_t *list = js_array();
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        must(js_put_take(v, names[i], js_ref(js_any(answer, names[i]))));
    for (size_t i = 0; i < js_len(streams); i++)
        if (out_int(js_at(streams, i), "offset", -1) >= 0)
            must(js_add_take(list, position_object(js_at(streams, i))));
    *n = js_len(list);
    must(js_put_take(v, "positions", list));
    char *pretty = must_have(js_dump_pretty(v));
    char *text = xasprintf("%s\n", pretty);
    free(pretty);
    js_free(v);
    return text;
}

/* ---- reading ------------------------------------------------------------- */

static const char *const columns[] = {"topic", "partition", "offset"};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

static int
parse_json(const char *text, size_t len, struct json_t *list, struct err *err)
{
    struct json_t *file = NULL, *given = NULL;
    int rc = js_parse(text, len, &file, err);
    if (rc == 0)
        rc = js_get_array(file, "", "positions", JS_REQUIRED, &given, err);
    for (size_t i = 0; i < js_len(given) && rc == 0; i++) {
        struct json_t *v = js_object();
        const struct json_t *p = js_at(given, i);
        for (size_t c = 0; c < COLUMNS && rc == 0; c++) {
            struct json_t *value = js_any(p, columns[c]);
            if (!value)
                rc = err_set(err, ERR_INVALID, "positions[%zu] has no %s", i,
                             columns[c]);
            else
                must(js_put_take(v, columns[c], js_ref(value)));
        }
        must(js_add_take(list, v));
    }
    js_free(file);
    return rc;
}

int
group_file_parse(const char *text, size_t len, struct json_t **out,
                 struct err *err)
{
    struct json_t *list = js_array();
    const bool json = text[strspn(text, " \t\r\n")] == '{';
    int rc = json ? parse_json(text, len, list, err)
                  : positions_csv(text, -1, list, err);
    if (rc == 0 && js_len(list) == 0)
        rc = err_set(err, ERR_INVALID, "there are no positions");
    if (rc)
        js_free(list);
    else
        *out = list;
    return rc;
}

int
group_file_read(const char *path, struct json_t **out, struct err *err)
{
    return input_read(path, FILE_MAX_BYTES, group_file_parse, out, err);
}
