/* Whole files and folders.  Tests may run as root, whom permissions do not
 * stop: what cannot be written lies below a regular file or in /proc. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "tests/support/support.h"

static struct tmpdir dir;
static struct err err;

static void
setup(void)
{
    tmpdir_make(&dir);
}

static void
teardown(void)
{
    tmpdir_remove(&dir);
}

static int
entries(void)
{
    int n = 0;
    DIR *d = opendir(dir.path);
    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    ck_assert_int_eq(closedir(d), 0);
    return n - 2; /* . and .. */
}

START_TEST(replaces_and_reads)
{
    static const char data[] = "a\0b";
    char *got;
    size_t len;
    const char *path = tmpdir_file(&dir, "f");
    ck_assert_int_eq(file_replace(path, "old", 3, &err), 0);
    ck_assert_int_eq(file_replace(path, data, sizeof(data), &err), 0);
    ck_assert_int_eq(file_read(path, sizeof(data), &got, &len, &err), 0);
    ck_assert_uint_eq(len, sizeof(data));
    ck_assert_int_eq(memcmp(got, data, len), 0);
    ck_assert_int_eq(got[len], '\0');
    free(got);
    ck_assert_int_eq(file_read(path, sizeof(data) - 1, &got, &len, &err),
                     ERR_LIMIT);
    ck_assert_int_eq(file_replace(path, "", 0, &err), 0);
    ck_assert_int_eq(file_read(path, 0, &got, &len, &err), 0);
    ck_assert_str_eq(got, "");
    free(got);
    ck_assert_int_eq(entries(), 1); /* no temporary file is left */
}
END_TEST

START_TEST(names_what_cannot_be_read)
{
    char *got;
    size_t len;
    ck_assert_int_eq(file_read(tmpdir_file(&dir, "none"), 10, &got, &len, &err),
                     ERR_NOTFOUND);
    ck_assert_msg(strstr(err.text, dir.file) != NULL, "%s", err.text);
    ck_assert_int_eq(file_read(dir.path, 10, &got, &len, &err), ERR_IO);
    ck_assert_int_eq(file_read("", 10, &got, &len, NULL), ERR_NOTFOUND);
}
END_TEST

START_TEST(syncs_the_folder_of_a_name)
{
    ck_assert_int_eq(file_sync_name(tmpdir_file(&dir, "f"), &err), 0);
    ck_assert_int_eq(file_sync_name("f", &err), 0);
    ck_assert_int_eq(file_sync_name(tmpdir_file(&dir, "no/f"), &err), ERR_IO);
    ck_assert_msg(strstr(err.text, dir.file) != NULL, "%s", err.text);
}
END_TEST

START_TEST(leaves_the_old_file_when_it_fails)
{
    char path[600];
    ck_assert_int_eq(file_replace(tmpdir_file(&dir, "f"), "x", 1, &err), 0);
    (void)snprintf(path, sizeof(path), "%s/below", dir.file);
    ck_assert_int_eq(file_replace(path, "y", 1, &err), ERR_IO);
    ck_assert_msg(strstr(err.text, path) != NULL, "%s", err.text);
    ck_assert_int_eq(file_make_dir(tmpdir_file(&dir, "d"), &err), 0);
    ck_assert_int_eq(file_replace(dir.file, "y", 1, &err), ERR_IO);
    ck_assert_int_eq(entries(), 2);
    char huge[5000];
    memset(huge, 'x', sizeof(huge));
    huge[sizeof(huge) - 1] = '\0';
    ck_assert_int_eq(file_replace(huge, "y", 1, &err), ERR_IO);
}
END_TEST

START_TEST(makes_folders)
{
    ck_assert_int_eq(file_make_dir(tmpdir_file(&dir, "a/b/c"), &err), 0);
    ck_assert_int_eq(file_make_dir(tmpdir_file(&dir, "a/b/c"), &err), 0);
    ck_assert_int_eq(file_make_dir(tmpdir_file(&dir, "e/"), &err), 0);
    ck_assert_int_eq(entries(), 2);
}
END_TEST

START_TEST(says_which_folder_cannot_be_used)
{
    char path[600], huge[5000];
    ck_assert_int_eq(file_replace(tmpdir_file(&dir, "f"), "x", 1, &err), 0);
    (void)snprintf(path, sizeof(path), "%s/below", dir.file);
    ck_assert_int_eq(file_make_dir(path, &err), ERR_IO);
    ck_assert_msg(strstr(err.text, path) != NULL, "%s", err.text);
    ck_assert_int_eq(file_make_dir("/proc/shunt-test", &err), ERR_IO);
    ck_assert_int_eq(file_make_dir("", &err), ERR_IO);
    memset(huge, 'x', sizeof(huge));
    huge[sizeof(huge) - 1] = '\0';
    ck_assert_int_eq(file_make_dir(huge, &err), ERR_IO);
}
END_TEST

/* A store opened below a regular file says "not a folder" later and worse. */
START_TEST(refuses_a_file_as_folder)
{
    ck_assert_int_eq(file_replace(tmpdir_file(&dir, "f"), "x", 1, &err), 0);
    ck_assert_int_eq(file_make_dir(dir.file, &err), ERR_IO);
    ck_assert_msg(strstr(err.text, dir.file) != NULL, "%s", err.text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("file");
    TCase *tc = tcase_create("file");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, replaces_and_reads);
    tcase_add_test(tc, names_what_cannot_be_read);
    tcase_add_test(tc, syncs_the_folder_of_a_name);
    tcase_add_test(tc, leaves_the_old_file_when_it_fails);
    tcase_add_test(tc, makes_folders);
    tcase_add_test(tc, says_which_folder_cannot_be_used);
    tcase_add_test(tc, refuses_a_file_as_folder);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
