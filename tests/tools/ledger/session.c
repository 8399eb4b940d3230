/*
 * Owns how the ledger speaks to libshunt.  Main thread, but for log lines,
 * which come from any.
 */
#include "tests/tools/ledger/session.h"

#include <signal.h>
#include <string.h>

#include "common/base/log.h"
#include "tests/tools/ledger/commands.h"
#include "tests/tools/ledger/logfile.h"

static volatile sig_atomic_t stopping;

static void
on_signal(int number)
{
    (void)number;
    stopping = 1;
}

void
stop_on_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL); /* cannot fail for these two */
    (void)sigaction(SIGINT, &action, NULL);
}

bool
stop_wanted(void)
{
    return stopping;
}

static const char *
or_dash(const char *s)
{
    return s && *s ? s : "-";
}

static void
on_event(shunt_t *rk, const shunt_event_t *event, void *opaque)
{
    struct session *s = opaque;
    const char *from = shunt_event_from(event);
    const char *to = shunt_event_to(event);
    (void)rk;
    if (from)
        (void)snprintf(s->before, sizeof(s->before), "%s", from);
    if (to)
        (void)snprintf(s->now, sizeof(s->now), "%s", to);
    const char *phase = shunt_event_phase(event);
    const int64_t ms =
        phase ? shunt_event_ms(event) : shunt_event_stall_ms(event);
    logfile_put(s->log, 'S', "%s%s%s %s %s %lld %lld %lld",
                shunt_event_name(event), phase ? ":" : "", phase ? phase : "",
                or_dash(from), or_dash(to), (long long)shunt_event_since(event),
                (long long)ms, (long long)shunt_event_reread_bound(event));
    log_info("%s %s -> %s since %lld: %s", shunt_event_name(event),
             or_dash(from), or_dash(to), (long long)shunt_event_since(event),
             shunt_event_text(event));
}

static void
on_error(shunt_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    (void)opaque;
    log_warn("%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

static void
on_log(const shunt_t *rk, int level, const char *fac, const char *buf)
{
    (void)rk;
    log_at(level <= 3   ? LOG_ERROR
           : level <= 4 ? LOG_WARN
           : level <= 6 ? LOG_INFO
                        : LOG_DEBUG,
           "%s: %s", fac, buf);
}

static int
set(shunt_conf_t *conf, const char *key, const char *value, struct err *err)
{
    char why[256];
    if (shunt_conf_set(conf, key, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return 0;
    return err_field(err, ERR_INVALID, key, value, "--conf %s=%s: %s", key,
                     value, why);
}

static int
set_word(shunt_conf_t *conf, const char *word, struct err *err)
{
    char key[256];
    const char *eq = strchr(word, '=');
    if (!eq || (size_t)(eq - word) >= sizeof(key))
        return err_field(err, ERR_INVALID, "conf", word,
                         "--conf %s: not KEY=VALUE", word);
    (void)snprintf(key, sizeof(key), "%.*s", (int)(eq - word), word);
    return set(conf, key, eq + 1, err);
}

int
session_conf(struct session *s, const struct strlist *settings,
             const char *const *defaults, shunt_conf_t **out, struct err *err)
{
    shunt_conf_t *conf = shunt_conf_new();
    if (!conf)
        return err_nomem(err);
    log_set_level(LOG_DEBUG); /* there is none without --conf debug=... */
    shunt_conf_set_opaque(conf, s);
    shunt_conf_set_event_cb(conf, on_event);
    shunt_conf_set_error_cb(conf, on_error);
    shunt_conf_set_log_cb(conf, on_log);
    int rc = 0;
    for (; rc == 0 && *defaults; defaults += 2)
        rc = set(conf, defaults[0], defaults[1], err);
    for (size_t i = 0; rc == 0 && i < settings->n; i++)
        rc = set_word(conf, settings->v[i], err);
    if (rc)
        shunt_conf_destroy(conf);
    else
        *out = conf;
    return rc;
}

int
session_start_take(struct session *s, rd_kafka_type_t type, shunt_conf_t *conf,
                   struct err *err)
{
    char why[512];
    s->rk = shunt_new(type, conf, why, sizeof(why));
    if (s->rk)
        return 0;
    shunt_conf_destroy(conf);
    return err_set(err, ERR_INVALID, "cannot start a client: %s", why);
}

int
session_subscribe(struct session *s, const char *topic, struct err *err)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(topics, topic,
                                            RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = shunt_subscribe(s->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code ? err_set(err, ERR_KAFKA, "cannot subscribe to %s: %s", topic,
                          rd_kafka_err2str(code))
                : 0;
}

const char *
session_cluster_of(const struct session *s, const rd_kafka_message_t *m)
{
    const char *origin = shunt_message_origin(m);
    const char *now = shunt_cluster(s->rk);
    if (!origin)
        return or_dash(now);
    const bool copy =
        strcmp(rd_kafka_topic_name(m->rkt), shunt_topic_name(m->rkt)) != 0;
    if (!copy)
        return origin;
    if (now && strcmp(now, origin) != 0)
        return now;
    return or_dash(strcmp(s->now, origin) != 0 ? s->now : s->before);
}
