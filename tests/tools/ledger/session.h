/*
 * What writers and readers share: the configuration of a libshunt client from
 * --conf, and lines about its switches.  Main thread.
 */
#ifndef LEDGER_SESSION_H
#define LEDGER_SESSION_H

#include <shunt/shunt.h>
#include <stdio.h>

#include "common/base/strs.h"

enum { CLUSTER_BYTES = 64 };

/* What is known of the clusters that a client has used. */
struct session {
    FILE *log;   /* borrowed */
    shunt_t *rk; /* owned by whoever made it */
    char before[CLUSTER_BYTES], now[CLUSTER_BYTES]; /* "" : none */
};

/* `settings` are "k=v", later ones win over earlier ones and over `defaults`
 * ({k, v, k, v, ..., NULL}).  The configuration's opaque is the session, to
 * which its switches and log lines go.  Owned by the caller. */
MUST_CHECK int session_conf(struct session *s, const struct strlist *settings,
                            const char *const *defaults, shunt_conf_t **out,
                            struct err *err);
/* Takes conf. */
MUST_CHECK int session_start_take(struct session *s, rd_kafka_type_t type,
                                  shunt_conf_t *conf, struct err *err);
MUST_CHECK int session_subscribe(struct session *s, const char *topic,
                                 struct err *err);
/* The cluster on which `m` stands; never NULL.  Records of a topic's own name
 * stand where they were first written, copies on another cluster than that. */
const char *session_cluster_of(const struct session *s,
                               const rd_kafka_message_t *m);

#endif
