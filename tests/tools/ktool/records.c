/*
 * Records as lines of text, in and out.  Owns nothing.
 *
 *   PARTITION [OFFSET] TIMESTAMP KEY VALUE [NAME=VALUE]...
 *
 * with OFFSET only where records are read.  A key or value is - for null, else
 * x and its bytes in hex.  Timestamp 0 is "now" where records are written.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/strs.h"
#include "common/proto/fingerprint.h"
#include "tests/tools/ktool/ktool.h"

#define FULL_PAUSE_MS 10

struct bytes {
    bool null;
    unsigned char *v; /* points into the line, decoded in place */
    size_t n;
};

/* ---- in ---------------------------------------------------------------- */

static int
nibble(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool
decode(char *word, struct bytes *out)
{
    *out = (struct bytes){.null = true};
    if (!word || (word[0] != 'x' && strcmp(word, "-") != 0))
        return false;
    if (word[0] == '-')
        return true;
    out->null = false;
    out->v = (unsigned char *)word;
    for (const char *p = word + 1; *p; p += 2) {
        const int high = nibble(p[0]), low = nibble(p[1]);
        if (high < 0 || low < 0)
            return false;
        out->v[out->n++] = (unsigned char)(high * 16 + low);
    }
    return true;
}

static bool
add_header(rd_kafka_headers_t *to, char *word)
{
    struct bytes value;
    char *eq = strchr(word, '=');
    if (!eq || !decode(eq + 1, &value))
        return false;
    return rd_kafka_header_add(to, word, eq - word, value.null ? NULL : value.v,
                               (ssize_t)value.n) == 0;
}

/* What may be null must not be given as an empty buffer. */
static void *
pointer(const struct bytes *b)
{
    static char empty[1];
    if (b->null)
        return NULL;
    return b->n > 0 ? (void *)b->v : empty;
}

static rd_kafka_resp_err_t
send_record(struct ktool *k, int32_t partition, int64_t at,
            const struct bytes *key, const struct bytes *value,
            rd_kafka_headers_t *headers)
{
    rd_kafka_resp_err_t kerr;
    while ((kerr = rd_kafka_producev(
                k->rk, RD_KAFKA_V_TOPIC(k->words[0]),
                RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_TIMESTAMP(at),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                RD_KAFKA_V_KEY(pointer(key), key->n),
                RD_KAFKA_V_VALUE(pointer(value), value->n),
                RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL)
        (void)rd_kafka_poll(k->rk, FULL_PAUSE_MS);
    return kerr;
}

static int
write_line(struct ktool *k, char *line)
{
    char *rest = NULL;
    char *words[4];
    struct bytes key, value;
    int64_t partition, at;
    for (size_t i = 0; i < 4; i++)
        words[i] = strtok_r(i ? NULL : line, " \n", &rest);
    if (!words[3] || !str_to_i64(words[0], 0, INT32_MAX, &partition) ||
        !str_to_i64(words[1], 0, INT64_MAX, &at) || !decode(words[2], &key) ||
        !decode(words[3], &value))
        return fail("write", "a line is no record");
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
    bool good = true;
    for (char *w; good && (w = strtok_r(NULL, " \n", &rest));)
        good = add_header(headers, w);
    const rd_kafka_resp_err_t kerr =
        good ? send_record(k, (int32_t)partition, at, &key, &value, headers)
             : RD_KAFKA_RESP_ERR__INVALID_ARG;
    if (!kerr)
        return 0;
    rd_kafka_headers_destroy(headers);
    return fail(k->words[0], rd_kafka_err2str(kerr));
}

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *failed)
{
    (void)rk;
    if (m->err)
        *(bool *)failed = true;
}

static int
set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    return rd_kafka_conf_set(conf, key, value, why, sizeof(why))
               ? fail(key, why)
               : 0;
}

/* A handle of its own in the place of the one that every command has. */
static int
reopen(struct ktool *k, rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[256];
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return fail(k->bootstrap, why);
    }
    rd_kafka_destroy(k->rk);
    k->rk = rk;
    return 0;
}

static rd_kafka_conf_t *
conf_new(const struct ktool *k)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (set(conf, "bootstrap.servers", k->bootstrap) ||
        set(conf, "log_level", "0"))
        abort(); /* they are known */
    return conf;
}

/* Who has not asked for a topic finds it only a second later. */
static int
warm_up(struct ktool *k)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(k->rk, k->words[0], NULL);
    const rd_kafka_resp_err_t kerr =
        rd_kafka_metadata(k->rk, 0, topic, &md, DEADLINE_MS);
    rd_kafka_topic_destroy(topic);
    if (kerr)
        return fail(k->words[0], rd_kafka_err2str(kerr));
    rd_kafka_metadata_destroy(md);
    return 0;
}

static int
writer_open(struct ktool *k, bool *failed, const char *transactional_id)
{
    rd_kafka_conf_t *conf = conf_new(k);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, failed);
    if (set(conf, "enable.idempotence", "true") ||
        set(conf, "linger.ms", "5") ||
        set(conf, "message.max.bytes", "9000000"))
        abort();
    if (transactional_id && set(conf, "transactional.id", transactional_id))
        abort();
    return reopen(k, RD_KAFKA_PRODUCER, conf) || warm_up(k);
}

static int
all_written(struct ktool *k, const bool *failed)
{
    const rd_kafka_resp_err_t kerr = rd_kafka_flush(k->rk, DEADLINE_MS);
    if (kerr || *failed)
        return fail(k->words[0],
                    kerr ? rd_kafka_err2str(kerr) : "a record was refused");
    return 0;
}

/* write TOPIC: the records of stdin; returns when all are acknowledged. */
int
run_write(struct ktool *k)
{
    static bool failed;
    char *line = NULL;
    size_t cap = 0;
    int rc = writer_open(k, &failed, NULL);
    while (rc == 0 && getline(&line, &cap, stdin) > 0) {
        rc = write_line(k, line);
        (void)rd_kafka_poll(k->rk, 0);
    }
    free(line);
    return rc ? rc : all_written(k, &failed);
}

static int
tx_take(rd_kafka_error_t *bad)
{
    if (!bad)
        return 0;
    const int rc = fail("transaction", rd_kafka_error_string(bad));
    rd_kafka_error_destroy(bad);
    return rc;
}

/* What is aborted stands in the log all the same. */
static int
tx_abort(struct ktool *k)
{
    (void)rd_kafka_flush(k->rk, DEADLINE_MS); /* the abort tells the same */
    return tx_take(rd_kafka_abort_transaction(k->rk, DEADLINE_MS));
}

/* Begins with the first record: brokers refuse to end what is empty. */
static int
tx_line(struct ktool *k, char *line, bool *open)
{
    const bool commits = strcmp(line, "commit\n") == 0;
    if (commits || strcmp(line, "abort\n") == 0) {
        *open = false;
        return commits
                   ? tx_take(rd_kafka_commit_transaction(k->rk, DEADLINE_MS))
                   : tx_abort(k);
    }
    if (!*open && tx_take(rd_kafka_begin_transaction(k->rk)))
        return 1;
    *open = true;
    return write_line(k, line);
}

/* write-tx TOPIC: the same in transactions, which lines "commit" and "abort"
 * end; the last one, if it is open, is aborted. */
int
run_write_tx(struct ktool *k)
{
    static bool failed; /* of no account: "commit" tells */
    bool open = false;
    char *line = NULL;
    size_t cap = 0;
    int rc = writer_open(k, &failed, "ktool");
    if (rc == 0)
        rc = tx_take(rd_kafka_init_transactions(k->rk, DEADLINE_MS));
    while (rc == 0 && getline(&line, &cap, stdin) > 0)
        rc = tx_line(k, line, &open);
    free(line);
    return rc == 0 && open ? tx_abort(k) : rc;
}

/* ---- out --------------------------------------------------------------- */

static void
print_bytes(const char *before, const void *data, size_t n)
{
    const unsigned char *p = data;
    (void)printf("%s%s", before, data ? "x" : "-");
    for (size_t i = 0; data && i < n; i++)
        (void)printf("%02x", p[i]);
}

static void
print_record(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name;
    const void *value;
    size_t n;
    (void)printf("%" PRId32 " %" PRId64 " %" PRId64, m->partition, m->offset,
                 rd_kafka_message_timestamp(m, NULL));
    print_bytes(" ", m->key, m->key_len);
    print_bytes(" ", m->payload, m->len);
    (void)rd_kafka_message_headers(m, &headers); /* none: NULL */
    for (size_t i = 0;
         headers && !rd_kafka_header_get_all(headers, i, &name, &value, &n);
         i++) {
        (void)printf(" %s=", name);
        print_bytes("", value, n);
    }
    (void)printf("\n");
}

/* Every partition of `topic`, from its beginning. */
static void
list_parts(const struct rd_kafka_metadata *md, const char *topic,
           rd_kafka_topic_partition_list_t *to)
{
    for (int i = 0; i < md->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &md->topics[i];
        for (int p = 0; str_equal(t->topic, topic) && p < t->partition_cnt; p++)
            rd_kafka_topic_partition_list_add(to, topic, p)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
    }
}

/* How many partitions it has; 0 is said. Naming it might make it. */
static int
count_parts(struct ktool *k)
{
    const struct rd_kafka_metadata *md;
    int n = 0;
    if (rd_kafka_metadata(k->rk, 1, NULL, &md, ADMIN_MS)) {
        (void)fail(k->words[0], "no metadata");
        return 0;
    }
    for (int i = 0; i < md->topic_cnt; i++)
        if (str_equal(md->topics[i].topic, k->words[0]))
            n = md->topics[i].partition_cnt;
    rd_kafka_metadata_destroy(md);
    if (n == 0)
        (void)fail(k->words[0], "no such topic");
    return n;
}

static void
print_fingerprint(const rd_kafka_message_t *m)
{
    struct po_print p;
    po_print_make(&p, m->offset, rd_kafka_message_timestamp(m, NULL), m->key,
                  m->key_len, m->payload, m->len);
    struct json_t *j = po_print_encode(&p);
    char *text = j ? js_dump(j) : NULL;
    (void)printf("%" PRId32 " %s\n", m->partition, text ? text : "?");
    free(text);
    js_free(j);
}

static int
print_all(struct ktool *k, rd_kafka_queue_t *q, int partitions,
          void (*print)(const rd_kafka_message_t *m))
{
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (partitions > 0) {
        rd_kafka_message_t *m = rd_kafka_consume_queue(q, 100);
        if (m && !m->err)
            print(m);
        else if (m && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            partitions--;
        if (m)
            rd_kafka_message_destroy(m);
        if (clock_mono_ms() > end)
            return fail(k->words[0], "its end was not reached");
    }
    return 0;
}

/* `group`: NULL: of none. */
static int
reader_open(struct ktool *k, const char *group)
{
    rd_kafka_conf_t *conf = conf_new(k);
    if (set(conf, "enable.partition.eof", "true") ||
        set(conf, "enable.auto.commit", "false") ||
        set(conf, "fetch.wait.max.ms", "20") ||
        set(conf, "fetch.error.backoff.ms", "10"))
        abort();
    if (group && set(conf, "group.id", group)) {
        rd_kafka_conf_destroy(conf);
        return 1;
    }
    return reopen(k, RD_KAFKA_CONSUMER, conf);
}

static int
dump(struct ktool *k, void (*print)(const rd_kafka_message_t *m))
{
    const int n = reader_open(k, NULL) ? 0 : count_parts(k);
    if (n == 0 || warm_up(k))
        return 1;
    /* Of no group, which would cost half a second. */
    rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(k->rk, k->words[0], NULL);
    int rc = 0;
    for (int p = 0; p < n; p++)
        if (rd_kafka_consume_start_queue(topic, p, RD_KAFKA_OFFSET_BEGINNING,
                                         q))
            rc = fail(k->words[0], "cannot be read");
    if (rc == 0)
        rc = print_all(k, q, n, print);
    for (int p = 0; p < n; p++)
        (void)rd_kafka_consume_stop(topic, p);
    rd_kafka_topic_destroy(topic);
    rd_kafka_queue_destroy(q);
    return rc;
}

/* dump TOPIC: what is committed in it now, each partition in order */
int
run_dump(struct ktool *k)
{
    return dump(k, print_record);
}

/* prints TOPIC: the same as "PARTITION FINGERPRINT" */
int
run_prints(struct ktool *k)
{
    return dump(k, print_fingerprint);
}

/* commit GROUP TOPIC PARTITION OFFSET METADATA: as nobody's member */
int
run_commit(struct ktool *k)
{
    int64_t partition, offset;
    if (!str_to_i64(k->words[2], 0, INT32_MAX, &partition) ||
        !str_to_i64(k->words[3], 0, INT64_MAX, &offset))
        return fail(k->words[2], "is no partition, or there is no offset");
    if (reader_open(k, k->words[0]))
        return 1;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(
        list, k->words[1], (int32_t)partition);
    at->offset = offset;
    at->metadata_size = strlen(k->words[4]);
    at->metadata = strdup(k->words[4]); /* freed with the list */
    const rd_kafka_resp_err_t kerr = rd_kafka_commit(k->rk, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
    (void)rd_kafka_consumer_close(k->rk);
    return kerr ? fail("commit", rd_kafka_err2str(kerr)) : 0;
}

/* committed GROUP TOPIC: "PARTITION OFFSET METADATA" of those that have one */
int
run_committed(struct ktool *k)
{
    const struct rd_kafka_metadata *md;
    if (reader_open(k, k->words[0]))
        return 1;
    if (rd_kafka_metadata(k->rk, 1, NULL, &md, ADMIN_MS))
        return fail(k->words[1], "no metadata");
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(8);
    list_parts(md, k->words[1], list);
    rd_kafka_metadata_destroy(md);
    const rd_kafka_resp_err_t kerr =
        rd_kafka_committed(k->rk, list, DEADLINE_MS);
    for (int i = 0; i < list->cnt && !kerr; i++)
        if (list->elems[i].offset >= 0)
            (void)printf("%" PRId32 " %" PRId64 " %.*s\n",
                         list->elems[i].partition, list->elems[i].offset,
                         (int)list->elems[i].metadata_size,
                         (const char *)list->elems[i].metadata);
    rd_kafka_topic_partition_list_destroy(list);
    (void)rd_kafka_consumer_close(k->rk);
    return kerr ? fail("committed", rd_kafka_err2str(kerr)) : 0;
}

/* join GROUP TOPIC: a member that commits nothing, until stdin ends; says
 * "joined" when it has its partitions */
int
run_join(struct ktool *k)
{
    if (reader_open(k, k->words[0]))
        return 1;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(list, k->words[1],
                                            RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t kerr = rd_kafka_subscribe(k->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    bool said = false;
    while (!kerr && poll(&in, 1, 0) == 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(k->rk, 100);
        if (m)
            rd_kafka_message_destroy(m);
        rd_kafka_topic_partition_list_t *mine = NULL;
        if (!said && rd_kafka_assignment(k->rk, &mine) == 0 && mine->cnt > 0)
            said = puts("joined") >= 0 && fflush(stdout) == 0;
        if (mine)
            rd_kafka_topic_partition_list_destroy(mine);
    }
    (void)rd_kafka_consumer_close(k->rk);
    return kerr ? fail("join", rd_kafka_err2str(kerr)) : 0;
}
