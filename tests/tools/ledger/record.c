/* Pure. */
#include "tests/tools/ledger/record.h"

#include <stdio.h>
#include <string.h>

#include "common/base/strs.h"

struct record
record_nth(const char *writer, int64_t keys, int64_t seq)
{
    struct record r = {.key = seq % keys, .key_seq = seq / keys, .seq = seq};
    (void)snprintf(r.writer, sizeof(r.writer), "%s", writer);
    return r;
}

size_t
record_value(const struct record *r, char out[128])
{
    return (size_t)snprintf(out, 128, "%s,%lld,%lld,%lld", r->writer,
                            (long long)r->key, (long long)r->key_seq,
                            (long long)r->seq);
}

size_t
record_key(const struct record *r, char out[128])
{
    return (size_t)snprintf(out, 128, "k%lld", (long long)r->key);
}

int
record_writer_valid(const char *name)
{
    const size_t n = strlen(name);
    return n > 0 && n < WRITER_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789-_") == n;
}

/* Cuts the next field off *rest; "" when there is none. */
static const char *
cut(char **rest)
{
    char *field = strsep(rest, ",");
    return field ? field : "";
}

int
record_decode(const void *key, size_t key_len, const void *value,
              size_t value_len, struct record *out)
{
    char text[128], expected[128];
    if (!key || !value || value_len >= sizeof(text))
        return ERR_PARSE;
    memcpy(text, value, value_len);
    text[value_len] = '\0';
    char *rest = text;
    const char *writer = cut(&rest);
    if (strlen(text) > value_len || !record_writer_valid(writer))
        return ERR_PARSE;
    (void)snprintf(out->writer, sizeof(out->writer), "%s", writer);
    if (!str_to_i64(cut(&rest), 0, KEYS_MAX - 1, &out->key) ||
        !str_to_i64(cut(&rest), 0, RECORDS_MAX - 1, &out->key_seq) ||
        !str_to_i64(cut(&rest), 0, RECORDS_MAX - 1, &out->seq) || rest)
        return ERR_PARSE;
    const size_t n = record_key(out, expected);
    return n == key_len && memcmp(expected, key, n) == 0 ? 0 : ERR_PARSE;
}
