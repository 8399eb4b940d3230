/* The route on disk: what is damaged or somebody else's is refused. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/js.h"
#include "sdk/src/control/cache.h"
#include "tests/support/support.h"

static struct tmpdir dir;
static char code[] = "orders/../x", role[] = "producer", topic[] = "orders";
static char *topics[] = {topic};
static struct pt_identity id = {
    .cluster_code = code, .role = role, .topics = {topics, 1}};
static char url_1[] = "http://r1:7070", url_2[] = "http://r2:7070";
static char *urls[] = {url_1, url_2};
static const struct strlist servers = {urls, 2};
static const struct cache_owner owner = {&servers, &id};

static void
make_answer(struct pt_answer *a, int revision)
{
    char text[1024];
    struct json_t *j;
    (void)snprintf(text, sizeof(text),
                   "{\"revision\":%d,\"routes\":[{\"topic\":\"orders\","
                   "\"cluster\":\"a\",\"rule\":\"r\",\"since\":1,\"previous\":"
                   "null,\"view\":[{\"topic\":\"orders\",\"origin\":\"a\"}]}],"
                   "\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":"
                   "\"h:1\"}],\"flows\":[]}",
                   revision);
    ck_assert_int_eq(js_parse(text, strlen(text), &j, NULL), 0);
    ck_assert_int_eq(pt_answer_decode(j, a, NULL), 0);
    js_free(j);
}

static void
store(int revision)
{
    struct pt_answer a = {0};
    struct err err = {0};
    make_answer(&a, revision);
    ck_assert_msg(cache_store(dir.path, &owner, &a, &err) == 0, "%s", err.text);
    pt_answer_fini(&a);
}

static int
load(struct err *err)
{
    struct pt_answer a = {0};
    const int rc = cache_load(dir.path, &owner, &a, err);
    const int revision = rc ? rc : (int)a.revision;
    pt_answer_fini(&a);
    return revision;
}

static void
overwrite(const char *text, size_t len)
{
    char *path = cache_path(dir.path, &owner);
    ck_assert_int_eq(file_replace(path, text, len, NULL), 0);
    free(path);
}

static void
set_up(void)
{
    tmpdir_make(&dir);
}

static void
tear_down(void)
{
    tmpdir_remove(&dir);
}

START_TEST(what_was_stored_comes_back)
{
    struct err err = {0};
    ck_assert_int_eq(load(&err), ERR_NOTFOUND);
    store(7);
    ck_assert_int_eq(load(&err), 7);
    store(8);
    ck_assert_int_eq(load(&err), 8);
}
END_TEST

/* Replaced as a whole: no temporary file stays beside it. */
START_TEST(one_file_stays)
{
    int n = 0;
    for (int i = 1; i < 20; i++)
        store(i);
    DIR *d = opendir(dir.path);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    ck_assert_int_eq(n, 1);
}
END_TEST

START_TEST(the_name_stays_in_the_folder)
{
    char *path = cache_path("/d", &owner);
    ck_assert_ptr_nonnull(strstr(path, "/d/orders____x-"));
    ck_assert_ptr_eq(strrchr(path, '/'), path + 2);
    free(path);
}
END_TEST

START_TEST(damaged_files_are_refused)
{
    struct err err = {0};
    char *path = cache_path(dir.path, &owner);
    char *text;
    size_t len;
    store(7);
    ck_assert_int_eq(file_read(path, 1 << 20, &text, &len, NULL), 0);
    for (size_t cut = 0; cut < len; cut++) {
        overwrite(text, cut);
        ck_assert_int_eq(load(&err), ERR_CORRUPT);
    }
    overwrite(text, len);
    ck_assert_int_eq(load(&err), 7);
    free(text);
    free(path);
}
END_TEST

START_TEST(foreign_files_are_refused)
{
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"format\":1,\"owner\":{},\"answer\":{}}",
        "{\"format\":2,\"owner\":{},\"answer\":{}}",
        "{\"format\":2,\"owner\":{\"servers\":[\"http://r1:7070\","
        "\"http://r2:7070\"],\"identity\":{\"cluster.code\":\"orders/../x\","
        "\"role\":\"producer\",\"topics\":[\"orders\"]}},\"answer\":"
        "{\"revision\":1}}",
        "{\"format\":2}",
    };
    struct err err = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        overwrite(bad[i], strlen(bad[i]));
        ck_assert_int_eq(load(&err), ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.text, "is not used"));
    }
}
END_TEST

/* Under its file's name, so that only the content can tell. */
static void
belongs_to_nobody_but(const struct cache_owner *other)
{
    struct err err = {0};
    struct pt_answer a = {0};
    char *mine = cache_path(dir.path, &owner);
    char *theirs = cache_path(dir.path, other);
    store(7);
    ck_assert_int_eq(cache_load(dir.path, other, &a, &err), ERR_NOTFOUND);
    ck_assert_int_eq(rename(mine, theirs), 0);
    ck_assert_int_eq(cache_load(dir.path, other, &a, &err), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "another client"));
    free(mine);
    free(theirs);
}

START_TEST(another_clients_file_is_refused)
{
    char other_topic[] = "invoices";
    char *others[] = {other_topic};
    struct pt_identity other = id;
    other.topics.v = others;
    belongs_to_nobody_but(&(struct cache_owner){&servers, &other});
}
END_TEST

/* Test and production on one host must not follow each other's routes. */
START_TEST(another_installations_file_is_refused)
{
    char elsewhere[] = "http://test:7070";
    char *one[] = {elsewhere};
    const struct strlist other = {one, 1};
    belongs_to_nobody_but(&(struct cache_owner){&other, &id});
}
END_TEST

START_TEST(the_order_of_the_servers_is_no_matter)
{
    struct err err = {0};
    struct pt_answer a = {0};
    char *turned[] = {url_2, url_1};
    const struct strlist other = {turned, 2};
    const struct cache_owner same = {&other, &id};
    store(7);
    ck_assert_int_eq(cache_load(dir.path, &same, &a, &err), 0);
    pt_answer_fini(&a);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_said)
{
    struct pt_answer a = {0};
    struct err err = {0};
    char path[600];
    ck_assert_int_eq(file_replace(tmpdir_file(&dir, "f"), "x", 1, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/below", tmpdir_file(&dir, "f"));
    make_answer(&a, 1);
    ck_assert_int_ne(cache_store(path, &owner, &a, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    pt_answer_fini(&a);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("cache");
    TCase *t = tcase_create("cache");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60); /* hundreds of fsyncs, on a busy disk */
    tcase_add_test(t, what_was_stored_comes_back);
    tcase_add_test(t, one_file_stays);
    tcase_add_test(t, the_name_stays_in_the_folder);
    tcase_add_test(t, damaged_files_are_refused);
    tcase_add_test(t, foreign_files_are_refused);
    tcase_add_test(t, another_clients_file_is_refused);
    tcase_add_test(t, another_installations_file_is_refused);
    tcase_add_test(t, the_order_of_the_servers_is_no_matter);
    tcase_add_test(t, a_folder_that_cannot_be_made_is_said);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? 1 : 0;
}
