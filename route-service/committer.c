/*
 * Owns the writer thread, its newest table, and the background thread.
 *
 * Threads: submitting on any, outcomes on the loop that the change set named,
 * past tables, retention and compaction on the background thread, all else on
 * the writer thread.  `lock` guards the queue, the jobs that are on their way
 * back, and the flags beside them; it is held across nothing that waits.  No
 * loop waits for a commit.
 *
 * Invariant: `newest` is the newest revision in the store.  The loops follow
 * behind it in the same order, because what is posted runs in order.
 *
 * In a group a change set can get lost from sight: it was sent, and the answer
 * did not come.  It is set aside then (`unsettled`) until ZooKeeper is there
 * again and says whether it was done.  Meanwhile others are judged, but not
 * made.
 */
#include "route-service/committer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/diff.h"
#include "route-service/group.h"
#include "route-service/job.h"
#include "route-service/limits.h"
#include "route-service/newest.h"
#include "route-service/retain.h"

#define TRIES    100  /* of a change set against those of other servers */
#define RESTLESS 200  /* ms between two looks while something is wrong */
#define IDLE_MS  1000 /* between two looks at a group, or at the clock */
#define SOON_MS  5    /* before a group is watched again */
#define SLEEP_MS 3600000
#define TICK_MS  1000  /* before a tick that failed is tried again */
#define AGE_MS   60000 /* between two looks at the age of change sets */
#define PARKED   1
#define AGAIN    2

struct committer {
    struct committer_conf conf;
    struct retention retention;
    int64_t session_ms;
    int64_t snapshot_changes;
    struct background *background;
    /* Writer thread's. */
    struct newest newest;
    struct group *group;   /* NULL: this is the only server */
    struct job *unsettled; /* NULL: none */
    struct job *awaited;   /* being committed */
    int64_t tick_after_ms; /* monotonic */
    int64_t compact_at;    /* revision */
    int64_t retain_at_ms;  /* monotonic */
    int64_t tidied;        /* revision */
    int64_t logged;        /* revision */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *waiting; /* in order */
    size_t n_waiting;
    size_t n_out;          /* jobs at the background thread that come back */
    struct job *returning; /* posted to their loops */
    bool poked, stopping;
    bool running; /* the caller's of start and stop */
};

/* ---- outcomes ------------------------------------------------------------ */

/* On the loop that waits for it. */
static void
hand_back(void *arg)
{
    struct job *job = arg;
    struct committer *k = job->k;
    must(pthread_mutex_lock(&k->lock));
    DL_DELETE(k->returning, job);
    must(pthread_mutex_unlock(&k->lock));
    job->done(&job->outcome, job->arg);
    job_free(job);
}

/* Writer or background thread. */
static void
send_back(struct committer *k, struct job *job)
{
    if (!job->reply_to) {
        job_free(job);
        return;
    }
    must(pthread_mutex_lock(&k->lock));
    DL_APPEND(k->returning, job);
    must(pthread_mutex_unlock(&k->lock));
    must(loop_post(job->reply_to, hand_back, job));
}

static void
finish(struct committer *k, struct job *job, int rc)
{
    job_conclude(job, rc);
    send_back(k, job);
}

/* ---- at the background thread -------------------------------------------- */

/* The job is at the head of the queue again. */
static void
come_back(struct committer *k, struct job *job)
{
    must(pthread_mutex_lock(&k->lock));
    DL_PREPEND(k->waiting, job);
    k->n_waiting++;
    k->n_out--;
    must(pthread_cond_signal(&k->wake));
    must(pthread_mutex_unlock(&k->lock));
}

static void
look_back(void *arg)
{
    struct job *job = arg;
    struct committer *k = job->k;
    const int rc = history_table(k->conf.history, job->change.restore,
                                 &job->past, &job->err);
    if (rc && rc != ERR_NOTFOUND) /* else: judging says it better */
        log_warn("restoring revision %lld: %s", (long long)job->change.restore,
                 job->err.text);
    come_back(k, job);
}

static void
send_to_look_back(struct committer *k, struct job *job)
{
    job->looked_back = true;
    must(pthread_mutex_lock(&k->lock));
    k->n_out++;
    must(pthread_mutex_unlock(&k->lock));
    background_post(k->background, look_back, job);
}

/* What has changed since the revision that was expected. */
static void
compare(void *arg)
{
    struct job *job = arg;
    struct table *past = NULL;
    struct differences d;
    if (history_table(job->k->conf.history, job->change.expect_revision, &past,
                      NULL) == 0) {
        diff_tables(past, job->outcome.before, &d);
        job->outcome.changed = job->changed = diff_text(&d);
        differences_fini(&d);
    }
    table_unref(past);
    send_back(job->k, job);
}

static void
refuse_stale(struct committer *k, struct job *job)
{
    job_conclude(job, ERR_CONFLICT);
    background_post(k->background, compare, job);
}

static void
delete_old(void *arg)
{
    struct committer *k = arg;
    struct err err;
    if (retain(k->conf.store, k->conf.history, &k->retention, clock_wall_ms(),
               &err))
        log_warn("old change sets stay: %s", err.text);
}

struct snapshot_task {
    struct group *group;
    struct table *table;
};

static void
write_snapshot(void *arg)
{
    struct snapshot_task *task = arg;
    group_compact(task->group, task->table);
    table_unref(task->table);
    free(task);
}

/* ---- tidying up ---------------------------------------------------------- */

static void
tidy_group(struct committer *k)
{
    if (!k->group || k->newest.table->revision < k->compact_at)
        return;
    k->compact_at = k->newest.table->revision + 1 + k->snapshot_changes / 4;
    struct snapshot_task *task = xcalloc(1, sizeof(*task));
    *task = (struct snapshot_task){k->group, table_ref(k->newest.table)};
    background_post(k->background, write_snapshot, task);
}

/* After every revision where a number of them is kept; now and then where only
 * their age counts. */
static void
tidy_store(struct committer *k)
{
    const struct retention *r = &k->retention;
    const bool moved = k->newest.table->revision != k->tidied;
    const bool late = clock_mono_ms() >= k->retain_at_ms;
    if (!(r->revisions > 0 && moved) && !(r->ms > 0 && late))
        return;
    k->tidied = k->newest.table->revision;
    k->retain_at_ms = clock_mono_ms() + AGE_MS;
    background_post(k->background, delete_old, k);
}

/* ---- committing ---------------------------------------------------------- */

static int
judge(struct committer *k, struct job *job)
{
    return job_judge(job, k->newest.table, clock_wall_ms());
}

static bool
changes_something(const struct job *job, int rc)
{
    return rc == 0 && job->outcome.table != job->outcome.before;
}

/* What another server has acknowledged may not be here yet: before a change set
 * is refused, or said to change nothing, ZooKeeper is asked. */
static int
judge_well(struct committer *k, struct job *job)
{
    const int rc = judge(k, job);
    if (!k->group || changes_something(job, rc))
        return rc;
    const int64_t before = k->newest.table->revision;
    if (group_refresh(k->group, NULL) || k->newest.table->revision == before)
        return rc;
    return judge(k, job);
}

static int
check_length(const struct newest_step *step, struct err *err)
{
    if (step->len <= LIMIT_CHANGE_BYTES)
        return 0;
    return err_set(err, ERR_LIMIT,
                   "a change set of %zu bytes; %zu are "
                   "allowed",
                   step->len, LIMIT_CHANGE_BYTES);
}

static int
append(struct committer *k, struct job *job, const struct newest_step *step)
{
    const int rc = newest_append(&k->newest, step, 1, &job->err);
    job->outcome.committed = rc == 0;
    if (rc)
        log_error("revision %lld is not stored: %s",
                  (long long)step->table->revision, job->err.text);
    return rc;
}

/* The group has it, this server has no room for it.  Following the group tries
 * that again, and lets /readyz say why it does not work. */
static int
half_done(struct committer *k, struct job *job, int64_t revision)
{
    const struct err why = job->err;
    if (group_follow(k->group, NULL) == 0 && job->outcome.committed)
        return 0;
    return err_set(&job->err, ERR_UNAVAILABLE,
                   "the group has this change as revision %lld, but this "
                   "server can't store it and goes on trying: %s",
                   (long long)revision, why.text);
}

static int
propose(struct committer *k, struct job *job, const struct newest_step *step)
{
    int rc = check_length(step, &job->err);
    if (rc)
        return rc;
    rc = group_propose(k->group, job->id, step, &job->err);
    if (rc == ERR_TIMEOUT)
        job->sent = step->table->revision;
    if (rc == ERR_CONFLICT)
        return AGAIN;
    if (rc)
        return job->sent ? PARKED : rc;
    rc = append(k, job, step);
    return rc ? half_done(k, job, step->table->revision) : 0;
}

/* One attempt. */
static int
attempt(struct committer *k, struct job *job)
{
    char *text = job_text(job);
    const struct newest_step step = {.text = text,
                                     .len = strlen(text),
                                     .table = job->outcome.table,
                                     .touched = job->touched};
    const int rc = k->group ? propose(k, job, &step) : append(k, job, &step);
    free(text);
    return rc;
}

/* Writer thread: a change set came by ZooKeeper. */
static void
on_seen(const char *id, struct table *t, void *arg)
{
    struct committer *k = arg;
    struct job *of[] = {k->awaited, k->unsettled};
    for (size_t i = 0; i < 2; i++)
        if (of[i] && strcmp(of[i]->id, id) == 0)
            job_found(of[i], t);
}

/* Somebody else has this revision, or this server has it already without
 * knowing: look, and judge anew. */
static int
start_over(struct committer *k, struct job *job)
{
    int rc = group_follow(k->group, &job->err);
    if (job->outcome.committed)
        return 0;
    if (rc && job->sent)
        return PARKED;
    if (rc)
        return rc == ERR_TIMEOUT ? ERR_UNAVAILABLE : rc;
    if (job->sent <= k->newest.table->revision)
        job->sent = 0; /* another one has that revision */
    rc = judge(k, job);
    if (rc || job->outcome.table == k->newest.table)
        return rc;
    return AGAIN;
}

static int
commit(struct committer *k, struct job *job)
{
    if (!k->group)
        return attempt(k, job);
    int rc = AGAIN;
    k->awaited = job;
    for (int i = 0; i < TRIES && rc == AGAIN; i++) {
        rc = attempt(k, job);
        if (rc == AGAIN)
            rc = start_over(k, job);
    }
    k->awaited = NULL;
    if (rc != AGAIN)
        return rc;
    return err_set(&job->err, ERR_BUSY,
                   "other servers were faster %d times: try again", TRIES);
}

/* ---- unsettled ----------------------------------------------------------- */

static void
park(struct committer *k, struct job *job)
{
    k->unsettled = job;
    if (!job->give_up_ms)
        job->give_up_ms = clock_mono_ms() + k->session_ms;
}

static void
give_up(struct committer *k, struct job *job)
{
    struct err why = {.text = "no answer"};
    (void)!group_ready(k->group, &why);
    k->unsettled = NULL;
    finish(k, job,
           err_set(&job->err, ERR_TIMEOUT,
                   "not known whether this change was made as revision %lld: "
                   "look at the history before it is repeated; %.300s",
                   (long long)job->sent, why.text));
}

/* Looks for the change set that got lost from sight; makes it if it was not. */
static void
settle(struct committer *k)
{
    struct job *job = k->unsettled;
    if (!job)
        return;
    int rc = PARKED;
    if (job->outcome.committed) {
        rc = 0;
    } else if (group_ready(k->group, NULL) == 0) {
        k->awaited = job;
        rc = start_over(k, job);
        k->awaited = NULL;
        if (rc == AGAIN)
            rc = commit(k, job);
    }
    if (rc != PARKED) {
        k->unsettled = NULL;
        finish(k, job, rc);
    } else if (clock_mono_ms() >= job->give_up_ms) {
        give_up(k, job);
    }
}

/* ---- one job ------------------------------------------------------------- */

static int
check_open(struct committer *k, struct err *err)
{
    if (!k->unsettled)
        return 0;
    const int rc = group_ready(k->group, err);
    return rc ? rc
              : err_set(err, ERR_UNAVAILABLE,
                        "ZooKeeper has not said yet what became of the change "
                        "before: try again");
}

static bool
is_stale(const struct job *job, int rc)
{
    const int64_t expected = job->change.expect_revision;
    return rc == ERR_CONFLICT && job->outcome.before && expected >= 0 &&
           expected < job->outcome.head;
}

static void
work_on(struct committer *k, struct job *job)
{
    int rc = job->read ? 0 : job_read(job);
    if (rc == 0 && job->change.form == CHANGE_RESTORE && !job->looked_back) {
        send_to_look_back(k, job);
        return;
    }
    rc = rc ? rc : judge_well(k, job);
    const bool to_do = changes_something(job, rc) && !job->outcome.dry_run;
    if (to_do)
        rc = check_open(k, &job->err);
    if (to_do && rc == 0)
        rc = commit(k, job);
    if (rc == PARKED)
        park(k, job);
    else if (is_stale(job, rc))
        refuse_stale(k, job);
    else
        finish(k, job, rc);
}

/* A rule's window begins or ends: a change set without operations. */
static void
tick(struct committer *k)
{
    const struct table *t = k->newest.table;
    if (table_next_edge(t) > clock_wall_ms() ||
        clock_mono_ms() < k->tick_after_ms || k->unsettled ||
        (k->group && group_ready(k->group, NULL)))
        return;
    k->tick_after_ms = clock_mono_ms() + TICK_MS;
    struct job *job = job_new(k);
    job->change.author = xstrdup("shunt-route");
    job->change.comment = xstrdup("");
    job->change.expect_revision = t->revision;
    int rc = judge(k, job);
    if (rc == 0 && job->outcome.table != t) {
        job_tell_time(job);
        rc = commit(k, job);
    }
    if (rc == 0)
        k->tick_after_ms = 0;
    else if (rc != PARKED && rc != ERR_CONFLICT) /* else: another server did */
        log_warn("a window of time is late: %s", job->err.text);
    if (rc == PARKED)
        park(k, job);
    else
        job_free(job);
}

/* ---- writer thread ------------------------------------------------------- */

static int64_t
until_edge(const struct table *t)
{
    const int64_t edge = table_next_edge(t);
    if (edge == INT64_MAX)
        return SLEEP_MS;
    const int64_t ms = edge - clock_wall_ms();
    return ms < 1 ? 1 : ms < IDLE_MS ? ms : IDLE_MS;
}

/* How long there is nothing to do by itself. */
static int64_t
rest_ms(struct committer *k)
{
    int64_t ms = until_edge(k->newest.table);
    const int64_t tick = k->tick_after_ms - clock_mono_ms();
    if (ms < tick)
        ms = tick;
    int64_t most = k->retention.ms > 0 ? AGE_MS : SLEEP_MS;
    if (k->group && (k->unsettled || group_ready(k->group, NULL)))
        most = RESTLESS;
    else if (k->group)
        most = group_watching(k->group) ? IDLE_MS : SOON_MS;
    return ms < most ? ms : most;
}

static struct timespec
deadline_in(int64_t ms)
{
    const int64_t at = clock_mono_us() + ms * 1000;
    return (struct timespec){.tv_sec = at / 1000000,
                             .tv_nsec = at % 1000000 * 1000};
}

/* Under lock. */
static bool
is_over(const struct committer *k)
{
    return k->stopping && !k->waiting && k->n_out == 0;
}

/* Waits for something to do; false: the end.  *job: NULL when it is no job. */
static bool
next_turn(struct committer *k, struct job **job)
{
    const struct timespec by = deadline_in(rest_ms(k));
    int rc = 0;
    must(pthread_mutex_lock(&k->lock));
    while (!k->waiting && !k->poked && !is_over(k) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&k->wake, &k->lock, &by);
    const bool over = is_over(k);
    k->poked = false;
    *job = k->waiting;
    if (*job) {
        DL_DELETE(k->waiting, *job);
        k->n_waiting--;
    }
    must(pthread_mutex_unlock(&k->lock));
    return !over;
}

/* Behind everything that somebody waits for. */
static void
log_newest(struct committer *k)
{
    const struct table *t = k->newest.table;
    if (t->revision == k->logged)
        return;
    k->logged = t->revision;
    log_info("revision %lld: %zu clusters, %zu flows, %zu rules",
             (long long)t->revision, table_count(t, KIND_CLUSTER),
             table_count(t, KIND_FLOW), table_count(t, KIND_RULE));
}

static void *
writer_main(void *arg)
{
    struct committer *k = arg;
    struct job *job;
    while (next_turn(k, &job)) {
        if (k->group) {
            group_tend(k->group);
            settle(k);
        }
        if (job)
            work_on(k, job);
        tick(k);
        log_newest(k);
        tidy_store(k);
        tidy_group(k);
    }
    if (k->unsettled)
        give_up(k, k->unsettled);
    return NULL;
}

/* ---- from outside -------------------------------------------------------- */

/* Any thread. */
static void
poke(void *arg)
{
    struct committer *k = arg;
    must(pthread_mutex_lock(&k->lock));
    k->poked = true;
    must(pthread_cond_signal(&k->wake));
    must(pthread_mutex_unlock(&k->lock));
}

static void
init(struct committer *k, const struct committer_conf *conf)
{
    k->conf = *conf;
    k->logged = conf->head->revision;
    k->retention = (struct retention){conf->keep_revisions, conf->keep_ms};
    k->newest = (struct newest){.store = conf->store,
                                .table = table_ref(conf->head),
                                .publish = conf->publish,
                                .arg = conf->arg};
    if (conf->ensemble) {
        k->session_ms = conf->ensemble->session_ms;
        k->snapshot_changes = conf->ensemble->snapshot_changes;
    }
    must(pthread_mutex_init(&k->lock, NULL));
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(&k->wake, &attr));
    (void)pthread_condattr_destroy(&attr); /* nothing to be done */
}

static int
start(struct committer *k, const struct ensemble_conf *ensemble,
      struct err *err)
{
    int rc = background_start(&k->background, err);
    if (rc == 0 && ensemble)
        rc = group_open(ensemble, &k->newest, poke, k, &k->group, err);
    if (rc)
        return rc;
    if (k->group)
        group_on_seen(k->group, on_seen, k);
    rc = pthread_create(&k->thread, NULL, writer_main, k);
    k->running = rc == 0;
    return rc ? err_errno(err, ERR_UNAVAILABLE, rc, "cannot start a thread")
              : 0;
}

int
committer_start(const struct committer_conf *conf, struct committer **out,
                struct err *err)
{
    struct committer *k = xcalloc(1, sizeof(*k));
    init(k, conf);
    const int rc = start(k, conf->ensemble, err);
    k->conf.ensemble = NULL; /* the caller's until here */
    if (rc == 0) {
        *out = k;
        return 0;
    }
    committer_stop(k);
    committer_free(k);
    return rc;
}

static int
enqueue(struct committer *k, struct job *job, struct err *err)
{
    int rc = 0;
    must(pthread_mutex_lock(&k->lock));
    if (k->stopping)
        rc = err_set(err, ERR_UNAVAILABLE, "the server is stopping");
    else if (k->n_waiting >= LIMIT_PENDING)
        rc = err_set(err, ERR_BUSY,
                     "%d changes are waiting already: try "
                     "again later",
                     LIMIT_PENDING);
    else
        DL_APPEND(k->waiting, job);
    k->n_waiting += rc == 0;
    must(pthread_mutex_unlock(&k->lock));
    must(pthread_cond_signal(&k->wake)); /* the writer finds the lock free */
    return rc;
}

int
committer_submit_take(struct committer *k, char *body, size_t len,
                      struct loop *reply_to, outcome_fn done, void *arg,
                      struct err *err)
{
    struct job *job = job_new(k);
    job->body = body;
    job->len = len;
    job->reply_to = reply_to;
    job->done = done;
    job->arg = arg;
    const int rc = enqueue(k, job, err);
    if (rc)
        job_free(job);
    return rc;
}

int
committer_ready(struct committer *k, struct err *err)
{
    return k->group ? group_ready(k->group, err) : 0;
}

void
committer_servers(struct committer *k, struct props *out)
{
    if (k->group)
        group_servers(k->group, out);
}

void
committer_stop(struct committer *k)
{
    if (k->running) {
        must(pthread_mutex_lock(&k->lock));
        k->stopping = true;
        must(pthread_cond_signal(&k->wake));
        must(pthread_mutex_unlock(&k->lock));
        must(pthread_join(k->thread, NULL));
        k->running = false;
    }
    if (k->background)
        background_stop(k->background);
}

void
committer_free(struct committer *k)
{
    if (!k)
        return;
    group_close(k->group);
    background_free(k->background);
    struct job *job;
    struct job *next;
    DL_FOREACH_SAFE(k->returning, job, next)
    job_free(job);
    table_unref(k->newest.table);
    (void)pthread_cond_destroy(&k->wake); /* nobody is left to use them */
    (void)pthread_mutex_destroy(&k->lock);
    free(k);
}
