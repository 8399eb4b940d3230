/*
 * Owns the writer thread and its head of the table.
 *
 * Threads: submit, stop and the outcome callbacks run on the loop thread; apply
 * and commit on the writer thread; `lock` guards the two queues and `stopping`,
 * and is held across nothing else.  The loop never waits for a commit.
 *
 * Invariant: `head` is the newest revision in the store.  The loop's history
 * follows behind it in the same order, because outcomes are handed over first
 * in, first out.
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
    struct change change;
    outcome_fn done;
    void *arg;
    struct err err;
    struct outcome outcome;
    struct strlist warnings;
    struct job *next;
};

struct committer {
    struct loop *loop;
    struct store *store;
    struct table *head; /* writer thread's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *waiting, *finished; /* in order */
    size_t n_waiting;
    bool stopping;
    bool running;
};

static void
job_free(struct job *job)
{
    change_fini(&job->change);
    strlist_fini(&job->warnings);
    table_unref(job->outcome.table);
    free(job);
}

/* ---- writer thread ------------------------------------------------------- */

static int
commit(struct committer *k, struct job *job)
{
    job->change.revision = job->outcome.table->revision;
    job->change.time_ms = clock_wall_ms();
    struct json_t *j = change_encode(&job->change);
    char *text = must_have(js_dump(j));
    const int rc = store_append(k->store, job->change.revision, text,
                                strlen(text), &job->err);
    free(text);
    js_free(j);
    if (rc) {
        log_error("change %lld is refused: %s", (long long)job->change.revision,
                  job->err.text);
        return rc;
    }
    table_unref(k->head);
    k->head = table_ref(job->outcome.table);
    job->outcome.committed = true;
    return 0;
}

static void
work_on(struct committer *k, struct job *job)
{
    struct outcome *o = &job->outcome;
    o->head = k->head->revision;
    o->dry_run = job->change.dry_run;
    o->rc = change_apply(&job->change, k->head, &o->table, &job->err);
    if (o->rc)
        return;
    change_warnings(&job->change, o->table, &job->warnings);
    if (o->dry_run || o->table == k->head)
        return;
    o->rc = commit(k, job);
    if (o->rc) {
        table_unref(o->table);
        o->table = NULL;
    }
}

static struct job *
next_job(struct committer *k)
{
    must(pthread_mutex_lock(&k->lock));
    while (!k->waiting && !k->stopping)
        must(pthread_cond_wait(&k->wake, &k->lock));
    struct job *job = k->waiting;
    if (job) {
        LL_DELETE(k->waiting, job);
        k->n_waiting--;
    }
    must(pthread_mutex_unlock(&k->lock));
    return job;
}

static void hand_back(void *arg);

static void *
writer_main(void *arg)
{
    struct committer *k = arg;
    struct job *job;
    while ((job = next_job(k))) {
        work_on(k, job);
        must(pthread_mutex_lock(&k->lock));
        LL_APPEND(k->finished, job);
        must(pthread_mutex_unlock(&k->lock));
        must(loop_post(k->loop, hand_back, k));
    }
    return NULL;
}

/* ---- loop thread --------------------------------------------------------- */

static void
hand_back(void *arg)
{
    struct committer *k = arg;
    must(pthread_mutex_lock(&k->lock));
    struct job *done = k->finished;
    k->finished = NULL;
    must(pthread_mutex_unlock(&k->lock));
    struct job *job;
    struct job *next;
    LL_FOREACH_SAFE(done, job, next)
    {
        job->outcome.err = &job->err;
        job->outcome.warnings = &job->warnings;
        job->done(&job->outcome, job->arg);
        job_free(job);
    }
}

int
committer_start(struct loop *loop, struct store *store, struct table *head,
                struct committer **out, struct err *err)
{
    struct committer *k = xcalloc(1, sizeof(*k));
    k->loop = loop;
    k->store = store;
    k->head = table_ref(head);
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
        LL_APPEND(k->waiting, job);
    k->n_waiting += rc == 0;
    must(pthread_cond_signal(&k->wake));
    must(pthread_mutex_unlock(&k->lock));
    return rc;
}

int
committer_submit_take(struct committer *k, struct change *c, outcome_fn done,
                      void *arg, struct err *err)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->change = *c;
    *c = (struct change){0};
    job->done = done;
    job->arg = arg;
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
    hand_back(k);
}

void
committer_free(struct committer *k)
{
    if (!k)
        return;
    table_unref(k->head);
    (void)pthread_cond_destroy(&k->wake); /* nobody is left to use it */
    (void)pthread_mutex_destroy(&k->lock);
    free(k);
}
