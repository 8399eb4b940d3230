/* ${...}: what it stands for, what is refused, and that no secret is shown. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "replicator/providers.h"
#include "replicator/settings.h"
#include "tests/support/support.h"

#define PACKAGE "org.apache.kafka.common.config.provider."
#define PROVIDERS                                                              \
    "config.providers = file, env, dir\n"                                      \
    "config.providers.file.class = " PACKAGE "FileConfigProvider\n"            \
    "config.providers.env.class = " PACKAGE "EnvVarConfigProvider\n"           \
    "config.providers.dir.class = " PACKAGE "DirectoryConfigProvider\n"

static struct tmpdir dir;

static void
put_file(const char *name, const char *content)
{
    ck_assert_int_eq(
        file_replace(tmpdir_file(&dir, name), content, strlen(content), NULL),
        0);
}

static void
begin(void)
{
    tmpdir_make(&dir);
    put_file("secrets.properties", "user = bob\npass = p\\u00e4ss:w\\=rd\\\n"
                                   "  more\npass.empty =\ndouble = 1\n"
                                   "double = 2\n");
    put_file("token", "s3cret\n");
    (void)setenv("SHUNT_TEST_A", "from env", 1);
    (void)unsetenv("SHUNT_TEST_NONE");
}

static void
end(void)
{
    tmpdir_remove(&dir);
}

/* `text` has %s where the folder stands. */
static struct properties
parsed(const char *text)
{
    char full[4096];
    struct properties p;
    struct err err = {0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(full, sizeof(full), text, dir.path, dir.path);
#pragma GCC diagnostic pop
    ck_assert_msg(properties_parse(full, strlen(full), &p, &err) == 0, "%s",
                  err.text);
    return p;
}

static void
stands_for(const char *value, const char *expected)
{
    char text[2048];
    struct err err = {0};
    (void)snprintf(text, sizeof(text), PROVIDERS "x = %s\n", value);
    struct properties p = parsed(text);
    ck_assert_msg(providers_resolve(&p, &err) == 0, "%s", err.text);
    const struct property *x = &p.v[p.n - 1];
    ck_assert_str_eq(x->value, expected);
    ck_assert_msg(strcmp(property_shown(x), expected) != 0 ||
                      !strstr(expected, "s3cret"),
                  "%s", property_shown(x));
    properties_fini(&p);
}

START_TEST(values)
{
    stands_for("${file:%s/secrets.properties:user}", "bob");
    stands_for("${file:%s/secrets.properties:pass}", "p\xc3\xa4ss:w=rdmore");
    stands_for("${file:%s/secrets.properties:pass.empty}", "");
    stands_for("${file:%s/secrets.properties:double}", "2");
    stands_for(
        "a-${file:%s/./x/../secrets.properties:user}-${env:SHUNT_TEST_A}",
        "a-bob-from env");
    stands_for("${env::SHUNT_TEST_A}", "from env");
    /* Java keeps the line end too. */
    stands_for("${dir:%s:token}", "s3cret\n");
    /* No references for Java either. */
    stands_for("${nothing} $ {a:b}", "${nothing} $ {a:b}");
}
END_TEST

START_TEST(what_was_read_is_not_shown)
{
    struct err err = {0};
    struct properties p =
        parsed(PROVIDERS "b.ssl.key.password = ${dir:%s:token}\n"
                         "b.sasl.password = plain\n"
                         "b.sasl.jaas.config = x password=\"${dir:%s:token}\" "
                         "other=\"word\";\n");
    ck_assert_int_eq(providers_resolve(&p, &err), 0);
    properties_hide_secrets(&p);
    ck_assert_str_eq(p.v[p.n - 3].value, "s3cret\n");
    ck_assert(strstr(property_shown(&p.v[p.n - 3]), "${dir:") != NULL);
    ck_assert_str_eq(property_shown(&p.v[p.n - 2]), "(hidden)");
    ck_assert_str_eq(property_shown(&p.v[p.n - 1]), "(hidden)");
    properties_fini(&p);
}
END_TEST

static void
refused(const char *text, int code, const char *field, const char *words)
{
    struct err err = {0};
    struct properties p = parsed(text);
    ck_assert_msg(providers_resolve(&p, &err) == code, "%s: %d %s", text,
                  err.code, err.text);
    ck_assert_str_eq(err.field, field);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
    ck_assert_msg(strstr(err.text, "bob") == NULL, "%s", err.text);
    properties_fini(&p);
}

START_TEST(what_cannot_be_resolved)
{
    refused("x = ${file:%s/secrets.properties:user}\n", ERR_INVALID, "x",
            "line 1: x: ${file:");
    refused(PROVIDERS "x = ${vault:a:b}\n", ERR_INVALID, "x",
            "config.providers names no provider \"vault\"");
    refused(PROVIDERS "x = ${file:%s/none:user}\n", ERR_NOTFOUND, "x", "/none");
    refused(PROVIDERS "x = ${file:%s/secrets.properties:nobody}\n",
            ERR_NOTFOUND, "x", "no key \"nobody\"");
    refused(PROVIDERS "x = ${file:secrets.properties:user}\n", ERR_INVALID, "x",
            "not absolute");
    refused(PROVIDERS "x = ${file:user}\n", ERR_INVALID, "x", "not absolute");
    refused(PROVIDERS "x = ${env:SHUNT_TEST_NONE}\n", ERR_NOTFOUND, "x",
            "\"SHUNT_TEST_NONE\"");
    refused(PROVIDERS "x = ${env:path:SHUNT_TEST_A}\n", ERR_INVALID, "x",
            "has no path");
    refused(PROVIDERS "x = ${dir:%s:../token}\n", ERR_INVALID, "x",
            "no name of a file");
    refused(PROVIDERS "x = ${dir:%s/..:tmp}\n", ERR_NOTFOUND, "x", "tmp");
    refused(PROVIDERS "x = ${dir:/:tmp}\n", ERR_INVALID, "x", "is not a file");
}
END_TEST

START_TEST(bad_providers)
{
    refused("config.providers = v\nconfig.providers.v.class = com.acme.Vault\n",
            ERR_UNSUPPORTED, "config.providers.v.class", "com.acme.Vault");
    refused("config.providers = v\n", ERR_INVALID, "config.providers.v.class",
            "is missing");
    refused(PROVIDERS "config.providers.env.param.allowlist.pattern = (\n",
            ERR_INVALID, "config.providers.env.param.allowlist.pattern",
            "no regular expression");
    refused(PROVIDERS "config.providers.dir.param.allowed.paths = etc\n",
            ERR_INVALID, "config.providers.dir.param.allowed.paths",
            "\"etc\" is not absolute");
}
END_TEST

START_TEST(limits)
{
    char text[2048];
    (void)snprintf(text, sizeof(text),
                   PROVIDERS
                   "config.providers.file.param.allowed.paths = /none,%s/a\n"
                   "config.providers.dir.param.allowed.paths = %s\n",
                   "%s", "%s");
    struct err err = {0};
    struct properties p = parsed(text);
    ck_assert_int_eq(providers_resolve(&p, &err), 0);
    properties_fini(&p);
#define FILE_ONLY "config.providers.file.param.allowed.paths = "
    refused(PROVIDERS FILE_ONLY "/none, %s/a\n"
                                "x = ${file:%s/secrets.properties:user}\n",
            ERR_DENIED, "x", "allowed.paths");
    refused(PROVIDERS FILE_ONLY "%s/a\nx = ${file:%s/ab/x:user}\n", ERR_DENIED,
            "x", "allowed.paths");
    refused(PROVIDERS FILE_ONLY
            "%s/a\nx = ${file:%s/a/../secrets.properties:user}\n",
            ERR_DENIED, "x", "allowed.paths");
    refused(PROVIDERS "config.providers.env.param.allowlist.pattern = ^PUBLIC\n"
                      "x = ${env:SHUNT_TEST_A}\n",
            ERR_DENIED, "x", "SHUNT_TEST_A");
    p = parsed(PROVIDERS FILE_ONLY
               "%s\nx = ${file:%s/secrets.properties:user}\n"
               "config.providers.env.param.allowlist."
               "pattern = TEST_[A-Z]{1,3}\n"
               "y = ${env:SHUNT_TEST_A}\n");
    ck_assert_msg(providers_resolve(&p, &err) == 0, "%s", err.text);
    properties_fini(&p);
}
END_TEST

/* As a whole: also where librdkafka's or our own words would repeat it. */
START_TEST(in_settings)
{
    char text[2048];
    struct settings s;
    struct err err = {0};
    (void)snprintf(text, sizeof(text),
                   PROVIDERS
                   "clusters = a, b\na.bootstrap.servers = x:1\n"
                   "b.bootstrap.servers = y:1\na->b.enabled = true\n"
                   "a->b.topics = ${file:%s/secrets.properties:user}\n"
                   "a.ssl.key.password = ${dir:%s:token}\n",
                   dir.path, dir.path);
    ck_assert_msg(settings_load(text, strlen(text), &s, &err) == 0, "%s",
                  err.text);
    const struct flow_settings *f = settings_flow(&s, "a", "b");
    ck_assert_str_eq(f->topics_text, "bob");
    ck_assert_str_eq(client_settings_get(&f->clients[ROLE_SOURCE_CONSUMER],
                                         "ssl.key.password"),
                     "s3cret\n");
    settings_fini(&s);
    (void)strcat(text, "offset.lag.max = ${env:SHUNT_TEST_A}\n");
    ck_assert_int_eq(settings_load(text, strlen(text), &s, &err), ERR_INVALID);
    ck_assert_msg(!strstr(err.text, "from env"), "%s", err.text);
    ck_assert_str_eq(err.value, "${env:SHUNT_TEST_A}");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator providers");
    TCase *t = tcase_create("providers");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, values);
    tcase_add_test(t, what_was_read_is_not_shown);
    tcase_add_test(t, what_cannot_be_resolved);
    tcase_add_test(t, bad_providers);
    tcase_add_test(t, limits);
    tcase_add_test(t, in_settings);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
