/*
 * Owns one question.  Two hold it: the application's side (asking_result,
 * asking_free) and the control thread, which alone touches the fields that
 * are not under `mutex`.  The last one frees it.
 */
#include "sdk/src/control/ask.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/js.h"

#define ASK_MIN_MS 50
#define ASK_MAX_MS 2000
#define ASK_IDLE   1000

struct asking {
    pthread_mutex_t mutex; /* guards `state`, `answer`, `why` */
    pthread_cond_t done;   /* state is not 1 any more */
    int state;             /* 1: under way; 0: answered; < 0: failed */
    struct po_translation answer;
    struct err why;

    atomic_int refs;
    atomic_bool abandoned; /* the application has let go */

    struct strlist urls;
    char *body;
    size_t n_asked;
    int64_t deadline_ms, request_ms, next_at_ms;
    size_t turn;    /* next url */
    size_t refused; /* in a row, by an answer that will not change */
    struct backoff backoff;
    struct http_call *call;
    struct err last; /* what the newest attempt said */
};

static void
release(struct asking *a)
{
    if (atomic_fetch_sub(&a->refs, 1) != 1)
        return;
    po_translation_fini(&a->answer);
    strlist_fini(&a->urls);
    free(a->body);
    pthread_mutex_destroy(&a->mutex);
    pthread_cond_destroy(&a->done);
    free(a);
}

static int
add_mappers(struct strlist *urls, const struct pt_answer *route,
            const char *source, const char *target)
{
    for (size_t i = 0; i < route->n_flows; i++) {
        const struct pt_flow *f = &route->flows[i];
        if (strcmp(f->source, source) != 0 || strcmp(f->target, target) != 0)
            continue;
        for (size_t m = 0; m < f->mappers.n; m++)
            if (!strlist_has(urls, f->mappers.v[m]) &&
                strlist_add(urls, f->mappers.v[m]) != 0)
                return ERR_NOMEM;
    }
    return 0;
}

static int
fill(struct asking *a, const struct po_question *q,
     const struct pt_answer *route, struct err *err)
{
    if (route && (add_mappers(&a->urls, route, q->from, q->to) != 0 ||
                  add_mappers(&a->urls, route, q->to, q->from) != 0))
        return err_nomem(err);
    if (a->urls.n == 0)
        return err_set(err, ERR_NOTFOUND,
                       "the route names no offset mapper for clusters %s and "
                       "%s: add \"mappers\" to the flow between them",
                       q->from, q->to);
    struct json_t *j = po_question_encode(q);
    a->body = j ? js_dump(j) : NULL;
    js_free(j);
    return a->body ? 0 : err_nomem(err);
}

int
asking_new(const struct po_question *q, const struct pt_answer *route,
           int64_t deadline_ms, int64_t request_ms, struct asking **out,
           struct err *err)
{
    struct asking *a = calloc(1, sizeof(*a));
    if (!a)
        return err_nomem(err);
    if (pthread_mutex_init(&a->mutex, NULL) != 0) {
        free(a);
        return err_nomem(err);
    }
    (void)pthread_cond_init(&a->done, NULL); /* cannot fail on Linux */
    atomic_init(&a->refs, 1);
    a->state = 1;
    a->deadline_ms = deadline_ms;
    a->request_ms = request_ms + q->wait_ms;
    a->n_asked = q->n;
    backoff_init(&a->backoff, ASK_MIN_MS, ASK_MAX_MS,
                 (uint64_t)clock_mono_us());
    const int rc = fill(a, q, route, err);
    if (rc) {
        release(a);
        return rc;
    }
    atomic_store(&a->refs, 2);
    *out = a;
    return 0;
}

static void
finish(struct asking *a, int state, struct po_translation *answer)
{
    pthread_mutex_lock(&a->mutex);
    if (a->state == 1) {
        a->state = state;
        a->why = a->last;
        if (answer) {
            a->answer = *answer;
            *answer = (struct po_translation){0};
        }
        pthread_cond_broadcast(&a->done);
    }
    pthread_mutex_unlock(&a->mutex);
}

static bool
finished(struct asking *a)
{
    pthread_mutex_lock(&a->mutex);
    const bool is = a->state != 1;
    pthread_mutex_unlock(&a->mutex);
    return is;
}

static const char *
url_of(const struct asking *a)
{
    return a->urls.v[a->turn % a->urls.n];
}

static int
decode(struct asking *a, const struct http_answer *http,
       struct po_translation *out)
{
    struct json_t *j = NULL;
    struct err why = {0};
    int rc = js_parse(http->body, http->len, &j, &why);
    if (!rc)
        rc = po_translation_decode(j, out, &why);
    js_free(j);
    if (!rc && out->n != a->n_asked) {
        rc = err_set(&why, ERR_CORRUPT, "%zu positions instead of %zu", out->n,
                     a->n_asked);
        po_translation_fini(out);
    }
    if (rc)
        rc = err_set(&a->last, rc, "offset mapper %s answered nonsense: %s",
                     url_of(a), why.text);
    return rc;
}

/* The message of {"error":{"message":..}}, or the whole body. */
static void
note_refusal(struct asking *a, const struct http_answer *http, int code)
{
    struct json_t *j = NULL;
    const char *text = http->body;
    if (js_parse(http->body, http->len, &j, NULL) == 0) {
        const struct json_t *e = js_any(j, "error");
        const char *message = e ? js_str(js_any(e, "message")) : NULL;
        text = message ? message : text;
    }
    (void)err_set(&a->last, code, "offset mapper %s answered %d: %s", url_of(a),
                  http->status, text);
    js_free(j);
}

/* Another mapper may know what this one does not; when all have refused, more
 * rounds would not help. */
static void
on_refusal(struct asking *a, const struct http_answer *http)
{
    const int code = http->status == 501 ? ERR_UNSUPPORTED : ERR_INVALID;
    note_refusal(a, http, code);
    if (++a->refused >= a->urls.n)
        finish(a, code, NULL);
}

static void
on_failure(struct asking *a, const struct http_answer *http)
{
    a->refused = 0;
    if (http->error)
        (void)err_set(&a->last, http->error, "%s", http->text);
    else
        note_refusal(a, http, ERR_UNAVAILABLE);
}

static void
on_answer(struct asking *a, const struct http_answer *http)
{
    struct po_translation t = {0};
    if (http->error || http->status >= 500) {
        if (http->status == 501)
            on_refusal(a, http);
        else
            on_failure(a, http);
    } else if (http->status != 200) {
        on_refusal(a, http);
    } else if (decode(a, http, &t) == 0) {
        finish(a, 0, &t);
    }
    po_translation_fini(&t);
}

static void
on_done(const struct http_answer *http, void *arg)
{
    struct asking *a = arg;
    a->call = NULL;
    if (http->error != ERR_CLOSED)
        on_answer(a, http);
    a->turn++;
    const bool round_over = a->turn % a->urls.n == 0;
    a->next_at_ms =
        clock_mono_ms() + (round_over ? backoff_next_ms(&a->backoff) : 0);
}

static void
start(struct asking *a, struct http_client *client, int64_t now_ms)
{
    char url[1024];
    const int64_t left_ms = a->deadline_ms - now_ms;
    (void)snprintf(url, sizeof(url), "%s/v1/translate", url_of(a));
    const struct http_call_conf conf = {
        .method = "POST",
        .url = url,
        .body = a->body,
        .timeout_ms = left_ms < a->request_ms ? left_ms : a->request_ms,
        .on_done = on_done,
        .arg = a,
    };
    if (http_call_start(client, &conf, &a->call, &a->last) != 0) {
        a->turn++;
        a->next_at_ms = now_ms + backoff_next_ms(&a->backoff);
    }
}

static void
give_up(struct asking *a)
{
    struct err why = a->last;
    (void)err_set(&a->last, ERR_TIMEOUT,
                  "no offset mapper answered in time%s%s",
                  *why.text ? "; the last one: " : "", why.text);
    finish(a, ERR_TIMEOUT, NULL);
}

bool
asking_step(struct asking *a, struct http_client *client)
{
    const int64_t now_ms = clock_mono_ms();
    if (!finished(a) && now_ms >= a->deadline_ms)
        give_up(a);
    if (finished(a) || atomic_load(&a->abandoned)) {
        if (a->call)
            http_call_cancel(a->call);
        return true;
    }
    if (!a->call && now_ms >= a->next_at_ms)
        start(a, client, now_ms);
    return false;
}

int64_t
asking_due_ms(const struct asking *a)
{
    const int64_t idle_ms = clock_mono_ms() + ASK_IDLE;
    const int64_t next_ms = a->call ? idle_ms : a->next_at_ms;
    return next_ms < a->deadline_ms ? next_ms : a->deadline_ms;
}

void
asking_drop(struct asking *a)
{
    if (a->call)
        http_call_cancel(a->call);
    (void)err_set(&a->last, ERR_CLOSED, "the client is being closed");
    finish(a, ERR_CLOSED, NULL);
    release(a);
}

int
asking_result(struct asking *a, struct po_translation *out, struct err *err)
{
    pthread_mutex_lock(&a->mutex);
    const int state = a->state;
    if (state == 0) {
        *out = a->answer;
        a->answer = (struct po_translation){0};
    } else if (state < 0 && err) {
        *err = a->why;
    }
    pthread_mutex_unlock(&a->mutex);
    return state;
}

int
asking_wait(struct asking *a, struct po_translation *out, struct err *err)
{
    pthread_mutex_lock(&a->mutex);
    while (a->state == 1)
        pthread_cond_wait(&a->done, &a->mutex);
    pthread_mutex_unlock(&a->mutex);
    return asking_result(a, out, err);
}

void
asking_free(struct asking *a)
{
    if (!a)
        return;
    atomic_store(&a->abandoned, true);
    release(a);
}
