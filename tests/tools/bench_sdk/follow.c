/*
 * Reads a topic and says where and when.  A stream is what was written first on
 * one cluster to one partition; on that cluster it stands in the topic of that
 * name ("local"), on the others in a copy.  When a stream goes on at another
 * place, or has been silent for a while, a line tells of its last record there:
 *
 * {"last":PARTITION,"origin":"a","local":true,"at_us":N}
 * {"first":PARTITION,"origin":"a","local":false,"at_us":N,"there_us":N}
 *
 * there_us: when the broker had it (LogAppendTime).  An event of libshunt:
 * {"event":...}.  Times are of the wall clock, as the brokers' are.
 *
 * Over libshunt the route moves the reader.  Over librdkafka, where nothing
 * follows, each line of standard input names the bootstrap servers to close and
 * open on, which is how an application moves without Shunt; `origin` is their
 * address.  With N > 0 that reader has no group to join: it assigns itself N
 * partitions at the offsets after what it has read there before.
 */
#include <stdio.h>
#include <string.h>

#include "tests/tools/bench_sdk/port.h"

#define STREAMS   64
#define SILENT_US 300000

struct stream {
    const char *origin;
    int32_t partition;
    bool local, live;
    int64_t last_us;
};

static struct stream streams[STREAMS];
static int n_streams;

static struct stream *
stream_of(const char *origin, int32_t partition)
{
    for (int i = 0; i < n_streams; i++)
        if (streams[i].partition == partition &&
            strcmp(streams[i].origin, origin) == 0)
            return &streams[i];
    if (n_streams == STREAMS)
        die("more than %d streams", STREAMS);
    streams[n_streams] =
        (struct stream){.origin = origin, .partition = partition};
    return &streams[n_streams++];
}

static void
say_last(struct stream *s)
{
    (void)printf(
        "{\"last\":%d,\"origin\":\"%s\",\"local\":%s,\"at_us\":%lld}\n",
        (int)s->partition, s->origin, s->local ? "true" : "false",
        (long long)s->last_us);
    s->live = false;
}

static void
say_first(const struct stream *s, int64_t there_us)
{
    (void)printf("{\"first\":%d,\"origin\":\"%s\",\"local\":%s,\"at_us\":%lld,"
                 "\"there_us\":%lld}\n",
                 (int)s->partition, s->origin, s->local ? "true" : "false",
                 (long long)s->last_us, (long long)there_us);
}

static int64_t
append_time_us(const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    const int64_t ms = rd_kafka_message_timestamp(m, &type);
    return type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? ms * 1000 : 0;
}

static void
take(const rd_kafka_message_t *m, const char *origin, bool local)
{
    struct stream *s = stream_of(origin, m->partition);
    const bool moved = s->live && s->local != local;
    if (moved)
        say_last(s);
    const bool first = !s->live;
    s->last_us = wall_us();
    s->local = local;
    s->live = true;
    if (first)
        say_first(s, append_time_us(m));
}

static void
say_silent(void)
{
    const int64_t now_us = wall_us();
    for (int i = 0; i < n_streams; i++)
        if (streams[i].live && now_us - streams[i].last_us > SILENT_US)
            say_last(&streams[i]);
}

#ifdef BARE
/* The offsets after what was read: of the place at which it is, and of the
 * other, to which the next move leads back. */
static int64_t next[2][STREAMS];
static int at;

static void
assign(handle_t *rk, const struct job *j)
{
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new((int)j->n);
    for (int p = 0; p < j->n && p < STREAMS; p++)
        rd_kafka_topic_partition_list_add(l, j->topic, p)->offset =
            next[at][p] ? next[at][p] : RD_KAFKA_OFFSET_END;
    if (rd_kafka_assign(rk, l))
        die("cannot assign");
    rd_kafka_topic_partition_list_destroy(l);
}

static handle_t *
open_at(const struct job *j, const char *servers)
{
    config_t *conf = job_conf(j);
    if (servers)
        job_set(conf, "bootstrap.servers", servers);
    handle_t *rk = job_open(RD_KAFKA_CONSUMER, conf);
    (void)rd_kafka_poll_set_consumer(rk);
    if (j->n > 0)
        assign(rk, j);
    else
        job_subscribe(rk, j->topic);
    return rk;
}

static void
read_one(handle_t *rk, const char *from)
{
    rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 50);
    if (m && !m->err && m->partition < STREAMS) {
        next[at][m->partition] = m->offset + 1;
        take(m, from, true);
    }
    if (m)
        rd_kafka_message_destroy(m);
}

static void
follow(const struct job *j)
{
    static char servers[2][512];
    const char *from = "start";
    handle_t *rk = open_at(j, NULL);
    while (!told_to_stop()) {
        read_one(rk, from);
        say_silent();
        if (!told_to_move(servers[!at], sizeof(servers[!at])))
            continue;
        at = !at;
        from = servers[at];
        (void)rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
        rk = open_at(j, from);
    }
    (void)rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}
#else
static void
read_one(handle_t *rk)
{
    rd_kafka_message_t *m = shunt_consumer_poll(rk, 50);
    if (!m)
        return;
    const char *origin = m->err ? NULL : shunt_message_origin(m);
    if (origin)
        take(m, origin,
             strcmp(rd_kafka_topic_name(m->rkt), shunt_topic_name(m->rkt)) ==
                 0);
    rd_kafka_message_destroy(m);
}

static void
follow(const struct job *j)
{
    config_t *conf = job_conf(j);
    told_events(conf);
    handle_t *rk = job_open(RD_KAFKA_CONSUMER, conf);
    job_subscribe(rk, j->topic);
    while (!told_to_stop()) {
        read_one(rk);
        say_silent();
    }
    (void)shunt_consumer_close(rk);
    shunt_destroy(rk);
}
#endif

void
run_follow(const struct job *j)
{
    told_start();
    follow(j);
}
