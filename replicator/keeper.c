/*
 * Owns the thread that keeps copies like their topics: finds topics and
 * partitions that are new, makes them on the target, gives copies the settings
 * and access rights of their topics.  A thread of its own, because every
 * question to a cluster blocks; parts are made by the flow's thread, from what
 * was found.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "replicator/acls.h"
#include "replicator/configs.h"
#include "replicator/parts.h"
#include "replicator/survey.h"

#define PAUSE_MS 100

enum chore { SURVEY, CONFIGS, ACLS, CHORES };

struct keeper {
    struct flow *flow;
    int64_t last_ms[CHORES];      /* when it was begun */
    char complaints[CHORES][512]; /* said once */
    bool no_acls;                 /* a cluster has none: never again */
    bool nothing_found_said;
};

static void
complain(struct keeper *k, enum chore chore, const char *what, const char *why)
{
    char *said = k->complaints[chore];
    if (strcmp(said, why) == 0)
        return;
    (void)snprintf(said, sizeof(k->complaints[chore]), "%s", why);
    if (why[0])
        log_warn("%s: %s: %s; trying again", k->flow->conf->name, what, why);
}

static struct admin
admin_of(const struct flow *f, rd_kafka_t *rk)
{
    return (struct admin){
        .rk = rk, .stop = &f->stop, .timeout_ms = f->conf->admin_timeout_ms};
}

/* ---- new topics -------------------------------------------------------- */

static void
survey(struct keeper *k)
{
    struct flow *f = k->flow;
    struct survey *s;
    struct err err = {0};
    const int rc = survey_make(f, &s, &err);
    if (rc == 0 || err.code != ERR_CLOSED)
        flow_complain(f, "cannot look for new topics", rc == 0 ? "" : err.text);
    if (rc == 0) /* one that nobody took yet is older */
        survey_free(atomic_exchange(&f->found, s));
}

/* ---- configurations ---------------------------------------------------- */

/* The topics that have copies; the names are the caller's. */
static struct config_pair *
all_pairs(struct flow *f, size_t *n)
{
    struct topic *t, *next;
    pthread_mutex_lock(&f->lock);
    struct config_pair *pairs =
        xcalloc(HASH_COUNT(f->topics) + 1, sizeof(*pairs));
    *n = 0;
    HASH_ITER(hh, f->topics, t, next)
    if (t->n_parts > 0 && !t->gone)
        pairs[(*n)++] = (struct config_pair){.here = xstrdup(t->name),
                                             .there = xstrdup(t->remote)};
    pthread_mutex_unlock(&f->lock);
    return pairs;
}

static void
free_pairs(struct config_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((void *)(uintptr_t)pairs[i].here);
        free((void *)(uintptr_t)pairs[i].there);
    }
    free(pairs);
}

static void
say_configs(struct keeper *k, const struct configs_outcome *out)
{
    const struct flow_settings *c = k->flow->conf;
    char why[600] = "";
    if (out->first.code == ERR_CLOSED)
        return;
    if (out->changed > 0)
        log_info("%s: %zu topics of %s were given the configuration of theirs "
                 "on %s",
                 c->name, out->changed, c->target->name, c->source->name);
    if (out->failed > 0)
        (void)snprintf(why, sizeof(why), "%zu not done: %s", out->failed,
                       out->first.text);
    complain(k, CONFIGS, "configurations of topics", why);
}

static void
sync_configs(struct keeper *k)
{
    struct flow *f = k->flow;
    const struct admin source = admin_of(f, f->consumer);
    const struct admin target = admin_of(f, f->producer);
    const struct config_rule rule = configs_rule(f->conf);
    struct configs_outcome out;
    size_t n;
    struct config_pair *pairs = all_pairs(f, &n);
    configs_sync(&source, &target, &rule, pairs, n, &out);
    free_pairs(pairs, n);
    atomic_fetch_add(&f->configs_changed, out.changed);
    say_configs(k, &out);
}

/* ---- access rights ----------------------------------------------------- */

static void
say_acls(struct keeper *k, const struct acls_outcome *out)
{
    const struct flow_settings *c = k->flow->conf;
    if (out->first.code == ERR_CLOSED)
        return;
    if (out->disabled) {
        k->no_acls = true;
        log_info("%s: %s has no authorizer: ACLs are not synced", c->name,
                 c->target->name);
        return;
    }
    if (out->found == 0 && out->failed == 0 && !k->nothing_found_said)
        log_info("%s: no ACLs of topics are seen on %s: it has none, or no "
                 "authorizer, or we may not describe the cluster",
                 c->name, c->source->name);
    k->nothing_found_said = out->found == 0;
    if (out->made > 0)
        log_info("%s: %zu ACLs were made on %s", c->name, out->made,
                 c->target->name);
    complain(k, ACLS, "ACLs of topics", out->failed ? out->first.text : "");
}

static void
sync_acls(struct keeper *k)
{
    struct flow *f = k->flow;
    const struct admin source = admin_of(f, f->consumer);
    const struct admin target = admin_of(f, f->producer);
    struct acls_outcome out;
    acls_sync(&source, &target, f->conf, &out);
    atomic_fetch_add(&f->acls_made, out.made);
    say_acls(k, &out);
}

/* ---- the thread -------------------------------------------------------- */

static bool
due(struct keeper *k, enum chore chore, bool enabled, int64_t interval_s)
{
    const int64_t now = clock_mono_ms();
    if (!enabled || atomic_load(&k->flow->stop) ||
        (k->last_ms[chore] && now - k->last_ms[chore] < interval_s * 1000))
        return false;
    k->last_ms[chore] = now;
    return true;
}

static void
pause_a_little(void)
{
    const struct timespec ts = {.tv_nsec = PAUSE_MS * 1000000L};
    (void)nanosleep(&ts, NULL); /* cut short: the clock decides */
}

/* An embedded cluster answers nothing of this. */
static bool
may_administrate(const struct flow *f)
{
    const struct admin source = admin_of(f, f->consumer);
    const struct admin target = admin_of(f, f->producer);
    return admin_has_controller(&source) && admin_has_controller(&target);
}

static void
turn(struct keeper *k)
{
    const struct flow_settings *c = k->flow->conf;
    if (due(k, SURVEY, c->refresh_enabled, c->refresh_interval_s) ||
        atomic_exchange(&k->flow->survey_now, false))
        survey(k);
    if (!units_lead(k->flow)) /* one process is enough */
        return;
    const bool acls =
        due(k, ACLS, c->acls_enabled && !k->no_acls, c->acls_interval_s);
    const bool configs =
        due(k, CONFIGS, c->configs_enabled, c->configs_interval_s);
    if ((!acls && !configs) || !may_administrate(k->flow))
        return;
    if (acls)
        sync_acls(k);
    if (configs)
        sync_configs(k);
}

void *
keeper_thread(void *flow)
{
    struct keeper k = {.flow = flow};
    while (!atomic_load(&k.flow->stop) && !atomic_load(&k.flow->ready))
        pause_a_little();
    k.last_ms[SURVEY] = clock_mono_ms(); /* one was made at the start */
    while (!atomic_load(&k.flow->stop)) {
        turn(&k);
        pause_a_little();
    }
    return NULL;
}
