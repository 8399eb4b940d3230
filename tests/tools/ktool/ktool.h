/*
 * What ktool's files share.  One command a process, one thread; a failure is a
 * sentence on stderr and exit code 1.
 */
#ifndef SHUNT_TESTS_KTOOL_H
#define SHUNT_TESTS_KTOOL_H

#include <librdkafka/rdkafka.h>

#define ADMIN_MS    10000
#define DEADLINE_MS 30000

struct ktool {
    rd_kafka_t *rk; /* a producer */
    const char *bootstrap;
    char **words; /* after the bootstrap servers */
};

/* Says "WHAT: WHY"; 1. */
int fail(const char *what, const char *why);

/* admin.c: "grow TOPIC PARTITIONS", "describe TOPIC CONFIG",
 * "alter TOPIC KEY=VALUE,...", "delete-topic TOPIC",
 * "delete-records TOPIC PARTITION OFFSET", "deny TOPIC PRINCIPAL",
 * "allow TOPIC PRINCIPAL OPERATION", "lift TOPIC", "rules", "settings TOPIC" */
int run_grow(struct ktool *k);
int run_describe(struct ktool *k);
int run_alter(struct ktool *k);
int run_delete_topic(struct ktool *k);
int run_delete_records(struct ktool *k);
int run_deny(struct ktool *k);
int run_allow(struct ktool *k);
int run_lift(struct ktool *k);
int run_rules(struct ktool *k);
int run_settings(struct ktool *k);

/* records.c: "write TOPIC", "write-tx TOPIC", "dump TOPIC", "prints TOPIC",
 * "commit GROUP TOPIC PARTITION OFFSET METADATA", "committed GROUP TOPIC",
 * "join GROUP TOPIC" */
int run_write(struct ktool *k);
int run_write_tx(struct ktool *k);
int run_dump(struct ktool *k);
int run_prints(struct ktool *k);
int run_commit(struct ktool *k);
int run_committed(struct ktool *k);
int run_join(struct ktool *k);

#endif
