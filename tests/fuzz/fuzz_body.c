/*
 * Every JSON body of both protocols through its decoder.  What is accepted is
 * encoded, decoded again and encoded again: both texts must be the same.
 * Input: one character that chooses the body (see `bodies`), then the JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/net/sse.h"
#include "common/proto/offset.h"
#include "common/proto/route.h"
#include "tests/fuzz/fuzz.h"

/* NAME##_decode without a path. */
#define WITHOUT_PATH(name)                                                     \
    static int name##_decode_at(const struct json_t *j, struct name *out,      \
                                struct err *err)                               \
    {                                                                          \
        return name##_decode(j, out, err);                                     \
    }
#define WITH_PATH(name)                                                        \
    static int name##_decode_at(const struct json_t *j, struct name *out,      \
                                struct err *err)                               \
    {                                                                          \
        return name##_decode(j, "x", out, err);                                \
    }
/* The text that NAME##_encode makes of what was decoded; NULL: refused. */
#define RECODE(name)                                                           \
    static char *recode_##name(const struct json_t *j, struct err *err)        \
    {                                                                          \
        struct name v;                                                         \
        if (name##_decode_at(j, &v, err))                                      \
            return NULL;                                                       \
        struct json_t *again = name##_encode(&v);                              \
        name##_fini(&v);                                                       \
        FUZZ_CHECK(again != NULL, #name);                                      \
        char *text = js_dump(again);                                           \
        js_free(again);                                                        \
        FUZZ_CHECK(text != NULL, #name);                                       \
        return text;                                                           \
    }

WITH_PATH(pt_cluster)
WITH_PATH(pt_flow)
WITH_PATH(pt_rule)
WITH_PATH(pt_identity)
WITH_PATH(pt_client)
WITHOUT_PATH(pt_answer)
WITHOUT_PATH(pt_report)
WITHOUT_PATH(po_question)
RECODE(pt_cluster)
RECODE(pt_flow)
RECODE(pt_rule)
RECODE(pt_identity)
RECODE(pt_client)
RECODE(pt_answer)
RECODE(pt_report)
RECODE(po_question)

static char *
recode_po_translation(const struct json_t *j, struct err *err)
{
    struct po_translation v;
    struct buf b;
    if (po_translation_decode(j, &v, err))
        return NULL;
    buf_init(&b, (size_t)1 << 26);
    po_translation_write(&b, &v);
    po_translation_fini(&v);
    char *text = buf_take(&b);
    FUZZ_CHECK(text != NULL, "po_translation");
    return text;
}

static const struct {
    char letter;
    char *(*recode)(const struct json_t *j, struct err *err);
} bodies[] = {
    {'c', recode_pt_cluster},     {'f', recode_pt_flow},
    {'r', recode_pt_rule},        {'i', recode_pt_identity},
    {'l', recode_pt_client},      {'a', recode_pt_answer},
    {'p', recode_pt_report},      {'q', recode_po_question},
    {'t', recode_po_translation},
};

static char *
decode_text(size_t body, const char *text, size_t len, struct err *err)
{
    struct json_t *j = NULL;
    if (js_parse(text, len, &j, err))
        return NULL;
    char *out = bodies[body].recode(j, err);
    js_free(j);
    return out;
}

/* A refusal has a code, words, and ends within its buffers. */
static void
check_refusal(const struct err *err)
{
    FUZZ_CHECK(err->code < 0, "code %d", err->code);
    FUZZ_CHECK(strcmp(err_name(err->code), "UNKNOWN") != 0, "%d", err->code);
    FUZZ_CHECK(err->text[0] && memchr(err->text, 0, sizeof(err->text)),
               "no words");
    FUZZ_CHECK(memchr(err->field, 0, sizeof(err->field)) &&
                   memchr(err->value, 0, sizeof(err->value)),
               "field or value does not end");
}

static void
check_body(size_t body, const char *text, size_t len)
{
    struct err err = {0};
    char *once = decode_text(body, text, len, &err);
    if (!once) {
        check_refusal(&err);
        return;
    }
    char *twice = decode_text(body, once, strlen(once), &err);
    FUZZ_CHECK(twice != NULL, "its own text is refused: %s\n%s", err.text,
               once);
    FUZZ_CHECK(strcmp(once, twice) == 0, "\n%s\n%s", once, twice);
    free(once);
    free(twice);
}

/* ---- event streams ------------------------------------------------------- */

struct heard {
    size_t n;
    uint64_t sum;
};

static void
on_event(const struct sse_event *e, void *arg)
{
    struct heard *h = arg;
    const char *const parts[] = {e->event, e->id, e->data};
    for (size_t i = 0; i < 3; i++)
        for (const char *p = parts[i]; *p; p++)
            h->sum = h->sum * 31 + (unsigned char)*p;
    h->n++;
}

static struct heard
hear(const char *bytes, size_t len, size_t step)
{
    struct heard h = {0};
    struct sse s;
    sse_init(&s, 4096, on_event, &h);
    for (size_t i = 0; i < len; i += step)
        if (sse_feed(&s, &bytes[i], len - i < step ? len - i : step))
            break;
    sse_fini(&s);
    return h;
}

/* How a stream is cut into pieces must not matter. */
static void
check_stream(const char *bytes, size_t len)
{
    const struct heard whole = hear(bytes, len, len ? len : 1);
    const struct heard bytewise = hear(bytes, len, 1);
    FUZZ_CHECK(whole.n == bytewise.n && whole.sum == bytewise.sum,
               "%zu events, %zu bytewise", whole.n, bytewise.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    if (data[0] == 's')
        check_stream(text, size - 1);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        if ((char)data[0] == bodies[i].letter)
            check_body(i, text, size - 1);
    return 0;
}
