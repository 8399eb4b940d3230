/*
 * Owns a transactional producer and its thread.  `lock` guards what is marked
 * (L).
 */
#include "replicator/commit.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/xmem.h"

/* librdkafka 2.0.2 may take an answer for another's where this is short. */
#define COMMIT_MS 1000
#define WARM_MS   5000
#define ABORT_MS  1000

enum commit_state {
    COMMIT_NONE,  /* until one is asked for */
    COMMIT_RUNS,  /* until it has ended */
    COMMIT_ENDED, /* until that is seen */
};

struct committer {
    rd_kafka_t *rk; /* owned */
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum commit_state state;  /* (L) */
    rd_kafka_resp_err_t code; /* (L) */
    bool warm;                /* (L) it shall be */
    bool end;                 /* (L) */
};

static bool
shall_end(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    const bool end = c->end;
    pthread_mutex_unlock(&c->lock);
    return end;
}

static rd_kafka_resp_err_t
commit(struct committer *c)
{
    rd_kafka_error_t *bad;
    bool later;
    rd_kafka_resp_err_t code;
    do {
        bad = rd_kafka_commit_transaction(c->rk, COMMIT_MS);
        later = bad && rd_kafka_error_is_retriable(bad);
        code = bad ? rd_kafka_error_code(bad) : RD_KAFKA_RESP_ERR_NO_ERROR;
        if (bad)
            rd_kafka_error_destroy(bad);
    } while (later && !shall_end(c));
    return code;
}

static void
ring(const struct committer *c)
{
    static const uint64_t one = 1;
    (void)!write(c->fd, &one, sizeof(one)); /* full: it has rung */
}

/* Under the lock, which they leave meanwhile. */
static void
warm(struct committer *c)
{
    const struct rd_kafka_metadata *md;
    c->warm = false;
    pthread_mutex_unlock(&c->lock);
    if (rd_kafka_metadata(c->rk, 0, NULL, &md, WARM_MS) == 0)
        rd_kafka_metadata_destroy(md);
    pthread_mutex_lock(&c->lock);
}

static void
commit_now(struct committer *c)
{
    pthread_mutex_unlock(&c->lock);
    const rd_kafka_resp_err_t code = commit(c);
    pthread_mutex_lock(&c->lock);
    c->code = code;
    c->state = COMMIT_ENDED;
    ring(c);
}

/* librdkafka 2.0.2 aborts the process if it is destroyed just when it wants to
 * add a partition to a transaction (txn_req_cnt); none are added to one that is
 * being aborted. */
static void
destroy(struct committer *c)
{
    rd_kafka_error_t *bad = rd_kafka_abort_transaction(c->rk, ABORT_MS);
    if (bad) /* there is none, or it is another's */
        rd_kafka_error_destroy(bad);
    rd_kafka_destroy(c->rk);
}

static void *
run(void *committer)
{
    struct committer *c = committer;
    pthread_mutex_lock(&c->lock);
    while (!c->end) {
        if (c->warm)
            warm(c);
        else if (c->state == COMMIT_RUNS)
            commit_now(c);
        else
            pthread_cond_wait(&c->changed, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    destroy(c);
    return NULL;
}

int
committer_new_take(rd_kafka_t *rk, int fd, struct committer **out,
                   struct err *err)
{
    struct committer *c = xcalloc(1, sizeof(*c));
    c->rk = rk;
    c->fd = fd;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    const int bad = pthread_create(&c->thread, NULL, run, c);
    *out = bad ? NULL : c;
    if (!bad)
        return 0;
    rd_kafka_destroy(rk);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return err_errno(err, ERR_NOMEM, bad, "cannot start a thread");
}

rd_kafka_t *
committer_producer(const struct committer *c)
{
    return c->rk;
}

void
committer_warm(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    c->warm = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

void
committer_begin(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    c->state = COMMIT_RUNS;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

bool
committer_done(struct committer *c, rd_kafka_resp_err_t *code)
{
    pthread_mutex_lock(&c->lock);
    const bool done = c->state == COMMIT_ENDED;
    if (done)
        c->state = COMMIT_NONE;
    *code = c->code;
    pthread_mutex_unlock(&c->lock);
    return done;
}

void
committer_end(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    c->end = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

bool
committer_free(struct committer *c, bool wait)
{
    if (wait)
        (void)pthread_join(c->thread, NULL);
    else if (pthread_tryjoin_np(c->thread, NULL) != 0)
        return false;
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return true;
}
