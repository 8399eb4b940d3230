/*
 * Properties of librdkafka that stand in the table: those of the connection to
 * a cluster, secrets by reference only, and nothing that runs on a client.
 *
 * The table is read by everybody who can ask for it, and clients check what
 * they are told by the same rules: a service that lies can't make them run
 * something.  No error shows a value of ssl. or sasl.: it may be a secret.
 * Pure.
 */
#include <string.h>

#include "common/base/js.h"
#include "common/base/refs.h"
#include "common/proto/route_parts.h"

static bool
one_of(const char *key, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(key, *names) == 0)
            return true;
    return false;
}

/* How to reach a cluster and who to be there; all else is the application's. */
static bool
is_connection(const char *key)
{
    static const char *const beginnings[] = {
        "security.",   "ssl.",        "sasl.",        "enable.ssl.",
        "enable.sasl", "socket.",     "broker.",      "reconnect.",
        "client.dns",  "api.version", "connections.", "metadata.max",
        "resolve.",    NULL};
    for (const char *const *b = beginnings; *b; b++)
        if (str_starts_with(key, *b))
            return true;
    return false;
}

/* What librdkafka runs or loads as code in the client's process. */
static bool
is_run(const char *key)
{
    static const char *const names[] = {"sasl.kerberos.kinit.cmd",
                                        "ssl.engine.location", "ssl.engine.id",
                                        "ssl.providers", NULL};
    return one_of(key, names);
}

/* librdkafka puts these into the command line of kinit as they are. */
static bool
is_in_command(const char *key)
{
    static const char *const names[] = {"sasl.kerberos.service.name",
                                        "sasl.kerberos.principal",
                                        "sasl.kerberos.keytab", NULL};
    return one_of(key, names);
}

static bool
is_guarded(const char *key)
{
    return str_starts_with(key, "ssl.") || str_starts_with(key, "sasl.");
}

/* Of ssl. and sasl. what is known to be no secret (librdkafka 2.0.2; the rest:
 * sasl.password, sasl.oauthbearer.client.secret, sasl.oauthbearer.config,
 * ssl.key.password, ssl.key.pem, ssl.keystore.password).  Names that are not
 * known here, misspelt or newer, count as secrets. */
static bool
is_secret(const char *key)
{
    static const char *const open[] = {"ssl.cipher.suites",
                                       "ssl.curves.list",
                                       "ssl.sigalgs.list",
                                       "ssl.key.location",
                                       "ssl.certificate.location",
                                       "ssl.certificate.pem",
                                       "ssl.ca.location",
                                       "ssl.ca.pem",
                                       "ssl.ca.certificate.stores",
                                       "ssl.crl.location",
                                       "ssl.keystore.location",
                                       "ssl.endpoint.identification.algorithm",
                                       "sasl.mechanism",
                                       "sasl.mechanisms",
                                       "sasl.kerberos.service.name",
                                       "sasl.kerberos.principal",
                                       "sasl.kerberos.keytab",
                                       "sasl.kerberos.min.time.before.relogin",
                                       "sasl.username",
                                       "sasl.oauthbearer.method",
                                       "sasl.oauthbearer.client.id",
                                       "sasl.oauthbearer.scope",
                                       "sasl.oauthbearer.extensions",
                                       "sasl.oauthbearer.token.endpoint.url",
                                       NULL};
    return is_guarded(key) && !one_of(key, open);
}

/* Values are never shown. */
static int
refuse(const char *at, const char *why, struct err *err)
{
    return err_field(err, ERR_INVALID, at, "", "%s %s", at, why);
}

static int
check_one(const struct prop *p, const char *at, struct err *err)
{
    struct err form;
    if (!is_connection(p->key))
        return refuse(at,
                      "is not a property of the connection to a cluster "
                      "(security., ssl., sasl., socket., ...); servers belong "
                      "in \"bootstrap.servers\", all else in the "
                      "application's configuration",
                      err);
    if (is_run(p->key))
        return refuse(at,
                      "names something that would run in the clients: it can "
                      "only stand in the application's own configuration",
                      err);
    if (refs_check(p->value, &form))
        return err_field(err, ERR_INVALID, at, "", "%s: %s", at, form.text);
    if (refs_is_one(p->value))
        return 0;
    if (is_secret(p->key))
        return refuse(at,
                      "is a secret, or not known to be none: give a reference "
                      "that the client resolves, ${file:/path}, "
                      "${file:/path:key} or ${env:NAME}, and nothing else",
                      err);
    if (is_in_command(p->key) && !part_made_of(p->value, "._-/@:"))
        return refuse(at,
                      "becomes part of a command line: letters, digits and "
                      ". _ - / @ : only",
                      err);
    return 0;
}

/* As js_get_props(), but a value of the wrong type is not shown. */
static int
read_quietly(const struct json_t *j, const char *path, struct props *out,
             struct err *err)
{
    struct err loud;
    const int rc = js_get_props(j, path, "properties", JS_OPTIONAL, out, &loud);
    if (rc == 0 || rc == ERR_NOMEM || rc == ERR_LIMIT) {
        if (rc && err)
            *err = loud;
        return rc;
    }
    return err_field(err, rc, loud.field, "", "%s must be %s", loud.field,
                     str_ends_with(loud.field, ".properties") ||
                             strcmp(loud.field, "properties") == 0
                         ? "an object of names and values"
                         : "text, a number, true or false");
}

int
part_properties_get(const struct json_t *j, const char *path, struct props *out,
                    struct err *err)
{
    const int rc = read_quietly(j, path, out, err);
    if (rc)
        return rc;
    const struct part_path in = part_path_of(path, "properties");
    for (size_t i = 0; i < out->n; i++) {
        const struct part_path at = part_path_of(in.s, out->v[i].key);
        const int bad = check_one(&out->v[i], at.s, err);
        if (bad)
            return bad;
    }
    props_sort(out); /* so that equal objects are equal text */
    return 0;
}
