/* See real.h.  The driver speaks lines on a socket: a command, then its answer
 * up to "ok" or "error: WHY". */
#include "tests/sdk/real.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_MS 30000

static const char *
env(const char *name)
{
    const char *value = getenv(name);
    ck_assert_msg(value != NULL,
                  "%s is not set: run tests/sdk/test_sdk_real.py", name);
    return value;
}

int
real_run(Suite *s)
{
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? 1 : 0;
}

TCase *
real_case(Suite *s, const char *name, double deadline_s)
{
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, deadline_s);
    suite_add_tcase(s, c);
    return c;
}

/* ---- the world ---------------------------------------------------------- */

const char *
real_servers(const char *cluster)
{
    return env(strcmp(cluster, "a") == 0 ? "SHUNT_TEST_A" : "SHUNT_TEST_B");
}

const char *
real_route_url(void)
{
    return env("SHUNT_TEST_ROUTE");
}

const char *
real_mapper_url(void)
{
    return env("SHUNT_TEST_MAPPER");
}

static FILE *
dial(void)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(env("SHUNT_TEST_DRIVER"))),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_msg(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0,
                  "the driver does not listen");
    FILE *f = fdopen(fd, "r+");
    ck_assert_ptr_nonnull(f);
    return f;
}

static char *
read_answer(FILE *f, const char *command)
{
    char line[4096];
    char *answer = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&answer, &size);
    while (fgets(line, sizeof(line), f)) {
        if (strcmp(line, "ok\n") == 0) {
            (void)fclose(out);
            return answer;
        }
        ck_assert_msg(strncmp(line, "error: ", 7) != 0, "%s: %s", command,
                      line);
        (void)fputs(line, out);
    }
    ck_abort_msg("%s: the driver hung up", command);
    return NULL;
}

static char *
vask(const char *fmt, va_list ap)
{
    char command[4096];
    (void)vsnprintf(command, sizeof(command), fmt, ap);
    FILE *f = dial();
    (void)fprintf(f, "%s\n", command);
    (void)fflush(f);
    char *answer = read_answer(f, command);
    (void)fclose(f);
    const size_t n = strlen(answer);
    if (n > 0)
        answer[n - 1] = '\0';
    return answer;
}

char *
real_ask(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *answer = vask(fmt, ap);
    va_end(ap);
    return answer;
}

void
real_do(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    free(vask(fmt, ap));
    va_end(ap);
}

const char *
real_name(const char *stem)
{
    static int count;
    char *name = NULL;
    ck_assert_int_gt(asprintf(&name, "%s-%d-%d", stem, getpid(), ++count), 0);
    return name;
}

const char *
real_topic(void)
{
    return real_ask("fresh");
}

void
real_rule(const char *code, const char *cluster)
{
    real_do("rule %s %s", code, cluster);
}

void
real_flip(const char *code, const char *cluster)
{
    real_do("flip %s %s", code, cluster);
}

void
real_copied(const char *from, const char *to, const char *topic)
{
    real_do("copied %s %s %s", from, to, topic);
}

void
real_kill(const char *cluster)
{
    real_do("kill %s", cluster);
}

void
real_revive(const char *cluster)
{
    real_do("revive %s", cluster);
}

/* ---- time --------------------------------------------------------------- */

int64_t
real_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
real_wait(bool (*is)(void *arg), void *arg, int64_t timeout_ms)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    const int64_t until_ms = real_now_ms() + timeout_ms;
    while (!is(arg)) {
        if (real_now_ms() >= until_ms)
            return is(arg);
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

/* ---- clients ------------------------------------------------------------ */

void
real_set(shunt_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    ck_assert_msg(shunt_conf_set(conf, name, value, why, sizeof(why)) ==
                      RD_KAFKA_CONF_OK,
                  "%s=%s: %s", name, value, why);
}

shunt_conf_t *
real_conf(const char *code)
{
    shunt_conf_t *conf = shunt_conf_new();
    ck_assert_ptr_nonnull(conf);
    real_set(conf, "cluster.code", code);
    real_set(conf, "route.service", real_route_url());
    real_set(conf, "route.cache.dir", "");
    return conf;
}

shunt_t *
real_new_take(rd_kafka_type_t type, shunt_conf_t *conf)
{
    char why[512] = "";
    shunt_t *rk = shunt_new(type, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "shunt_new: %s", why);
    return rk;
}

shunt_t *
real_consumer_take(shunt_conf_t *conf, const char *group, const char *topic)
{
    real_set(conf, "group.id", group);
    real_set(conf, "auto.offset.reset", "earliest");
    shunt_t *rk = real_new_take(RD_KAFKA_CONSUMER, conf);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(shunt_subscribe(rk, l), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(l);
    return rk;
}

static void
set_bare(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    ck_assert_msg(rd_kafka_conf_set(conf, name, value, why, sizeof(why)) ==
                      RD_KAFKA_CONF_OK,
                  "%s=%s: %s", name, value, why);
}

rd_kafka_t *
real_bare(rd_kafka_type_t type, const char *cluster, const char *const *more)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set_bare(conf, "bootstrap.servers", real_servers(cluster));
    for (; more && *more; more += 2)
        set_bare(conf, more[0], more[1]);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "rd_kafka_new: %s", why);
    return rk;
}

void
real_produce(const char *cluster, const char *topic, int32_t partition,
             int first, int n)
{
    const char *const more[] = {"linger.ms", "0", "enable.idempotence", "true",
                                NULL};
    rd_kafka_t *rk = real_bare(RD_KAFKA_PRODUCER, cluster, more);
    for (int i = first; i < first + n; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "%d", i);
        ck_assert_int_eq(
            rd_kafka_producev(
                rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                RD_KAFKA_V_VALUE(value, strlen(value)),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
            RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ck_assert_int_eq(rd_kafka_flush(rk, READ_MS), 0);
    rd_kafka_destroy(rk);
}

/* Assigns every partition from its beginning; how many there are. */
static int
assign_all(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    ck_assert_int_eq(rd_kafka_metadata(rk, 0, rkt, &md, READ_MS), 0);
    const int n = md->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(n);
    for (int32_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(l, topic, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    ck_assert_int_eq(rd_kafka_assign(rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
    return n;
}

size_t
real_read(const char *cluster, const char *topic,
          void (*see)(const rd_kafka_message_t *m, void *arg), void *arg)
{
    const char *const more[] = {"group.id",
                                "reader",
                                "enable.auto.commit",
                                "false",
                                "enable.partition.eof",
                                "true",
                                "isolation.level",
                                "read_committed",
                                NULL};
    rd_kafka_t *rk = real_bare(RD_KAFKA_CONSUMER, cluster, more);
    int open = assign_all(rk, topic);
    const int64_t until_ms = real_now_ms() + READ_MS;
    size_t n = 0;
    while (open > 0) {
        ck_assert_msg(real_now_ms() < until_ms, "%s of %s was not read in time",
                      topic, cluster);
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        if (m && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            open--;
        else if (m && !m->err) {
            n++;
            if (see)
                see(m, arg);
        }
        if (m)
            rd_kafka_message_destroy(m);
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return n;
}
