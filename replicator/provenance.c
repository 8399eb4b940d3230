/* Owns nothing. */
#include "replicator/provenance.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"

struct text {
    const char *s;
    size_t len;
};

static struct text
value_of(const rd_kafka_headers_t *headers, const char *header)
{
    const void *value;
    size_t len;
    if (!headers ||
        rd_kafka_header_get_last(headers, header, &value, &len) != 0 || !value)
        return (struct text){.s = ""};
    return (struct text){.s = value, .len = len};
}

static bool
lists(struct text t, const char *cluster)
{
    const size_t len = strlen(cluster);
    while (t.len > 0) {
        const char *comma = memchr(t.s, ',', t.len);
        const size_t n = comma ? (size_t)(comma - t.s) : t.len;
        if (n == len && memcmp(t.s, cluster, n) == 0)
            return true;
        const size_t step = comma ? n + 1 : n;
        t.s += step;
        t.len -= step;
    }
    return false;
}

bool
provenance_names(const rd_kafka_message_t *m, const char *header,
                 const char *cluster)
{
    rd_kafka_headers_t *headers;
    return rd_kafka_message_headers(m, &headers) == 0 &&
           lists(value_of(headers, header), cluster);
}

void
provenance_add(rd_kafka_headers_t **headers, const char *header,
               const char *cluster)
{
    if (!*headers)
        *headers = rd_kafka_headers_new(1);
    const struct text was = value_of(*headers, header);
    if (lists(was, cluster))
        return;
    char *list =
        xasprintf("%.*s%s%s", (int)was.len, was.s, was.len ? "," : "", cluster);
    (void)rd_kafka_header_remove(*headers, header); /* there is none: fine */
    (void)rd_kafka_header_add(*headers, header, -1, list, -1);
    free(list);
}
