/*
 * One thread for work that takes its time; done in order of posting.  For
 * programs: out of memory ends the process (must.h).
 */
#ifndef SHUNT_BASE_BACKGROUND_H
#define SHUNT_BASE_BACKGROUND_H

#include "common/base/err.h"

struct background;

MUST_CHECK int background_start(struct background **out, struct err *err);
/* Any thread. */
void background_post(struct background *b, void (*fn)(void *arg), void *arg);
/* Does what was posted, ends the thread. */
void background_stop(struct background *b);
void background_free(struct background *b); /* stopped; NULL allowed */

#endif
