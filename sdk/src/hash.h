/*
 * uthash for libshunt: a table that has no memory for one more element refuses
 * it instead of ending the program.  After any HASH_ADD: hash_has(element).
 */
#ifndef SHUNT_SDK_HASH_H
#define SHUNT_SDK_HASH_H

#ifdef UTHASH_H
#error "include sdk/src/hash.h instead of uthash.h"
#endif
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Was it added?  `element` points to a struct with the handle `hh`. */
#define hash_has(element) ((element)->hh.tbl != NULL)

#endif
