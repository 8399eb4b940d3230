/*
 * Which flow answers a question, in which direction, and what its runs say.
 */
#ifndef SHUNT_OFFSET_ANSWER_H
#define SHUNT_OFFSET_ANSWER_H

#include "common/base/err.h"
#include "common/proto/offset.h"
#include "offset-mapper/config.h"
#include "offset-mapper/store.h"

/* ERR_INVALID: unknown cluster. ERR_UNSUPPORTED: no single flow joins them.
 * `out` is to be freed with po_translation_fini(); nothing when it failed. */
MUST_CHECK int answer_question(const struct config *config, struct store *store,
                               const struct po_question *q,
                               struct po_translation *out, struct err *err);

#endif
