/*
 * Which topics are certainly gone: only those of which the cluster says so.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include "replicator/topics.h"
#include "tests/support/support.h"

static rd_kafka_t *
producer(const char *bootstrap)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
    if (bootstrap)
        (void)rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why,
                                sizeof(why));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    return rk;
}

START_TEST(gone_is_only_what_is_unknown)
{
    rd_kafka_t *of_mock = producer(NULL);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(of_mock, 1);
    static const char *const names[] = {"there", "denied", "odd", "deleted"};
    for (size_t i = 0; i < 4; i++)
        (void)rd_kafka_mock_topic_create(mock, names[i], 1, 1);
    rd_kafka_mock_topic_set_error(mock, "denied",
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    rd_kafka_mock_topic_set_error(mock, "odd", RD_KAFKA_RESP_ERR_UNKNOWN);
    rd_kafka_mock_topic_set_error(mock, "deleted",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    rd_kafka_t *rk = producer(rd_kafka_mock_cluster_bootstraps(mock));
    ck_assert(!topics_is_gone(rk, "there"));
    ck_assert(!topics_is_gone(rk, "denied"));
    ck_assert(!topics_is_gone(rk, "odd"));
    ck_assert(topics_is_gone(rk, "deleted"));
    rd_kafka_destroy(rk);
    /* The embedded cluster ends with the process: see t_copy.c. */
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator topics");
    TCase *t = tcase_create("topics");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, gone_is_only_what_is_unknown);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
