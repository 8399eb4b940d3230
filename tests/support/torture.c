/* Owns the switch and the table of sites.  Lock-free, because any thread
 * allocates. */
#include "tests/support/torture.h"

#include <execinfo.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITES (1 << 14)

enum mode { OFF, EACH_SITE, NTH, SOME };

static _Atomic enum mode mode;
static _Atomic int64_t asked, failed, nth;
static _Atomic uint64_t random_state;
static _Atomic unsigned some;
static _Atomic uintptr_t sites[SITES];

void *torture_malloc(size_t size);
void *torture_calloc(size_t n, size_t size);
void *torture_realloc(void *p, size_t size);
void *torture_reallocarray(void *p, size_t n, size_t size);
char *torture_strdup(const char *s);
char *torture_strndup(const char *s, size_t n);
int torture_asprintf_chk(char **out, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
begin(enum mode m)
{
    atomic_store(&mode, OFF);
    atomic_store(&asked, 0);
    atomic_store(&failed, 0);
    for (size_t i = 0; i < SITES; i++)
        atomic_store(&sites[i], 0);
    atomic_store(&mode, m);
}

void
torture_off(void)
{
    atomic_store(&mode, OFF);
}

void
torture_each_site(void)
{
    begin(EACH_SITE);
}

void
torture_nth(int64_t n)
{
    atomic_store(&nth, n);
    begin(NTH);
}

void
torture_some(unsigned seed, unsigned per_mille)
{
    atomic_store(&random_state, seed);
    atomic_store(&some, per_mille);
    begin(SOME);
}

int64_t
torture_asked(void)
{
    return atomic_load(&asked);
}

int64_t
torture_failed(void)
{
    return atomic_load(&failed);
}

/* Is it the first time? */
static bool
is_new_site(uintptr_t where, uintptr_t from)
{
    const uintptr_t key = (where * 0x9e3779b97f4a7c15u) ^ from;
    for (size_t i = (key >> 20) % SITES;; i = (i + 1) % SITES) {
        uintptr_t empty = 0;
        if (atomic_compare_exchange_strong(&sites[i], &empty, key))
            return true;
        if (empty == key)
            return false;
    }
}

static bool
is_unlucky(void)
{
    const uint64_t r = atomic_fetch_add(&random_state, 0x9e3779b97f4a7c15u) + 1;
    const uint64_t mixed = (r ^ (r >> 31)) * 0xbf58476d1ce4e5b9u;
    return (mixed >> 33) % 1000 < atomic_load(&some);
}

static bool
decide(uintptr_t where, uintptr_t from)
{
    const enum mode m = atomic_load(&mode);
    if (m == OFF)
        return false;
    const int64_t n = atomic_fetch_add(&asked, 1) + 1;
    if (m == NTH)
        return n == atomic_load(&nth);
    return m == SOME ? is_unlucky() : is_new_site(where, from);
}

static void
tell(void)
{
    void *where[12];
    const int n = backtrace(where, 12);
    backtrace_symbols_fd(where + 3, n - 3, 2);
    (void)!write(2, "\n", 1);
}

static bool
fails(uintptr_t where, uintptr_t from)
{
    const bool yes = decide(where, from);
    if (!yes)
        return false;
    atomic_fetch_add(&failed, 1);
    if (getenv("TORTURE_TELL"))
        tell();
    return true;
}

/* Our objects keep frame pointers: {frame of the caller, return address}. */
static uintptr_t
second_return(const void *frame)
{
    const uintptr_t *here = frame;
    return ((const uintptr_t *)here[0])[1];
}

#define FAILS()                                                                \
    fails((uintptr_t)__builtin_return_address(0),                              \
          second_return(__builtin_frame_address(0)))

void *
torture_malloc(size_t size)
{
    return FAILS() ? NULL : malloc(size);
}

void *
torture_calloc(size_t n, size_t size)
{
    return FAILS() ? NULL : calloc(n, size);
}

void *
torture_realloc(void *p, size_t size)
{
    return FAILS() ? NULL : realloc(p, size);
}

void *
torture_reallocarray(void *p, size_t n, size_t size)
{
    return FAILS() ? NULL : reallocarray(p, n, size);
}

char *
torture_strdup(const char *s)
{
    return FAILS() ? NULL : strdup(s);
}

char *
torture_strndup(const char *s, size_t n)
{
    return FAILS() ? NULL : strndup(s, n);
}

int
torture_asprintf_chk(char **out, int flag, const char *format, ...)
{
    va_list ap;
    (void)flag;
    if (FAILS())
        return -1;
    va_start(ap, format);
    const int n = vasprintf(out, format, ap);
    va_end(ap);
    return n;
}
