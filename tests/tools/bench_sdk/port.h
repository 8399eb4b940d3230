/*
 * One source, two programs: bench_sdk over libshunt, and with -DBARE bench_bare
 * over librdkafka.  The rename is all that a port takes.
 */
#ifndef SHUNT_BENCH_SDK_PORT_H
#define SHUNT_BENCH_SDK_PORT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef BARE
typedef rd_kafka_t handle_t;
typedef rd_kafka_conf_t config_t;
typedef rd_kafka_queue_t line_t;
#define K(name) rd_kafka_##name
#else
#include <shunt/event.h>
#include <shunt/shunt.h>
typedef shunt_t handle_t;
typedef shunt_conf_t config_t;
typedef shunt_queue_t line_t;
#define K(name) shunt_##name
#endif

/* What stands on the command line: the rest of it are key=value pairs. */
struct job {
    const char *topic;
    int64_t n;
    size_t size;
    bool batch;
    char **props;
    int n_props;
};

/* With the job's properties; ends the process where one is refused. */
config_t *job_conf(const struct job *j);
/* The same with `key` set besides. */
void job_set(config_t *conf, const char *key, const char *value);
handle_t *job_open(rd_kafka_type_t type, config_t *conf);
void job_subscribe(handle_t *rk, const char *topic);
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

struct span {
    int64_t wall_us, cpu_us;
};
struct span span_now(void);
/* {"n":..,"seconds":..,"cpu_us_per_record":..} of what has passed since. */
void span_print(const struct span *since, int64_t n);
/* {"n":..,"p50_us":..,"p99_us":..}; sorts. */
void print_quantiles(int64_t *us, size_t n);

/* Told by signals and on standard input. */
void told_start(void);
bool told_to_stop(void);
#ifdef BARE
/* True: `servers` has the bootstrap servers to move to. */
bool told_to_move(char *servers, int size);
#else
/* The route's events are printed as they come. */
void told_events(config_t *conf);
#endif
int64_t wall_us(void);

void run_produce(const struct job *j);
void run_consume(const struct job *j);
void run_latency(const struct job *j);
/* Every 10 ms one record to each of 6 partitions, until told to stop. */
void run_feed(const struct job *j);
void run_idle(rd_kafka_type_t type, const struct job *j);
/* Reads for ever, a line for each partition that goes on after a gap. */
void run_follow(const struct job *j);
/* Produces at a steady rate, a line for each pause of its reports. */
void run_write(const struct job *j);

#endif
