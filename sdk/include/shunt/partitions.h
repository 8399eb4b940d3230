/*
 * libshunt: what a consumer does with its partitions: assignments, positions,
 * commits, questions to the cluster, its membership in the group.  Part of
 * shunt.h, which includes it.
 *
 * Lists name places on the cluster in use and carry physical names (a logical
 * name is the local topic); an element whose metadata says so is a place on
 * another cluster: see shunt_position().
 */
#ifndef SHUNT_PARTITIONS_H
#define SHUNT_PARTITIONS_H

#include <shunt/shunt.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Takes partitions, and nothing else, as librdkafka does: in the rebalance
 * callback those of its list; NULL gives everything back.  An element's offset
 * is where it starts: RD_KAFKA_OFFSET_INVALID or _STORED lets Shunt decide (the
 * group's commit, or the position that a move carries over; a partition that is
 * read already goes on); BEGINNING, END, TAIL or an offset are the
 * application's, and override what a move has carried over.
 *
 * Without a subscription this is a manual assignment: no group is joined.  It
 * takes effect when the route of the topics is known; a move translates each
 * position and assigns there, together with the streams of the same logical
 * partition that only the new cluster has, from their log start.
 *
 * An element whose metadata names another cluster (shunt_position() gives such
 * metadata) is a place there: it is translated while the partition waits, for
 * at most switch.mapping.timeout.ms; without a translation it starts at the log
 * start, with a WARNING event.  Does not wait, except to commit what is given
 * up when offsets are committed automatically.
 * Returns RD_KAFKA_RESP_ERR_NO_ERROR; __INVALID_ARG: not a consumer, no such
 * partition number or offset; __STATE: closed, or subscribed and nothing
 * assigned by the group yet; __FAIL: out of memory.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_assign(shunt_t *rk, const rd_kafka_topic_partition_list_t *partitions);

/*
 * The same for some partitions more, or less: what the rebalance callback of a
 * cooperative group calls.  NULL, or an error for the caller to destroy
 * (rd_kafka_error_destroy()): as shunt_assign(), and __CONFLICT: assigned
 * already; __INVALID_ARG: not assigned.
 */
SHUNT_EXPORT rd_kafka_error_t *
shunt_incremental_assign(shunt_t *rk,
                         const rd_kafka_topic_partition_list_t *partitions);
SHUNT_EXPORT rd_kafka_error_t *
shunt_incremental_unassign(shunt_t *rk,
                           const rd_kafka_topic_partition_list_t *partitions);

/*
 * The partitions assigned now, physical names.  *partitions is the caller's.
 * Any thread.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_assignment(shunt_t *rk, rd_kafka_topic_partition_list_t **partitions);

/*
 * 1: the partitions were lost, not revoked (others may own them by now).  In a
 * rebalance callback.
 */
SHUNT_EXPORT int shunt_assignment_lost(shunt_t *rk);

/* "NONE", "EAGER" or "COOPERATIVE"; NULL: not a consumer.  Static. */
SHUNT_EXPORT const char *shunt_rebalance_protocol(shunt_t *rk);

/*
 * Continues each partition at its .offset: an offset, BEGINNING, END or TAIL;
 * one whose metadata names another cluster is translated first, as part of
 * timeout_ms.  .err of each: __UNKNOWN_PARTITION: no translation, or not a
 * partition; __STATE: not assigned; __INVALID_ARG: another logical offset; what
 * the cluster says.  timeout_ms 0 does not wait, and nothing is translated.
 * What was finished before the seek and not committed is not committed any more.
 * NULL, or an error for the caller to destroy: __TIMED_OUT, __INVALID_ARG,
 * __STATE: no cluster yet.
 */
SHUNT_EXPORT rd_kafka_error_t *
shunt_seek_partitions(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions,
                      int timeout_ms);

/*
 * The same for one partition of a message's topic (`rkmessage->rkt`).
 * __UNKNOWN_PARTITION also for a topic of a cluster that was left.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_seek(rd_kafka_topic_t *rkt,
                                            int32_t partition, int64_t offset,
                                            int timeout_ms);

/*
 * Stops and continues delivery of partitions; .err of each:
 * __UNKNOWN_PARTITION: not assigned.  Poll on, or the group takes the member
 * for dead.  A pause ends when the partition is taken away, but outlasts a
 * move: the partition of the logical topic stays paused, whatever its topics
 * are called there, and a consumer that had paused everything it had is given
 * nothing there before shunt_resume_partitions().
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_pause_partitions(
    shunt_t *rk, rd_kafka_topic_partition_list_t *partitions);
SHUNT_EXPORT rd_kafka_resp_err_t shunt_resume_partitions(
    shunt_t *rk, rd_kafka_topic_partition_list_t *partitions);

/*
 * Fills in, for each partition, the offset after the last record that was
 * delivered (RD_KAFKA_OFFSET_INVALID: none since its start or a seek), `err`,
 * and as metadata where that is: {"shunt":1,"cluster":"a","logical":"orders",
 * "origin":"a"}.  Topic, partition, offset and metadata together can be kept
 * anywhere and be given back to shunt_assign(), shunt_seek_partitions(),
 * shunt_commit() and shunt_offsets_store() on any cluster.  Does not wait.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_position(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions);

/*
 * With enable.auto.offset.store=false: what is stored is what is finished, and
 * what automatic commits and shunt_commit(rk, NULL, ...) commit and a move
 * carries over (switch.position=stored).  Offsets are those of the next record
 * to read, .err of each: __UNKNOWN_PARTITION: not a partition here, one of a
 * cluster that was left, no translation; __STATE: not assigned.
 * Returns RD_KAFKA_RESP_ERR_NO_ERROR when any was stored, else the last of
 * these; __INVALID_ARG: enable.auto.offset.store=true.  Does not wait unless
 * something has to be translated.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_offsets_store(shunt_t *rk, rd_kafka_topic_partition_list_t *offsets);

/*
 * Stores the offset after `offset`, of a message's topic (`rkmessage->rkt`).  A
 * message that was delivered before a move: __UNKNOWN_PARTITION.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_offset_store(rd_kafka_topic_t *rkt,
                                                    int32_t partition,
                                                    int64_t offset);

/*
 * Commits `offsets`, or with NULL the current (stored) ones.  async 0 waits
 * for the answer.  Physical names of the cluster in use; an element whose
 * metadata names another cluster is translated first.  Other metadata is the
 * application's: UTF-8 without zero bytes (else __INVALID_ARG, and nothing is
 * committed); it stands in Kafka as "app" of Shunt's own
 * ({"shunt":1,"since":7,"app":"..."}), and shunt_committed() gives it back.
 * After a move, an offset past what was delivered on this cluster and without a
 * place is one of the old cluster's: __UNKNOWN_PARTITION, and nothing is
 * committed.  __NO_OFFSET: nothing to commit; __STATE: not connected, or moving
 * just now: what is finished is carried over.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_commit(
    shunt_t *rk, const rd_kafka_topic_partition_list_t *offsets, int async);

/*
 * Commits the offset after `rkmessage`, which the caller keeps.  A message
 * that was delivered before a move is committed as part of that move, not
 * again: __UNKNOWN_PARTITION.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_commit_message(
    shunt_t *rk, const rd_kafka_message_t *rkmessage, int async);

/*
 * Reads the group's commits for the listed partitions of the cluster in use
 * into `partitions`, before there is an assignment too.  The metadata is the
 * application's where it committed some, else the place, as of
 * shunt_position().  Waits up to timeout_ms: __TIMED_OUT.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_committed(
    shunt_t *rk, rd_kafka_topic_partition_list_t *partitions, int timeout_ms);

/*
 * For each partition the first offset whose timestamp is at least .offset
 * (milliseconds since 1970), with its place as metadata; RD_KAFKA_OFFSET_END:
 * none.  Waits up to timeout_ms, before there is an assignment for the route
 * too: __TIMED_OUT.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_offsets_for_times(
    shunt_t *rk, rd_kafka_topic_partition_list_t *offsets, int timeout_ms);

/*
 * The first offset of a partition and the next one to be written, asked of its
 * broker; waits up to timeout_ms.  Its errors, and __TIMED_OUT.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_query_watermark_offsets(shunt_t *rk, const char *topic, int32_t partition,
                              int64_t *low, int64_t *high, int timeout_ms);

/*
 * The same as last heard of with fetched records; does not wait.  __STATE: no
 * cluster yet; RD_KAFKA_OFFSET_INVALID: not known.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_get_watermark_offsets(shunt_t *rk,
                                                             const char *topic,
                                                             int32_t partition,
                                                             int64_t *low,
                                                             int64_t *high);

/*
 * This member's id in its group on the cluster in use; freed by the caller with
 * rd_kafka_mem_free(NULL, ...).  NULL: none yet.
 */
SHUNT_EXPORT char *shunt_memberid(const shunt_t *rk);

/*
 * The group metadata of this member on the cluster in use, for a transactional
 * producer; the caller's, of librdkafka's own type and for its functions
 * (rd_kafka_consumer_group_metadata_destroy()).  NULL: no cluster yet.  Take a
 * new one for each transaction: after a move the old one is none any more.
 */
SHUNT_EXPORT rd_kafka_consumer_group_metadata_t *
shunt_consumer_group_metadata(shunt_t *rk);

#ifdef __cplusplus
}
#endif

#endif
