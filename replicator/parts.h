/*
 * What the .c files of a flow share.  Everything belongs to the flow's thread,
 * except: `lock` guards the table of topics and of each part what is marked
 * (L), which the flow's thread alone writes; atomics are free.  librdkafka
 * handles may be used by both threads.  Nothing blocks under the lock.
 */
#ifndef SHUNT_REPLICATOR_PARTS_H
#define SHUNT_REPLICATOR_PARTS_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/base/backoff.h"
#include "replicator/clients.h"
#include "replicator/codecs.h"
#include "replicator/flow.h"
#include "replicator/look.h"
#include "replicator/positions.h"
#include "replicator/runs.h"
#include "replicator/survey.h"
#include "replicator/syncs.h"

/* What becomes of our own records; why they are refused is said once per
 * reason. Any thread. */
struct refusals {
    atomic_int said; /* rd_kafka_resp_err_t */
    _Atomic uint64_t n, written;
    _Atomic int64_t written_at_ms; /* clock_coarse_ms(), the last; 0: none */
};

/* What emit_note() writes. */
enum note { NOTE_POSITION, NOTE_HEARTBEAT, NOTE_CHECKPOINT, NOTES };

/* Syncs that wait for room in their producer; above it nothing is copied. */
#define SYNCS_WAITING_MAX ((size_t)10000)

/* Whose a unit is. */
enum unit_state {
    UNIT_AWAY,   /* another process's; until it is given to us */
    UNIT_COMING, /* ours, not read yet; until its positions are known */
    UNIT_MINE,   /* copied; until it is asked back, or lost */
    UNIT_GOING,  /* asked back; until all is answered and written */
};

/* Of a unit that copies exactly once (txn.c). */
enum txn_state {
    TXN_NONE,       /* until a record is to be sent */
    TXN_OPEN,       /* until it is old or large enough */
    TXN_CLOSING,    /* nothing is added; until all in it is answered */
    TXN_ENDING,     /* its positions are in it; until they are answered, and the
                       syncs of the one before are written */
    TXN_COMMITTING, /* until that has ended */
};

/* What one process owns alone (unit.c): a partition of the topic of positions,
 * and with it every part whose position lies there. */
struct unit {
    struct flow *flow;
    int32_t id;                  /* that partition */
    atomic_int state;            /* enum unit_state; the flow's thread writes */
    struct part *parts;          /* those of topics found so far */
    struct positions positions;  /* as they were when it was taken */
    bool given;                  /* the group says that it is ours */
    int64_t retry_at_ms;         /* it is not taken before */
    uint64_t changes;            /* how often it has gone */
    rd_kafka_t *producer;        /* the committer's; NULL: the flow's */
    struct committer *committer; /* owned; NULL: no transactions */
    rd_kafka_topic_t *positions_at; /* its own; borrowed by nobody */
    enum txn_state txn;
    rd_kafka_resp_err_t failed; /* why its producer is given up; 0: it is not */
    size_t in_txn;              /* records */
    int64_t opened_at_ms, closing_at_ms; /* the last transaction */
    int64_t rested_at_ms;                /* commits have paused long enough */
    int64_t notes;                       /* positions that are not answered */
    uint64_t sync_barrier; /* the next commit waits until so many are written */
    bool odd; /* it compresses otherwise than the source's batches are */
    int64_t odd_wait_ms; /* until it may be taken anew for that */
};

/* Why a part is not read; it is assigned to the consumer while nothing is. */
enum hold {
    HOLD_NEW = 1,       /* its partition is not on the target yet */
    HOLD_NOT_MINE = 2,  /* another process copies it, or ours not yet */
    HOLD_BACKLOG = 4,   /* too much of it waits for answers */
    HOLD_BROKEN = 8,    /* a record was refused or is not there; retried */
    HOLD_PAUSED = 16,   /* somebody asked for it */
    HOLD_STOPPED = 32,  /* a refusal or a gap, where the file says "stop" */
    HOLD_UNWANTED = 64, /* the file does not select its topic any more */
    HOLD_GONE = 256,    /* its topic is not on the source any more */
};

/* Records that were read and wait for their turn, in order. */
struct kept {
    rd_kafka_message_t **v; /* owned */
    size_t first, n, cap;
    size_t bytes;
};

/* Records that were acknowledged, each one offset further than the one before
 * on both sides; none: its length is 0. */
struct copied {
    struct run run;
    size_t bytes;
    int64_t age_ms;         /* of all together, when they were acknowledged */
    int64_t timestamp;      /* of the last one that has any, or 0 */
    int64_t last_timestamp; /* of the last one, or 0 */
};

/* One partition of a source topic. Lives as long as its flow. */
struct part {
    struct flow *flow;
    struct topic *topic;
    struct unit *unit;
    struct part *next_of_unit;
    int32_t partition;
    rd_kafka_topic_t *to;      /* NULL: not opened */
    rd_kafka_t *via;           /* the producer of `to`; borrowed */
    enum codec codec;          /* of `to` */
    bool heard;                /* read again to learn its codec */
    atomic_uint holds;         /* of enum hold; the flow's thread writes */
    bool assigned, rewound;    /* hold.c: to the consumer; where to changed */
    bool hold_changed;         /* it is in the flow's list */
    struct part *next_changed; /* there */
    bool known;                /* this process has copied it */
    bool anew;                 /* but began anew when it was taken */
    int64_t next;              /* the source offset to take next; -1: as the
                         following three say */
    int64_t begin;             /* where it was started, for lack of `acked` */
    int64_t reset;    /* where it goes on, though not behind `acked`; or -1 */
    bool lost;        /* what it wants to read is not there: goes on elsewhere
                         once all is answered */
    int32_t leader;   /* on the source, when topics were last looked at */
    bool leaderless;  /* on one of both sides, then */
    int64_t inflight; /* records sent and not yet answered */
    size_t waiting;   /* their bytes, as backlog.c reckons */
    int64_t acked;    /* (L) the last one of the unbroken prefix, or -1 */
    struct copied copied; /* behind `acked`: acknowledged, not counted yet */
    bool counts;          /* it is in the flow's list of such */
    struct part *next_counts; /* there */
    struct kept kept;         /* group.c: read, not sent yet */
    int64_t kept_at_ms;       /* since when, or since the group before */
    size_t group;             /* records of the newest one on its way */
    bool sending;             /* it is being sent */
    bool starts;              /* it is in the flow's list */
    struct part *next_starts; /* there */
    int64_t saved;            /* (L) the position that stands in Kafka, or -1 */
    int64_t to_save;          /* snapshot of a flush under way */
    struct last_record last;  /* that counts; by it a log is known again */
    struct last_record to_save_last; /* of that snapshot */
    struct last_record check; /* read once more, to see whether it is there */
    bool other;               /* it was not: the log is another one */
    bool broken; /* a record was refused: nothing behind it counts, and
                          copying starts again at it once all is answered */
    int64_t refused_at;
    rd_kafka_resp_err_t refused_code;
    int64_t retry_at_ms;
    /* refuse.c */
    size_t window;        /* bytes of a group; 0: no groups */
    size_t window_before; /* the last one that passed */
    int64_t careful_for;  /* records to pass until groups end */
    int careful_times;
    int64_t guilty; /* goes to the dead-letter topic, or -1 */
    bool bare;      /* without its value */
    rd_kafka_resp_err_t verdict;
    int64_t said_at;
    rd_kafka_resp_err_t said_code;
    struct backoff backoff;
    struct sync_state sync;
    struct runs runs;   /* (L) */
    struct runs before; /* take.c: as the syncs tell */
    struct runs in_txn; /* acknowledged, but not committed */
    int64_t in_txn_to;  /* the position that it reaches, or -1 */
    uint64_t in_txn_bytes;
    int64_t in_txn_timestamp;
    uint64_t records, bytes, refused; /* (L) */
    uint64_t missed;                  /* (L) gone before they were copied */
    uint64_t looped;                  /* (L) not copied: would go round */
    uint64_t dead;                    /* (L) went to the dead-letter topic */
    struct sight sight;               /* (L) */
};

struct topic {
    char *name, *remote;
    rd_kafka_topic_t *from;  /* its opaque is this topic */
    const atomic_int *codec; /* of what was read last; NULL: of no interest */
    struct part **parts;     /* (L) */
    int32_t n_parts;         /* (L) */
    bool complained;         /* a failure was said in the log */
    bool gone;               /* (L) it is not on the source any more */
    bool paused;             /* (L) by an administrator, on any thread */
    bool go_on;              /* (L) its stopped parts shall */
    UT_hash_handle hh;       /* (L) by name */
};

struct waiting_sync {
    const struct part *part;
    struct sync_point at;
};

/* A sync leaves it when it is acknowledged. After a refusal, what was sent
 * behind it does not count: all goes again from there, so that a reader finds
 * the syncs of a partition in their order. */
struct sync_queue {
    struct waiting_sync *v;
    size_t first, n, cap;    /* those not acknowledged */
    size_t sent, inflight;   /* of them, from the front */
    _Atomic uint64_t queued; /* ever */
    bool refused;            /* sent again once `inflight` is 0 */
    bool stall_said;         /* that copying waits for them */
    int64_t retry_at_ms;
    struct backoff backoff;
    struct refusals refusals;
};

/* How processes divide the units among them (share.c). */
struct share {
    char *group;
    rd_kafka_t *member; /* of the group; NULL: not made yet */
    bool alone;         /* the cluster knows no groups */
    bool claimed;       /* a claim of ours was written, and stands */
    bool subscribed;    /* it joins, or has joined */
    bool joined;        /* the group has given us something, be it nothing */
    bool closing;       /* what it takes away is let go at once */
    bool refusal_said;  /* why it cannot join was said in the log */
    int64_t claimed_at_ms;
    char claim[96];
    rd_kafka_topic_partition_list_t *going; /* asked back; NULL: nothing */
    bool going_assigned;                    /* to us by the group */
    bool going_flushed;                     /* their positions are on the way */
    int64_t going_until_ms;
};

struct flow {
    const struct flow_settings *_Atomic conf; /* reconf.c */
    atomic_bool conf_new; /* the flow's thread has not looked yet */
    bool beat_back;
    pthread_t thread, checkpointer, keeper;
    bool has_checkpointer, has_keeper;
    atomic_bool stop, ready, broken, checkpoints_may_run;

    rd_kafka_t *consumer, *producer;
    rd_kafka_t *back; /* producer to the source; NULL: not needed */
    rd_kafka_t *compressing[CODECS]; /* producers; NULL: not needed yet */
    int64_t compressing_retry_ms;
    bool deaf; /* librdkafka does not tell how batches are compressed */
    int64_t hears_until_ms;
    struct codecs *codecs; /* NULL: the file says how copies are compressed */
    rd_kafka_queue_t *records; /* of the consumer */
    int wake_fd;               /* records or deliveries are there */
    int delivery_fd;
    char *positions_topic, *syncs_topic, *checkpoints_topic;

    struct unit *units; /* by their id; made once the topic is there */
    int32_t n_units;
    struct taking *taking; /* take.c; NULL: none comes */
    struct share share;
    /* How often units have come: who keeps what it read of all parts reads
     * again. */
    _Atomic uint64_t takes;

    pthread_mutex_t lock;
    struct topic *topics; /* (L) */
    /* From the keeper to the flow's thread; NULL: nothing new. */
    _Atomic(struct survey *) found;
    atomic_bool survey_now; /* the keeper shall not wait */
    _Atomic uint64_t configs_changed, acls_made, group_offsets_written;
    struct sync_queue syncs;
    struct part *counting; /* with records acknowledged that do not count yet */
    struct part *starting; /* that have something to send */
    int64_t group_max, group_bytes_max;
    struct part *holds_changed;
    int64_t holds_retry_at_ms;
    size_t n_broken;   /* parts that are broken or lost */
    uint64_t inflight; /* records */
    size_t waiting;    /* their bytes */
    bool crowded;      /* too many: nothing is taken */
    bool squeezed;     /* for too long: parts are held instead */
    int64_t crowded_at_ms;
    size_t n_parts;
    /* appetite.c: taken since the consumer's queue was empty. */
    int64_t burst, burst_bytes, burst_max, burst_bytes_max;
    uint64_t notes; /* other own records that are not answered */
    unsigned beats; /* the same of heartbeats */
    bool flushing;
    uint64_t flush_barrier; /* it waits until so many syncs are written */
    int64_t flush_retry_at_ms;
    bool position_refused; /* the next flush writes all of them */
    struct refusals refusals[NOTES];
    int64_t next_flush_ms, next_beat_ms, next_retry_ms;
    struct committer **ending; /* owned; nobody uses them any more */
    size_t n_ending;
    char complaint[512];    /* (L) last failure of a chore, said once */
    bool paused;            /* (L) by an administrator, on any thread */
    atomic_bool pauses_new; /* the flow's thread has not looked yet */
    /* clock_coarse_ms() when all of them were last written; 0: not yet. */
    _Atomic int64_t positions_at_ms, checkpoints_at_ms;
    struct latencies latencies;
    int64_t wall_ms;  /* of this turn */
    struct pace pace; /* (L) the observer writes */
};

/* flow.c: a chore that failed, said once; "" once it went well.  The flow's
 * thread until it is ready, from then on the keeper. */
void flow_complain(struct flow *f, const char *what, const char *why);

/* discover.c: compares what a survey found with the table, starts new parts
 * where they were left. */
void discover_apply_take(struct flow *f, struct survey *s);
/* At the start: both at once. Blocks. */
MUST_CHECK int discover(struct flow *f, struct err *err);
/* Does a partition whose position is not there begin at its end? */
bool discover_begins_at_end(const struct flow *f);
struct part *flow_part(struct flow *f, const char *topic, int32_t partition);

/* hold.c: done by holds_apply(), which the flow's turn calls. Nothing is lost
 * by a hold: what was read and not taken is read again. */
void part_hold(struct part *p, enum hold why);
void part_release(struct part *p, enum hold why);
/* It goes on behind what is acknowledged (or at `reset`), wherever it is. */
void part_rewind(struct part *p);
/* A record was left out: it goes on there, even if its hold ends before it
 * was applied. */
void part_skipped(struct part *p);
/* The consumer has told where the log ended when it was read first. */
void part_begins(struct part *p, int64_t offset);
void holds_apply(struct flow *f);

/* backlog.c: a record is sent or kept; is answered or given up. Bounds what
 * waits. */
void backlog_add(struct part *p, size_t bytes);
void backlog_sub(struct part *p, size_t bytes);
/* Is the part still to be held for what waits? */
void backlog_look(struct part *p);
/* May nothing be taken now? */
bool backlog_stalls(struct flow *f);

/* appetite.c: once; a record was taken; there is none left. */
void appetite_init(struct flow *f);
void appetite_took(struct flow *f, const rd_kafka_message_t *m);
void appetite_empty(struct flow *f);

/* unit.c: as many as the topic of positions has partitions; again: nothing. */
void units_make(struct flow *f, int32_t n);
void units_free(struct flow *f);
/* The unit in which the position of a source partition lies. */
struct unit *unit_of(const struct flow *f, const char *topic,
                     int32_t partition);
/* Any thread. */
bool unit_is_mine(const struct unit *u);
/* Has this process what only one may do? Any thread. */
bool units_lead(const struct flow *f);
/* Its producer to the target: records, positions. */
rd_kafka_t *unit_producer(const struct unit *u);
/* The unit is ours: it is taken at a turn. */
void unit_give(struct unit *u);
/* Its parts are read no more; what was read is still written. */
void unit_ask_back(struct unit *u);
/* It is taken anew from what was written, after so long, if it is still ours. */
void unit_renew(struct unit *u, int64_t wait_ms);
/* It is not ours any more: nothing of it is read, nothing written. */
void unit_drop(struct unit *u);
bool unit_is_coming(const struct unit *u);
/* It is ours, and its positions are known. */
void unit_taken(struct unit *u);
/* None waits to be taken. */
bool units_settled(const struct flow *f);
/* Records of the unit that are not answered. */
int64_t unit_inflight(const struct unit *u);
/* A part found in a unit: it begins where it was left, if that is ours. */
void part_enter(struct part *p);

/* compress.c. Opens `to`, if it is not open and nothing has to be known first. */
MUST_CHECK int part_open(struct part *p, struct err *err);
void part_close(struct part *p);
/* Before a record is sent. Not 0: it cannot be. */
MUST_CHECK rd_kafka_resp_err_t part_follow_codec(struct part *p);
/* Has all to be answered first? */
bool part_changes_codec(const struct part *p);
/* Every turn, with whether there were records. */
void compress_hear(struct flow *f, bool records);
/* The codec of a record's topic is not known, perhaps because nobody listened:
 * once, it is to be read again. */
bool compress_missed(struct part *p);
/* Units whose producers compress otherwise than is due are taken anew. */
void compress_turn(struct flow *f);
/* Serves deliveries of the producers that compress; how many. */
int compress_serve(struct flow *f);
rd_kafka_resp_err_t compress_fatal_error(struct flow *f, char *why,
                                         size_t size);
void compress_end(struct flow *f);

/* take.c: takes units whose time has come. */
void take_turn(struct flow *f);
/* Gives up, once the flow has been stopped. */
void take_end(struct flow *f);

/* txn.c: exactly once. True: no unit is without its transactions. */
bool txn_wanted(const struct flow *f);
/* A producer for each of the units, whose owner before is fenced, and what it
 * has left open aborted.  Any thread; what was made is the caller's, also after
 * a failure. */
MUST_CHECK int txn_begin_units(struct unit **units, struct committer **made,
                               int32_t n, struct err *err);
/* NULL without transactions; a unit without parts needs none. */
void txn_enter_take(struct unit *u, struct committer *c);
/* Asks for the topics of a new producer: else the first record to each waits a
 * second. */
void txn_warm(struct unit *u);
/* Nobody uses it any more. */
void txn_end_producer(struct flow *f, struct committer *c);
/* What was acknowledged before the last crash, but perhaps not told of. */
void txn_tell_again(struct part *p);
/* Before a record is sent. False: it cannot be; the unit will be renewed.
 * Without transactions: true. */
bool txn_open(struct part *p);
/* All up to there counts once it is committed, and nothing of it is copied. */
void txn_passed(struct part *p, int64_t offset);
/* A record was acknowledged; it counts once it is committed. */
void txn_acked(struct part *p, struct sync_point at, size_t bytes,
               int64_t timestamp);
/* All goes again from what is committed; without transactions: nothing. */
void txn_fail(struct unit *u, rd_kafka_resp_err_t code);
/* Commits what is due, renews what has failed. */
void txn_turn(struct flow *f);
/* How long the flow may sleep, of so long. */
int64_t txn_wait_ms(const struct flow *f, int64_t ms);
/* Commits everything, as far as it can in that time. */
void txn_finish(struct flow *f, int64_t ms);
/* Forgets what was not committed, and the producer. */
void txn_drop(struct unit *u);
/* The same for all; waits until their producers have ended. */
void txn_end_all(struct flow *f);

/* share.c: asks for units; may be called again after a failure. */
MUST_CHECK int share_open(struct flow *f, struct err *err);
/* Once the parts are there: begins at once, if the claim has held. */
void share_begin(struct flow *f);
void share_turn(struct flow *f);
/* Something to do has been given, or the group has nothing for us. */
bool share_settled(const struct flow *f);
/* Leaves the group. */
void share_close(struct flow *f);

/* lost.c: the log is to be known again by this record. */
void part_check(struct part *p, struct last_record last);
/* A record that was read before: true, it is copied; or there is no question. */
bool part_checked(struct part *p, const rd_kafka_message_t *m);

/* copy.c: up to a batch of records; true: there may be more. */
bool copy_batch(struct flow *f);
/* Starts broken parts again whose time has come. */
void copy_retry(struct flow *f);
/* Sends a record now; it stays the caller's. */
void copy_send(struct part *p, rd_kafka_message_t *m);
/* All up to this one stands on the target, or shall not. */
void copy_passed(struct part *p, int64_t offset);
/* After every answer of a part. */
void copy_settled(struct part *p);

/* emit.c: what is written beside the records. */
void emit_sync(struct flow *f, const struct part *p, struct sync_point at);
void emit_waiting_syncs(struct flow *f);
/* Do too many of them wait? Then nothing may be copied, which is said. */
bool emit_syncs_stall(struct flow *f);
void emit_heartbeats(struct flow *f);
/* Begins a flush of the positions, or carries on with it. */
void emit_flush_begin(struct flow *f);
void emit_flush_step(struct flow *f);
/* By what the log of a position is known again; nothing, if nothing is. */
void emit_last_header(rd_kafka_headers_t *headers, struct last_record last);
/* The part's position is no more: Connect's way to say it is an empty value. */
void emit_no_position(struct part *p);
/* A record of ours to partition `p` of a topic (RD_KAFKA_PARTITION_UA: by
 * key); copied.  Not 0: it was not taken, which is said if it is more than a
 * full queue.  Any thread, but positions and heartbeats, which are counted, are
 * for the flow's thread only. */
rd_kafka_resp_err_t emit_note(struct flow *f, rd_kafka_t *rk, enum note kind,
                              const char *topic, int32_t p, const void *key,
                              size_t key_len, const void *value,
                              size_t value_len);
/* copy.c: up to where it is copied, though perhaps not committed; or -1. */
int64_t part_reached(const struct part *p);
/* Records stand on the target, and count. */
void part_copied(struct part *p, const struct copied *c);
/* What was acknowledged since the last time counts. */
void copy_count(struct flow *f);
/* It was counted before; perhaps nobody was told. */
void part_tell(struct part *p, struct run run);
/* flow.c: its turn comes at once. Any thread. */
void flow_wake(const struct flow *f);
/* flow.c: serves deliveries of all producers; true: there were any. */
bool flow_serve(struct flow *f, int timeout_ms);
/* Deliveries of a new producer wake the flow's thread. */
void flow_ring(struct flow *f, rd_kafka_t *rk);

/* reconf.c: does what flow_reconf() asked for. */
void reconf_step(struct flow *f);

/* pause.c: does what flow_pause() and flow_resume() asked for. */
void pause_step(struct flow *f);

/* checkpoints.c: the thread. */
void *checkpoints_thread(void *flow);

/* keeper.c: the thread that looks for new topics, and gives copies the settings
 * and rights of their topics. */
void *keeper_thread(void *flow);

#endif
