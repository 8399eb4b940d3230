/*
 * Whole clients against a route service that misbehaves, dies, or was never
 * there: they stay where they belong, go on reading, and follow when it is sane
 * again.
 */
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/sdk-hard/client.h"

#define FIRST 40
#define FLAPS 60

static struct tmpdir cache;

static shunt_conf_t *
conf_on_disk(void)
{
    shunt_conf_t *conf = client_conf("orders");
    client_conf_consumer(conf, "readers");
    client_set(conf, "route.cache.dir", tmpdir_file(&cache, "routes"));
    return conf;
}

static void
close_streams(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < LISTENERS; i++)
        if (listeners[i].stream)
            http_stream_close(listeners[i].stream);
    memset(listeners, 0, sizeof(listeners));
}

static bool
somebody_listens(void *seen)
{
    return atomic_load(&n_watches) > *(int *)seen;
}

static void
push_route(int revision, const char *cluster)
{
    char *text = route_text(revision, cluster, MAPPER_EXACT);
    push(text);
    free(text);
}

START_TEST(garbage_old_news_and_flapping_move_nobody)
{
    struct reader r;
    route_to(5, "a");
    fill(&site_a, "orders", 0, FIRST);
    reader_start_take(&r, conf_on_disk());
    reader_expect(&r, 0, FIRST);
    for (int i = 0; i < FLAPS; i++) {
        int seen = atomic_load(&n_watches);
        push("{\"revision\":");
        push("\xff\xfe{}");
        push("{\"revision\":99,\"routes\":[{\"topic\":\"orders\"}],"
             "\"clusters\":[],\"flows\":[]}");
        push_route(4, "b"); /* older */
        push_route(5, "b"); /* the same revision says something else */
        ck_assert_int_eq(loop_post(loop, close_streams, NULL), 0);
        if (i % 20 == 0) /* they come back after a pause that grows */
            ck_assert(wait_until(somebody_listens, &seen, WAIT_MS));
    }
    fill(&site_a, "orders", FIRST, 2 * FIRST);
    reader_expect(&r, FIRST, 2 * FIRST);
    ck_assert_str_eq(shunt_cluster(r.rk), "a");
    ck_assert_int_eq(reader_read_again(&r), 0);
    fill(&site_b, "a.orders", SHIFT, 3 * FIRST);
    route_to(6, "b");
    reader_expect(&r, 2 * FIRST, 3 * FIRST);
    ck_assert_str_eq(shunt_cluster(r.rk), "b");
    ck_assert_int_eq(reader_read_again(&r), 0);
    reader_stop(&r);
}
END_TEST

/* Damages the only file in the folder of routes: it ends in mid-word. */
static void
cut_file(void)
{
    char command[600];
    (void)snprintf(command, sizeof(command),
                   "for f in %s/*; do truncate -s 100 \"$f\"; done",
                   tmpdir_file(&cache, "routes"));
    ck_assert_int_eq(system(command), 0);
}

static char why_refused[4096];

static void
note_log(const shunt_t *rk, int level, const char *fac, const char *buf)
{
    (void)rk;
    (void)level;
    (void)fac;
    if (strstr(buf, "route") && strlen(why_refused) < 2000)
        (void)snprintf(why_refused + strlen(why_refused),
                       sizeof(why_refused) - strlen(why_refused), "%.500s\n",
                       buf);
}

START_TEST(without_a_service_from_the_disk)
{
    struct reader r;
    fill(&site_a, "orders", 0, FIRST);
    reader_start_take(&r, conf_on_disk());
    reader_expect(&r, 0, FIRST);
    int seen = atomic_load(&n_watches);
    stop_serving(); /* it goes on without */
    fill(&site_a, "orders", FIRST, 2 * FIRST);
    reader_expect(&r, FIRST, 2 * FIRST);
    reader_stop(&r);
    reader_start_take(&r, conf_on_disk()); /* and starts without */
    fill(&site_a, "orders", 2 * FIRST, 3 * FIRST);
    reader_expect(&r, 2 * FIRST, 3 * FIRST);
    ck_assert_int_eq(reader_misses(&r, 0, 2 * FIRST), PARTS * 2 * FIRST);
    char *at = strdup(url + strlen("http://"));
    serve_at(at);
    free(at);
    ck_assert(wait_until(somebody_listens, &seen, WAIT_MS));
    fill(&site_b, "a.orders", SHIFT, 4 * FIRST);
    route_to(2, "b");
    reader_expect(&r, 3 * FIRST, 4 * FIRST);
    ck_assert_int_eq(reader_read_again(&r), 0);
    reader_stop(&r);
}
END_TEST

START_TEST(a_damaged_file_is_refused_with_its_reason)
{
    struct reader r;
    fill(&site_a, "orders", 0, FIRST);
    reader_start_take(&r, conf_on_disk());
    reader_expect(&r, 0, FIRST);
    reader_stop(&r);
    cut_file();
    shunt_conf_t *conf = conf_on_disk();
    shunt_conf_set_log_cb(conf, note_log);
    reader_start_take(&r, conf); /* asks the service instead */
    fill(&site_a, "orders", FIRST, 2 * FIRST);
    reader_expect(&r, FIRST, 2 * FIRST);
    ck_assert_msg(strstr(why_refused, "routes/") != NULL, "%s", why_refused);
    reader_stop(&r);
}
END_TEST

static void
make_folder(void)
{
    tmpdir_make(&cache);
}

static void
remove_folder(void)
{
    tmpdir_remove(&cache);
}

static void
tests(TCase *t)
{
    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, garbage_old_news_and_flapping_move_nobody);
    tcase_add_test(t, without_a_service_from_the_disk);
    tcase_add_test(t, a_damaged_file_is_refused_with_its_reason);
}

HARD_MAIN("bad route services", tests)
