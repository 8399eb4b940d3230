/*
 * Owns the writer thread and its head of the table.
 *
 * Threads: submitting on any, outcomes on the loop that the change set named,
 * all else on the writer thread.  `lock` guards the queue, the jobs that are
 * on their way back, and `stopping`; it is held across nothing that waits.  No
 * loop waits for a commit.
 *
 * Invariant: `head` is the newest revision in the store.  The loops follow
 * behind it in the same order, because what is posted runs in order.
 */
#include "route-service/committer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "route-service/limits.h"
#include "route-service/must.h"

struct job {
    struct committer *k;
    char *body;
    size_t len;
    struct loop *reply_to;
    outcome_fn done;
    void *arg;
    struct change change;
    struct err err;
    struct outcome outcome;
    struct touched touched;
    struct strlist warnings;
    struct job *next, *prev;
};

struct committer {
    struct committer_conf conf;
    struct table *head; /* writer thread's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *waiting; /* in order */
    size_t n_waiting;
    struct job *returning; /* posted to their loops */
    bool stopping;
    bool running;
};

static void
job_free(struct job *job)
{
    change_fini(&job->change);
    strlist_fini(&job->warnings);
    touched_fini(&job->touched);
    table_unref(job->outcome.before);
    table_unref(job->outcome.table);
    free(job->body);
    free(job);
}

/* ---- writer thread ------------------------------------------------------- */

static int
read_body(struct job *job)
{
    struct json_t *j = NULL;
    int rc;
    if ((rc = js_parse(job->body, job->len, &j, &job->err)) == 0 &&
        (rc = js_expect_object(j, "", &job->err)) == 0)
        rc = change_decode(j, &job->change, &job->err);
    js_free(j);
    free(job->body);
    job->body = NULL;
    return rc;
}

static int
store_change(struct committer *k, struct job *job)
{
    job->change.revision = job->outcome.table->revision;
    struct json_t *j = change_encode(&job->change);
    char *text = must_have(js_dump(j));
    const int rc = store_append(k->conf.store, job->change.revision, text,
                                strlen(text), &job->err);
    free(text);
    js_free(j);
    if (rc)
        log_error("change %lld is refused: %s", (long long)job->change.revision,
                  job->err.text);
    return rc;
}

static int
commit(struct committer *k, struct job *job)
{
    const int rc = store_change(k, job);
    if (rc)
        return rc;
    table_unref(k->head);
    k->head = table_ref(job->outcome.table);
    job->outcome.committed = true;
    k->conf.publish(k->head, job->outcome.touched, k->conf.arg);
    return 0;
}

static int
judge(struct committer *k, struct job *job)
{
    struct outcome *o = &job->outcome;
    o->head = k->head->revision;
    o->dry_run = job->change.dry_run;
    o->before = table_ref(k->head);
    job->change.time_ms = clock_wall_ms();
    int rc = change_resolve(&job->change, k->head, NULL, &job->err);
    if (rc == 0)
        rc = change_apply(&job->change, k->head, &o->table, &job->touched,
                          &job->err);
    if (rc)
        return rc;
    o->touched = &job->touched;
    change_warnings(&job->change, k->head, o->table, &job->warnings);
    return 0;
}

static void
work_on(struct committer *k, struct job *job)
{
    struct outcome *o = &job->outcome;
    o->rc = read_body(job);
    if (o->rc == 0)
        o->rc = judge(k, job);
    if (o->rc == 0 && !o->dry_run && o->table != k->head)
        o->rc = commit(k, job);
    if (o->rc == 0)
        return;
    table_unref(o->table);
    o->table = NULL;
    o->touched = NULL;
}

static struct job *
next_job(struct committer *k)
{
    must(pthread_mutex_lock(&k->lock));
    while (!k->waiting && !k->stopping)
        must(pthread_cond_wait(&k->wake, &k->lock));
    struct job *job = k->waiting;
    if (job) {
        DL_DELETE(k->waiting, job);
        k->n_waiting--;
    }
    must(pthread_mutex_unlock(&k->lock));
    return job;
}

/* On the loop that waits for it. */
static void
hand_back(void *arg)
{
    struct job *job = arg;
    struct committer *k = job->k;
    must(pthread_mutex_lock(&k->lock));
    DL_DELETE(k->returning, job);
    must(pthread_mutex_unlock(&k->lock));
    job->outcome.err = &job->err;
    job->outcome.warnings = &job->warnings;
    job->done(&job->outcome, job->arg);
    job_free(job);
}

static void
finish(struct committer *k, struct job *job)
{
    must(pthread_mutex_lock(&k->lock));
    DL_APPEND(k->returning, job);
    must(pthread_mutex_unlock(&k->lock));
    must(loop_post(job->reply_to, hand_back, job));
}

static void *
writer_main(void *arg)
{
    struct committer *k = arg;
    struct job *job;
    while ((job = next_job(k))) {
        work_on(k, job);
        finish(k, job);
    }
    return NULL;
}

/* ---- from outside -------------------------------------------------------- */

int
committer_start(const struct committer_conf *conf, struct committer **out,
                struct err *err)
{
    struct committer *k = xcalloc(1, sizeof(*k));
    k->conf = *conf;
    k->head = table_ref(conf->head);
    must(pthread_mutex_init(&k->lock, NULL));
    must(pthread_cond_init(&k->wake, NULL));
    const int rc = pthread_create(&k->thread, NULL, writer_main, k);
    k->running = rc == 0;
    *out = k;
    if (rc == 0)
        return 0;
    committer_free(k);
    *out = NULL;
    return err_errno(err, ERR_UNAVAILABLE, rc, "cannot start a thread");
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
    must(pthread_cond_signal(&k->wake));
    must(pthread_mutex_unlock(&k->lock));
    return rc;
}

int
committer_submit_take(struct committer *k, char *body, size_t len,
                      struct loop *reply_to, outcome_fn done, void *arg,
                      struct err *err)
{
    struct job *job = xcalloc(1, sizeof(*job));
    *job = (struct job){.k = k,
                        .body = body,
                        .len = len,
                        .reply_to = reply_to,
                        .done = done,
                        .arg = arg};
    const int rc = enqueue(k, job, err);
    if (rc)
        job_free(job);
    return rc;
}

void
committer_stop(struct committer *k)
{
    if (!k->running)
        return;
    must(pthread_mutex_lock(&k->lock));
    k->stopping = true;
    must(pthread_cond_signal(&k->wake));
    must(pthread_mutex_unlock(&k->lock));
    must(pthread_join(k->thread, NULL));
    k->running = false;
}

void
committer_free(struct committer *k)
{
    if (!k)
        return;
    struct job *job;
    struct job *next;
    DL_FOREACH_SAFE(k->returning, job, next)
    job_free(job);
    table_unref(k->head);
    (void)pthread_cond_destroy(&k->wake); /* nobody is left to use it */
    (void)pthread_mutex_destroy(&k->lock);
    free(k);
}
