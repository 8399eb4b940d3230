/*
 * rd_kafka_offsets_for_times() with the times "end" and "beginning" makes one
 * request for each broker, and unlike rd_kafka_query_watermark_offsets() keeps
 * its timeout.  But one partition that cannot be asked may spoil the whole list:
 * then it is halved.  And it calls a topic unknown, too, whose metadata have not
 * come yet: what does not exist is known after a look only.
 */
#include "offset-mapper/ends.h"

#include "common/base/clock.h"

bool
ends_unknown(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

int
ends_err(struct err *err, const char *on, const char *topic, int32_t partition,
         rd_kafka_resp_err_t code)
{
    if (ends_unknown(code))
        return err_set(err, ERR_NOTFOUND,
                       "%s [%d] does not exist on cluster %s", topic, partition,
                       on);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return err_set(err, ERR_DENIED,
                       "cluster %s does not let this mapper describe %s: grant "
                       "it DESCRIBE and READ",
                       on, topic);
    return err_set(err, ERR_UNAVAILABLE,
                   "cannot ask cluster %s where %s [%d] ends: %s", on, topic,
                   partition, rd_kafka_err2str(code));
}

static int
time_left(int64_t deadline_ms)
{
    const int64_t left = deadline_ms - clock_mono_ms();
    return left > 0 ? (int)left : 0;
}

static void
copy_back(rd_kafka_topic_partition_list_t *to, int at,
          const rd_kafka_topic_partition_list_t *part)
{
    for (int i = 0; i < part->cnt; i++) {
        to->elems[at + i].offset = part->elems[i].offset;
        to->elems[at + i].err = part->elems[i].err;
    }
}

static void request(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                    int64_t deadline_ms);

static void
request_part(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int from,
             int to, int64_t deadline_ms)
{
    rd_kafka_topic_partition_list_t *part =
        rd_kafka_topic_partition_list_new(to - from);
    for (int i = from; i < to; i++)
        rd_kafka_topic_partition_list_add(part, list->elems[i].topic,
                                          list->elems[i].partition)
            ->offset = list->elems[i].offset;
    request(rk, part, deadline_ms);
    copy_back(list, from, part);
    rd_kafka_topic_partition_list_destroy(part);
}

/* Times become offsets, or errors.  A list that may have to be halved gets half
 * of the time that is left. */
static void
request(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
        int64_t deadline_ms)
{
    const int left = time_left(deadline_ms);
    const bool can_halve = list->cnt > 1 && left > 1;
    const rd_kafka_resp_err_t code =
        left == 0
            ? RD_KAFKA_RESP_ERR__TIMED_OUT
            : rd_kafka_offsets_for_times(rk, list, can_halve ? left / 2 : left);
    if (code && can_halve) {
        const int half = list->cnt / 2;
        const int left_now = time_left(deadline_ms);
        request_part(rk, list, 0, half, deadline_ms - left_now / 2);
        request_part(rk, list, half, list->cnt, deadline_ms);
    } else if (code) {
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].err = code;
    }
}

/* 0: the partition is there. */
static rd_kafka_resp_err_t
look_up(rd_kafka_t *rk, const rd_kafka_topic_partition_t *p,
        int64_t deadline_ms)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, p->topic, NULL);
    const rd_kafka_metadata_t *md;
    if (!rkt)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(rk, 0, rkt, &md, time_left(deadline_ms));
    if (!code) {
        code = md->topic_cnt == 1 ? md->topics[0].err
                                  : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (!code && p->partition >= md->topics[0].partition_cnt)
            code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(md);
    }
    rd_kafka_topic_destroy(rkt);
    return code;
}

/* Looks at what is said not to exist, and asks again if it does. */
static void
make_sure(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
          const rd_kafka_topic_partition_list_t *asked, int64_t deadline_ms)
{
    for (int i = 0; i < list->cnt && time_left(deadline_ms) > 0; i++) {
        rd_kafka_topic_partition_t *p = &list->elems[i];
        if (!ends_unknown(p->err))
            continue;
        p->err = look_up(rk, p, deadline_ms);
        p->offset = asked->elems[i].offset;
        if (!p->err)
            request_part(rk, list, i, i + 1, deadline_ms);
    }
}

void
ends_ask(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, bool sure,
         int64_t deadline_ms)
{
    rd_kafka_topic_partition_list_t *asked =
        rd_kafka_topic_partition_list_copy(list);
    request(rk, list, deadline_ms);
    if (sure)
        make_sure(rk, list, asked, deadline_ms);
    rd_kafka_topic_partition_list_destroy(asked);
}
