/*
 * For programs, like xmem.h.  A daemon has no use for a half-built answer: what can only fail for want of
 * memory ends the process, as xmalloc does.
 */
#ifndef SHUNT_BASE_MUST_H
#define SHUNT_BASE_MUST_H

/* `rc` of a call that can only fail with ERR_NOMEM. */
void must(int rc);
/* The same for calls that return NULL. */
void *must_have(void *p) __attribute__((returns_nonnull));

#endif
