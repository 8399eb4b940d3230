/*
 * What the programs of tests/sdk share: two real clusters, replication, the
 * route service and the mapper, all run by test_sdk_real.py, which is asked
 * for everything that a test changes about them.
 *
 * A program is a Check suite: each test is a process of its own, takes topics
 * of its own (real_topic()) and names of its own (real_name()) for cluster
 * codes, groups and transactional ids.  What a test kills it revives, or the
 * driver does after the program.
 */
#ifndef SHUNT_TESTS_SDK_REAL_H
#define SHUNT_TESTS_SDK_REAL_H

#include <check.h>
#include <shunt/shunt.h>
#include <stdbool.h>

#define REAL_PARTITIONS 6

/* Runs the suite; main()'s exit code. */
int real_run(Suite *s);
/* A test case with a deadline for each of its tests, added to the suite. */
TCase *real_case(Suite *s, const char *name, double deadline_s);

/* ---- the world ---------------------------------------------------------- */

const char *real_servers(const char *cluster); /* bootstrap.servers of a, b */
const char *real_route_url(void);
const char *real_mapper_url(void);

/*
 * One command of the driver (`help` lists them); its answer, which the caller
 * frees, "" for most.  What the driver refuses fails the test.
 */
char *real_ask(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void real_do(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "CODE-17-3": nobody else's.  Valid until the process ends. */
const char *real_name(const char *stem);
/*
 * A topic on both clusters with REAL_PARTITIONS partitions, nothing in it, and
 * replicated both ways.  Valid until the process ends.
 */
const char *real_topic(void);
/* Routes the code; later real_flip() moves it.  Both return when the service
 * has it. */
void real_rule(const char *code, const char *cluster);
void real_flip(const char *code, const char *cluster);
/* Until what stands in `topic` of `from` now stands on `to`. */
void real_copied(const char *from, const char *to, const char *topic);
void real_kill(const char *cluster); /* kill -9 */
void real_revive(const char *cluster);

/* ---- time --------------------------------------------------------------- */

int64_t real_now_ms(void); /* monotonic */
/* Until is(arg), asked every few milliseconds; false: not in time. */
bool real_wait(bool (*is)(void *arg), void *arg, int64_t timeout_ms);

/* ---- clients ------------------------------------------------------------ */

/* Without a route cache; the caller's, as of shunt_conf_new(). */
shunt_conf_t *real_conf(const char *code);
void real_set(shunt_conf_t *conf, const char *name, const char *value);
shunt_t *real_new_take(rd_kafka_type_t type, shunt_conf_t *conf);
/* The usual consumer of one topic, which it has subscribed to. */
shunt_t *real_consumer_take(shunt_conf_t *conf, const char *group,
                            const char *topic);

/* A bare librdkafka handle; `more`: names and values, NULL at the end. */
rd_kafka_t *real_bare(rd_kafka_type_t type, const char *cluster,
                      const char *const *more);
/* Records FIRST..FIRST+N-1, values in decimal, to one partition, acknowledged. */
void real_produce(const char *cluster, const char *topic, int32_t partition,
                  int first, int n);
/* All that stands in a topic up to its ends now, committed records only.
 * `see` is called for each; the number of records. */
size_t real_read(const char *cluster, const char *topic,
                 void (*see)(const rd_kafka_message_t *m, void *arg),
                 void *arg);

#endif
