/*
 * Allocations that fail.  The objects under test call torture_malloc() and so
 * on instead of malloc(): the Makefile renames the symbols in a copy of
 * libshunt.a's object, so that only what is ours fails, never what is
 * librdkafka's, libcurl's or jansson's.
 *
 * A *site* is a place in the code that allocates, told by the two innermost
 * return addresses.  TORTURE_TELL=1 in the environment: each failure's
 * backtrace goes to stderr, for addr2line.  Any thread.
 */
#ifndef SHUNT_TESTS_TORTURE_H
#define SHUNT_TESTS_TORTURE_H

#include <stdint.h>

void torture_off(void);
/* From now on every site fails the first time that it is reached: each
 * allocation fails once, and a program that tries again gets further each
 * time. */
void torture_each_site(void);
/* One allocation fails: the n-th from now, from 1. */
void torture_nth(int64_t n);
/* So many of a thousand fail, by this seed. */
void torture_some(unsigned seed, unsigned per_mille);

int64_t torture_asked(void);  /* allocations since one of these was called */
int64_t torture_failed(void); /* of these */

#endif
