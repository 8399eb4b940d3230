/*
 * Questions under way: each is a small state machine on the loop, which asks
 * others for what it needs (a log's end, an offset at a time, records), waits
 * for records to arrive, and answers once.  A question that needs nothing is
 * answered before translator_ask_take() returns.
 *
 * Everything on the loop thread, except translator_changed().
 */
#ifndef SHUNT_OFFSET_TRANSLATE_H
#define SHUNT_OFFSET_TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/loop.h"
#include "common/proto/offset.h"
#include "offset-mapper/config.h"
#include "offset-mapper/content.h"
#include "offset-mapper/logs.h"
#include "offset-mapper/path.h"
#include "offset-mapper/store.h"

/* Questions that may wait at once, and positions in them. */
#define TRANSLATE_WAITING_MAX   10000
#define TRANSLATE_POSITIONS_MAX 100000
/* How long reading records for a position, or asking for a group, may take. */
#define TRANSLATE_CONTENT_MS 5000
/* And asking others for all positions of a question, unless wait_ms is more:
 * what is left then is answered as it is. */
#define TRANSLATE_ASKING_MS 30000

/* One whole question to everybody who may know; every `fn` is called once, on
 * `home`, perhaps at once.  A member that is NULL has no answer.  As in logs.h
 * and content.h. */
typedef void translate_log_fn(void *arg, const struct log_range *r,
                              const struct err *err);
typedef void translate_time_fn(void *arg, int64_t offset,
                               const struct err *err);
typedef void translate_group_fn(void *arg, const struct po_position *v,
                                size_t n, const struct err *err);

struct translate_asks {
    void *ctx;
    /* Without asking: of a partition that will be looked at again and again,
     * and of one that may not. */
    bool (*log_known)(void *ctx, const char *cluster, const char *topic,
                      int32_t partition, struct log_range *out);
    bool (*log_look)(void *ctx, const char *cluster, const char *topic,
                     int32_t partition, struct log_range *out);
    void (*log)(void *ctx, const struct content_place *at, struct loop *home,
                translate_log_fn *fn, void *arg);
    void (*log_at_time)(void *ctx, const struct content_place *at,
                        int64_t timestamp_ms, struct loop *home,
                        translate_time_fn *fn, void *arg);
    void (*prints)(void *ctx, const struct content_place *at, int64_t q,
                   size_t n, int64_t deadline_ms, struct loop *home,
                   content_window_fn *fn, void *arg);
    void (*find)(void *ctx, const struct content_place *at, int64_t low,
                 int64_t high, const struct po_print *prints, size_t n,
                 int64_t deadline_ms, struct loop *home, content_found_fn *fn,
                 void *arg);
    /* `v` is borrowed until fn returns. */
    void (*group)(void *ctx, const char *cluster, const char *group,
                  int64_t deadline_ms, struct loop *home,
                  translate_group_fn *fn, void *arg);
    /* Certain that nothing is copied any more. */
    bool (*flow_dead)(void *ctx, const struct flow *f);
    /* As in path.h. */
    bool (*flow_unread)(void *ctx, const struct flow *f);
};

struct translator;
struct translating;

/* `config` and `store` are borrowed until translator_free(); `asks` is copied,
 * what it asks must outlive it or have ended and be drained. */
MUST_CHECK int translator_new(struct loop *loop, const struct config *config,
                              struct store *store,
                              const struct translate_asks *asks,
                              struct translator **out, struct err *err);
/* What is still under way is answered with ERR_CLOSED. NULL allowed. */
void translator_free(struct translator *t);

/* Runs kept in the store have changed: a function for loop_post(). */
void translator_changed(void *translator);
/* Questions that wait for a record now. */
size_t translator_waiting(const struct translator *t);

/* Called once; `answer` is NULL when there is none, and `err` says why. Both
 * are borrowed until it returns. */
typedef void translate_fn(void *arg, const struct po_translation *answer,
                          const struct err *err);

/* `q` is taken: it is empty afterwards.  NULL: `fn` has been called already.
 * Otherwise valid until fn is called.  ERR_INVALID: see path_check(); ERR_BUSY:
 * too many wait; ERR_UNSUPPORTED: nobody is there to ask. */
struct translating *translator_ask_take(struct translator *t,
                                        struct po_question *q, translate_fn *fn,
                                        void *arg);
/* `fn` will not be called. */
void translating_cancel(struct translating *x);

#endif
