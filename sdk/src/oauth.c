/*
 * See oauth.h.  A token is kept for generations to come, so that a move does
 * not wait for the application.  Like librdkafka, another is asked for when
 * four fifths of its life are over.
 */
#include "sdk/src/oauth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sdk/src/consumer/generation.h"
#include "sdk/src/producer/producer_generation.h"
#include "sdk/src/tell.h"

static int64_t
wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- a token ------------------------------------------------------------ */

static void
token_fini(struct token *t)
{
    free(t->value);
    free(t->principal);
    strlist_fini(&t->extensions);
    *t = (struct token){0};
}

static int
token_make(struct token *t, const char *value, const char *principal,
           const char *const *extensions, size_t n)
{
    t->value = strdup(value);
    t->principal = strdup(principal);
    int rc = t->value && t->principal ? 0 : ERR_NOMEM;
    for (size_t i = 0; i < n && !rc; i++)
        rc = strlist_add(&t->extensions, extensions[i]);
    if (rc)
        token_fini(t);
    return rc;
}

/* False: there is none that is good, or no memory. */
static bool
token_copy(struct oauth *o, struct token *copy)
{
    const struct token *t = &o->token;
    int rc = ERR_INVALID;
    pthread_mutex_lock(&o->mutex);
    *copy = (struct token){.lifetime_ms = t->lifetime_ms};
    if (t->value && wall_ms() < t->renew_ms)
        rc = token_make(copy, t->value, t->principal,
                        (const char *const *)t->extensions.v, t->extensions.n);
    pthread_mutex_unlock(&o->mutex);
    return rc == 0;
}

int
oauth_init(struct oauth *o)
{
    *o = (struct oauth){0};
    return pthread_mutex_init(&o->mutex, NULL) == 0 ? 0 : ERR_NOMEM;
}

void
oauth_fini(struct oauth *o)
{
    token_fini(&o->token);
    pthread_mutex_destroy(&o->mutex);
}

/* ---- to generations ----------------------------------------------------- */

struct giving {
    const struct token *token;
    bool taken;               /* by one */
    rd_kafka_resp_err_t code; /* the first failure */
    char text[512];
};

static void
give(rd_kafka_t *rk, void *arg)
{
    struct giving *g = arg;
    const struct token *t = g->token;
    char text[sizeof(g->text)];
    const char **extensions = NULL;
    memcpy(&extensions, &t->extensions.v, sizeof(extensions));
    const rd_kafka_resp_err_t code = rd_kafka_oauthbearer_set_token(
        rk, t->value, t->lifetime_ms, t->principal, extensions, t->extensions.n,
        text, sizeof(text));
    g->taken = g->taken || !code;
    if (!code || g->code)
        return;
    g->code = code;
    (void)snprintf(g->text, sizeof(g->text), "%s", text);
}

struct each {
    void (*fn)(rd_kafka_t *rk, void *arg);
    void *arg;
};

static void
each_of_producer(struct gen *g, void *arg)
{
    const struct each *e = arg;
    e->fn(g->rk, e->arg);
}

static void
each_of_consumer(struct generation *g, void *arg)
{
    const struct each *e = arg;
    e->fn(g->rk, e->arg);
}

static void
each_generation(shunt_t *rk, void (*fn)(rd_kafka_t *rk, void *arg), void *arg)
{
    struct each e = {.fn = fn, .arg = arg};
    if (rk->producer)
        producer_each(rk->producer, each_of_producer, &e);
    else if (rk->consumer)
        consumer_each(rk->consumer, each_of_consumer, &e);
}

void
oauth_wanted(shunt_t *rk, rd_kafka_t *kafka, const char *config)
{
    struct token token;
    struct giving g = {.token = &token};
    if (!token_copy(&rk->oauth, &token)) {
        tell_take(rk, event_of_text(RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH,
                                    config));
        return;
    }
    if (kafka)
        give(kafka, &g);
    else
        each_generation(rk, give, &g);
    token_fini(&token);
}

/* ---- from the application ----------------------------------------------- */

static rd_kafka_resp_err_t
complain(char *errstr, size_t size, rd_kafka_resp_err_t code, const char *why)
{
    if (errstr && size > 0)
        (void)snprintf(errstr, size, "%s", why);
    return code;
}

/* For the generations to come. */
static void
keep_take(struct oauth *o, struct token *token)
{
    pthread_mutex_lock(&o->mutex);
    token_fini(&o->token);
    o->token = *token;
    pthread_mutex_unlock(&o->mutex);
}

rd_kafka_resp_err_t
shunt_oauthbearer_set_token(shunt_t *rk, const char *token_value,
                            int64_t md_lifetime_ms,
                            const char *md_principal_name,
                            const char **extensions, size_t extension_size,
                            char *errstr, size_t errstr_size)
{
    const int64_t now_ms = wall_ms();
    struct token token = {.lifetime_ms = md_lifetime_ms,
                          .renew_ms =
                              now_ms + (md_lifetime_ms - now_ms) / 5 * 4};
    struct giving g = {.token = &token};
    if (!token_value || !md_principal_name || extension_size % 2 != 0)
        return complain(errstr, errstr_size, RD_KAFKA_RESP_ERR__INVALID_ARG,
                        "a token, a principal and pairs of extensions are "
                        "needed");
    if (md_lifetime_ms <= now_ms)
        return complain(errstr, errstr_size, RD_KAFKA_RESP_ERR__INVALID_ARG,
                        "the token's life is over already");
    if (token_make(&token, token_value, md_principal_name, extensions,
                   extension_size) != 0)
        return complain(errstr, errstr_size, RD_KAFKA_RESP_ERR__FAIL,
                        "out of memory");
    each_generation(rk, give, &g);
    /* Others may want another mechanism, where a cluster is left or awaited. */
    if (!g.code || (g.taken && g.code == RD_KAFKA_RESP_ERR__STATE)) {
        keep_take(&rk->oauth, &token);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    token_fini(&token); /* another cluster would not take it either */
    return complain(errstr, errstr_size, g.code, g.text);
}

struct failing {
    const char *text;
    rd_kafka_resp_err_t code;
};

static void
fail(rd_kafka_t *rk, void *arg)
{
    struct failing *f = arg;
    const rd_kafka_resp_err_t code =
        rd_kafka_oauthbearer_set_token_failure(rk, f->text);
    if (code)
        f->code = code;
}

rd_kafka_resp_err_t
shunt_oauthbearer_set_token_failure(shunt_t *rk, const char *errstr)
{
    struct failing f = {.text = errstr};
    if (!errstr || !*errstr)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    each_generation(rk, fail, &f);
    return f.code;
}
