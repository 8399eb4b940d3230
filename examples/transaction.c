/*
 * Exactly once from one topic to another: what is read is written in upper case,
 * and the group's positions with it, in one transaction.
 *
 *   transaction http://127.0.0.1:7070 orders shouters orders loud [KEY=VALUE...]
 *
 * (route service, cluster code, group, from, to, properties of both).  A flip aborts a transaction that
 * is open: it is done again on the other cluster.  Kill the program whenever you like.
 */
#include <ctype.h>

#include "connect.h"

#define AT_ONCE 100
#define WAIT_MS 60000

/* Where each partition is, or what is committed of it; NULL: it moves now. */
static rd_kafka_topic_partition_list_t *
places(shunt_t *c, int committed)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    rd_kafka_resp_err_t rc = shunt_assignment(c, &l);
    if (!rc)
        rc = committed ? shunt_committed(c, l, WAIT_MS) : shunt_position(c, l);
    if (!rc)
        return l;
    if (l)
        rd_kafka_topic_partition_list_destroy(l);
    return NULL;
}

static rd_kafka_error_t *
shout(shunt_t *p, const char *topic, rd_kafka_message_t *m)
{
    char *text = m->payload;
    for (size_t i = 0; i < m->len; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    const rd_kafka_vu_t vus[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {text, m->len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY}};
    return shunt_produceva(p, vus, 3);
}

/* Takes `m`, the first record. */
static rd_kafka_error_t *
transaction(shunt_t *c, shunt_t *p, const char *to, rd_kafka_message_t *m)
{
    rd_kafka_error_t *e = shunt_begin_transaction(p);
    for (int n = 1; m; n++) {
        if (!e && !m->err)
            e = shout(p, to, m);
        rd_kafka_message_destroy(m);
        m = !e && n < AT_ONCE ? shunt_consumer_poll(c, 0) : NULL;
    }
    rd_kafka_topic_partition_list_t *l = places(c, 0);
    rd_kafka_consumer_group_metadata_t *g = shunt_consumer_group_metadata(c);
    if (!e && l && g)
        e = shunt_send_offsets_to_transaction(p, l, g, WAIT_MS);
    else if (!e)
        e = rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE, "it moves");
    if (g)
        rd_kafka_consumer_group_metadata_destroy(g);
    if (l)
        rd_kafka_topic_partition_list_destroy(l);
    return e ? e : shunt_commit_transaction(p, WAIT_MS);
}

/* Back to what is committed, unless there is no way on: then `e` again. */
static rd_kafka_error_t *
undo(shunt_t *c, shunt_t *p, rd_kafka_error_t *e)
{
    (void)fprintf(stderr, "aborting: %s\n", rd_kafka_error_string(e));
    if (rd_kafka_error_is_fatal(e))
        return e;
    rd_kafka_error_destroy(e);
    e = shunt_abort_transaction(p, WAIT_MS);
    rd_kafka_topic_partition_list_t *l = NULL;
    for (rd_kafka_message_t *m; !e && !(l = places(c, 1));)
        if ((m = shunt_consumer_poll(c, 100))) /* comes again */
            rd_kafka_message_destroy(m);
    for (int i = 0; l && i < l->cnt; i++)
        if (l->elems[i].offset < 0)
            l->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
    if (l) {
        e = shunt_seek_partitions(c, l, WAIT_MS);
        rd_kafka_topic_partition_list_destroy(l);
    }
    return e;
}

int
main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    const char *const reads[][2] = {{"group.id", argv[3]},
                                    {"enable.auto.commit", "false"},
                                    {"auto.offset.reset", "earliest"},
                                    {NULL, NULL}};
    const char *const writes[][2] = {{"transactional.id", argv[3]},
                                     {NULL, NULL}};
    shunt_t *c =
        connect_take(RD_KAFKA_CONSUMER, shunt_conf_new(), argv, 6, reads);
    shunt_t *p =
        connect_take(RD_KAFKA_PRODUCER, shunt_conf_new(), argv, 6, writes);
    if (!c || !p || subscribe(c, argv[4]) != 0)
        return 1;
    rd_kafka_error_t *e = shunt_init_transactions(p, WAIT_MS);
    while (!e) {
        rd_kafka_message_t *m = shunt_consumer_poll(c, 200);
        if (m && (e = transaction(c, p, argv[5], m)))
            e = undo(c, p, e);
    }
    (void)fprintf(stderr, "%s\n", rd_kafka_error_string(e));
    rd_kafka_error_destroy(e);
    shunt_destroy(c);
    shunt_destroy(p);
    return 1;
}
