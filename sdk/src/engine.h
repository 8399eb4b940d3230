/*
 * What the two engines (consumer.c, producer.c) get from whoever lays a
 * surface over them.  The engines know nothing of the public API.
 */
#ifndef SHUNT_SDK_ENGINE_H
#define SHUNT_SDK_ENGINE_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sdk/src/control/control.h"
#include "sdk/src/metrics.h"
#include "sdk/src/worker.h"

/* Who takes a producer's delivery reports. */
enum engine_reports {
    REPORTS_NONE,     /* nobody */
    REPORTS_CALLBACK, /* on_delivery */
    REPORTS_EVENT,    /* whoever calls producer_event() */
};

/* What became of a rebalance that was told. */
enum engine_answer {
    ENGINE_NOBODY, /* nobody listens: the engine assigns */
    ENGINE_CALLED, /* a callback ran, which should have assigned */
    ENGINE_LATER,  /* it has been queued; somebody will assign */
};

/* What is kept ready on the cluster that the route names as standby. */
enum switch_standby { STANDBY_NONE, STANDBY_CONNECT, STANDBY_JOIN };

enum switch_position { SWITCH_STORED, SWITCH_COMMITTED, SWITCH_DELIVERED };

/* What happens around a switch, for the application's event callback. */
enum engine_event_type {
    ENGINE_ROUTED,   /* bound to a cluster for the first time */
    ENGINE_SWITCH,   /* a switch has begun */
    ENGINE_SWITCHED, /* it is done: stall_ms, reread_bound */
    ENGINE_STUCK,    /* it cannot be done now; the client stays and retries */
    ENGINE_WARNING,  /* words in `text`, e.g. a start without a mapping */
    ENGINE_PHASE,    /* a step of a switch is done: phase, ms */
    ENGINE_STANDBY,  /* what is kept on cluster `to` is ready */
};

struct engine_event {
    enum engine_event_type type;
    const char *from, *to; /* clusters; NULL: none */
    int64_t since;         /* revision of the residency */
    int64_t stall_ms;      /* SWITCHED: time without delivery; else -1 */
    int64_t reread_bound;  /* SWITCHED: sum of high - low; -1 unknown */
    int64_t catchup_ms;    /* SWITCHED: of stall_ms, what was waited for records
                           that replication had not brought yet; else -1 */
    const char *phase;     /* PHASE: static; else NULL */
    int64_t ms;            /* PHASE: since the switch began; else -1 */
    const char *text;
};

/* First member of what rd_kafka_opaque() of every handle made of the template
 * points to: callbacks that librdkafka makes on its own threads find the
 * surface by it (conf_net.c). */
struct engine_tag {
    void *arg; /* of struct engine */
};

/* The application's own sockets; NULL: the system's. Any thread of librdkafka.
 * In the template already, for handles without sockets of the engine's. */
struct engine_net {
    int (*socket)(int domain, int type, int protocol, void *arg);
    /* 0, also while it is under way, or an errno. */
    int (*connect)(int fd, const struct sockaddr *addr, int len, const char *id,
                   void *arg);
    int (*closesocket)(int fd, void *arg);
};

/* What shunt_sasl_set_credentials() was told last; NULL: nothing yet. */
struct credentials {
    pthread_mutex_t mutex;
    char *username, *password;
};

struct engine {
    /* Template of every generation: the application's librdkafka properties
     * without bootstrap.servers. Never changed after start; owned by the
     * surface. Callbacks are NOT set in it. */
    rd_kafka_conf_t *template;
    struct control *control;         /* borrowed */
    struct worker *worker;           /* borrowed */
    struct metrics *metrics;         /* borrowed; NULL: nobody counts */
    struct engine_net net;           /* called with `arg` */
    struct credentials *credentials; /* borrowed; NULL: none ever */
    char *group;                     /* consumer: group.id */
    struct pt_client client;         /* for reports: instance, ... */
    bool auto_commit;   /* what is finished is committed by itself */
    bool store_by_hand; /* finished is only what is stored */
    int64_t auto_commit_interval_ms; /* 0: only when partitions are given up */
    bool reset_latest;               /* auto.offset.reset=latest|end|largest */
    enum switch_position position;
    enum switch_standby standby;
    int64_t settle_ms;  /* switch.group.settle.ms */
    int64_t mapping_ms; /* switch.mapping.timeout.ms */
    int64_t catchup_ms; /* switch.catchup.timeout.ms */
    int64_t close_ms;   /* close.timeout.ms */
    int64_t flush_ms;   /* switch.flush.timeout.ms: producers, old cluster */
    /* Callbacks into the surface; any may be NULL. */
    void (*on_event)(const struct engine_event *e, void *arg);
    void (*on_log)(int level, const char *fac, const char *text, void *arg);
    void (*on_error)(rd_kafka_resp_err_t code, const char *text, void *arg);
    /* Set (consumer_news() and producer_interrupt() wake the poll that waits):
     * a producer's poll comes back, a consumer's calls `pending` without a lock,
     * where the surface makes callbacks; true: it comes back. */
    const atomic_bool *interrupt;
    bool (*pending)(void *arg);
    /* Partition lists are physical names on the current cluster.  As with
     * librdkafka the callback assigns: consumer_assign() and its like. */
    enum engine_answer (*on_rebalance)(
        rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
        void *arg);
    void (*on_commit)(rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *offsets, void *arg);
    /* Consumer: `rkt` of `rk` is called so, for as long as `rk` lives.  `origin`:
     * where its records were first written. */
    void (*on_topic)(const rd_kafka_topic_t *rkt, const rd_kafka_t *rk,
                     const char *logical, const char *origin, void *arg);
    /* Exactly one for each accepted record (REPORTS_CALLBACK); `opaque` is the
     * application's. */
    enum engine_reports reports;
    void (*on_delivery)(const rd_kafka_message_t *m, void *opaque, void *arg);
    /* Other events of librdkafka to enable (RD_KAFKA_EVENT_STATS, ...); `ev` is
     * borrowed. */
    int events;
    void (*on_kafka_event)(rd_kafka_event_t *ev, void *arg);
    void *arg;
};

/* shunt_yield(), on the thread that is in a callback: its poll makes no further
 * one.  A poll of the surface begins with engine_yield(false). */
void engine_yield(bool now);
bool engine_yielded(void);

/* A copy of the template for one more handle, with the credentials that hold
 * now; the caller's.  Any thread. */
rd_kafka_conf_t *engine_conf(const struct engine *e);

#endif
