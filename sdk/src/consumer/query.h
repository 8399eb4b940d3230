/*
 * Questions that may block, asked on the worker: what a group has committed.
 * The application's thread looks for the answer; the wake says when.
 */
#ifndef SHUNT_SDK_QUERY_H
#define SHUNT_SDK_QUERY_H

#include "sdk/src/consumer/generation.h"
#include "sdk/src/consumer/wake.h"

struct query;

/* Both take `list` whatever happens. NULL: no memory. */

/* The commits of the generation's own group. */
struct query *query_commits(struct worker *w, struct wake *wake,
                            struct generation *g,
                            rd_kafka_topic_partition_list_t *list);
/* Those of the same group on a cluster that no generation is bound to, through
 * a handle that lives as long as the question. Takes `conf` too. */
struct query *query_elsewhere(struct worker *w, struct wake *wake,
                              rd_kafka_conf_t *conf,
                              rd_kafka_topic_partition_list_t *list);
/* Whether the topics exist there: .err of each is 0, _UNKNOWN_TOPIC, or why it
 * is not known. */
struct query *query_topics(struct worker *w, struct wake *wake,
                           struct generation *g,
                           rd_kafka_topic_partition_list_t *list);
/* The names of all topics, in a list made for it. */
struct query *query_names(struct worker *w, struct wake *wake,
                          struct generation *g);
/* The same of a cluster that no generation is bound to; takes `conf`. */
struct query *query_names_elsewhere(struct worker *w, struct wake *wake,
                                    rd_kafka_conf_t *conf);
/* The log end of each partition in .offset, or .err. */
struct query *query_ends(struct worker *w, struct wake *wake,
                         struct generation *g,
                         rd_kafka_topic_partition_list_t *list);
/* Nothing but query_result() and query_free() may follow once it is true. */
bool query_done(struct query *q);
/* The answers in .offset, .metadata and .err of each; borrowed until
 * query_free(). */
rd_kafka_resp_err_t query_result(struct query *q,
                                 const rd_kafka_topic_partition_list_t **list);
void query_free(struct query *q); /* also while under way; NULL allowed */

#endif
