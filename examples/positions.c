/*
 * A topic, without a group: positions stand in a file, and hold on any cluster.
 *
 *   positions http://127.0.0.1:7070 CODE TOPIC PARTITIONS FILE [KEY=VALUE...]
 *
 * A line of FILE: a stream, and its position as shunt_position() says it.
 */
#define _POSIX_C_SOURCE 200809L /* strndup() */
#include <stdlib.h>
#include <string.h>

#include "connect.h"

#define LINES 1000

static char kept[LINES + 1][1400]; /* the last one is empty */

static void
load(const char *path)
{
    int i = 0;
    FILE *f = fopen(path, "r");
    while (f && i < LINES && fgets(kept[i], sizeof(kept[0]), f))
        i++;
    if (f)
        (void)fclose(f);
}

static rd_kafka_resp_err_t
save(const char *path)
{
    char tmp[4096];
    (void)snprintf(tmp, sizeof(tmp), "%s.new", path);
    FILE *f = fopen(tmp, "w");
    for (int i = 0; f && *kept[i]; i++)
        (void)fputs(kept[i], f);
    const int saved = f && !fclose(f) && !fflush(stdout) && !rename(tmp, path);
    return saved ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__FS;
}

/* Partition p from where it was left, or from its beginning. */
static void
add(rd_kafka_topic_partition_list_t *l, const char *topic, int p)
{
    const int had = l->cnt;
    for (int i = 0; *kept[i]; i++) {
        char name[250];
        long long offset;
        int n = -1, at = 0;
        (void)sscanf(kept[i], "%*s %249s %d %lld %n", name, &n, &offset, &at);
        if (n != p)
            continue;
        rd_kafka_topic_partition_t *e =
            rd_kafka_topic_partition_list_add(l, name, p);
        e->offset = offset;
        e->metadata_size = strcspn(kept[i] + at, "\n");
        e->metadata = strndup(kept[i] + at, e->metadata_size);
    }
    if (l->cnt == had)
        rd_kafka_topic_partition_list_add(l, topic, p)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
}

/* The stream of `m` has been read up to it, and with it. */
static rd_kafka_resp_err_t
note(shunt_t *rk, const rd_kafka_message_t *m)
{
    char line[sizeof(kept[0])];
    int i = 0;
    const char *origin = shunt_message_origin(m);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_add(
        l, rd_kafka_topic_name(m->rkt), m->partition);
    rd_kafka_resp_err_t rc = shunt_position(rk, l);
    (void)snprintf(line, sizeof(line), "%s/%s/%d %s %d %lld %.*s\n",
                   shunt_topic_name(m->rkt), origin ? origin : "-",
                   (int)m->partition, p->topic, (int)p->partition,
                   (long long)p->offset, (int)p->metadata_size,
                   (const char *)p->metadata);
    while (*kept[i] && strncmp(kept[i], line, strcspn(line, " ") + 1) != 0)
        i++;
    rc = rc ? rc : i == LINES ? RD_KAFKA_RESP_ERR__QUEUE_FULL : p->err;
    if (!rc)
        (void)snprintf(kept[i], sizeof(line), "%s", line);
    rd_kafka_topic_partition_list_destroy(l);
    return rc;
}

int
main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    const char *const props[][2] = {{"group.id", "-"}, /* none is joined */
                                    {"enable.auto.commit", "false"},
                                    {"switch.position", "stored"},
                                    {NULL, NULL}};
    shunt_t *rk =
        connect_take(RD_KAFKA_CONSUMER, shunt_conf_new(), argv, 6, props);
    if (!rk)
        return 1;
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    load(argv[5]);
    for (int p = 0; p < atoi(argv[4]); p++)
        add(l, argv[3], p);
    rd_kafka_resp_err_t rc = shunt_assign(rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    while (!rc) {
        rd_kafka_message_t *m = shunt_consumer_poll(rk, 1000);
        if (!m)
            continue;
        print(m);
        rc = m->err ? RD_KAFKA_RESP_ERR_NO_ERROR : note(rk, m);
        rd_kafka_message_destroy(m);
        rc = rc ? rc : save(argv[5]);
    }
    (void)fprintf(stderr, "%s\n", rd_kafka_err2str(rc));
    shunt_destroy(rk);
    return 1;
}
