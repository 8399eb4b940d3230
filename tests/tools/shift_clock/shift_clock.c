/*
 * To be preloaded (LD_PRELOAD): the wall clock of a program is off by as many
 * seconds as the file $SHIFT_CLOCK holds (8 bytes, int64_t, of this machine).
 * The file is mapped, so that a test moves the clock by writing to it.  The
 * monotonic clock is left alone, as it is when somebody sets the time.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_s;

__attribute__((constructor)) static void
map(void)
{
    const char *path = getenv("SHIFT_CLOCK");
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = mmap(NULL, sizeof(*shift_s), PROT_READ, MAP_SHARED, fd, 0);
    if (fd < 0 || at == MAP_FAILED) {
        (void)fprintf(stderr, "shift_clock: cannot map $SHIFT_CLOCK (%s)\n",
                      path ? path : "not set");
        abort();
    }
    (void)close(fd);
    shift_s = at;
}

static int
real_clock(clockid_t id, struct timespec *ts)
{
    return (int)syscall(SYS_clock_gettime, id, ts);
}

__attribute__((visibility("default"))) int
clock_gettime(clockid_t id, struct timespec *ts)
{
    const int rc = real_clock(id, ts);
    /* Other libraries may ask before ours is ready. */
    if (rc == 0 && shift_s &&
        (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ts->tv_sec += (time_t)*shift_s;
    return rc;
}

__attribute__((visibility("default"))) int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;
    (void)zone;
    const int rc = clock_gettime(CLOCK_REALTIME, &ts);
    *tv = (struct timeval){ts.tv_sec, ts.tv_nsec / 1000};
    return rc;
}

__attribute__((visibility("default"))) time_t
time(time_t *out)
{
    struct timespec ts;
    if (clock_gettime(CLOCK_REALTIME, &ts))
        return (time_t)-1;
    if (out)
        *out = ts.tv_sec;
    return ts.tv_sec;
}
