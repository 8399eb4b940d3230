/*
 * From a position to its answer: the way (path.h) in words and data, as one
 * view of the store has it.
 */
#ifndef SHUNT_OFFSET_ANSWER_H
#define SHUNT_OFFSET_ANSWER_H

#include "common/base/err.h"
#include "common/proto/offset.h"
#include "offset-mapper/config.h"
#include "offset-mapper/path.h"
#include "offset-mapper/store.h"

/* One question in one view, so that its answers fit each other. */
struct answering {
    struct path_env env;
    const char *from, *to;
    bool explain;
};

/* Fills everything of `t` but `asked`, which holds the question and has an
 * offset; what was there is freed.  `path` is what the answer is made of; it
 * may be NULL. */
MUST_CHECK int answer_one(const struct answering *a, struct po_translated *t,
                          struct path *path, struct err *err);

/* No answer, and the words why (taken). */
void answer_none_take(struct po_translated *t, char *reason);

#endif
