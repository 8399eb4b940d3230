/*
 * Owns the recvmsg() of this program.  Called by the embedded clusters'
 * threads, each with what it holds back itself.
 */
#include "tests/sandbox/syncs.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/cursor.h"

#define API_SYNC_GROUP 14

enum { PEEK_BYTES = 1024, SLOTS = 64 };

/* By descriptor; two that share a slot only shorten each other's wait. */
static _Thread_local struct {
    int32_t request; /* its correlation id */
    int64_t until_us;
} held[SLOTS];

static void
skip_string(struct reader *r)
{
    size_t len;
    (void)read_str(r, &len);
}

/* Reads to behind the correlation id, which is 0 for anything else. */
static int32_t
sync_group_of(struct reader *r, int16_t *version)
{
    (void)read_i32(r); /* size */
    const int16_t api = read_i16(r);
    *version = read_i16(r);
    const int32_t request = read_i32(r);
    return !r->failed && api == API_SYNC_GROUP ? request : 0;
}

bool
syncs_from_leader(const void *bytes, size_t len)
{
    int16_t version;
    struct reader r = reader_of(bytes, len);
    if (sync_group_of(&r, &version) == 0)
        return false;
    skip_string(&r);    /* client id */
    skip_string(&r);    /* group */
    (void)read_i32(&r); /* generation */
    skip_string(&r);    /* member */
    if (version >= 3 && r.left >= 2 && r.p[0] == 0xff)
        (void)read_i16(&r); /* instance id: null */
    else if (version >= 3)
        skip_string(&r);
    return read_i32(&r) > 0 && !r.failed;
}

static ssize_t
kernel_recvmsg(int fd, struct msghdr *msg, int flags)
{
    return syscall(SYS_recvmsg, fd, msg, flags);
}

/* Has to wait: a leader's SyncGroup that was not held back long enough. */
static bool
must_wait(int fd)
{
    char bytes[PEEK_BYTES];
    struct iovec iov = {bytes, sizeof(bytes)};
    struct msghdr peek = {.msg_iov = &iov, .msg_iovlen = 1};
    const ssize_t n = kernel_recvmsg(fd, &peek, MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0 || !syncs_from_leader(bytes, (size_t)n))
        return false;
    int16_t version;
    struct reader r = reader_of(bytes, (size_t)n);
    const int32_t request = sync_group_of(&r, &version);
    const size_t slot = (size_t)fd % SLOTS;
    const int64_t now_us = clock_mono_us();
    if (held[slot].request != request) {
        held[slot].request = request;
        held[slot].until_us = now_us + SYNCS_HOLD_MS * 1000;
    }
    if (now_us < held[slot].until_us)
        return true;
    held[slot].request = 0; /* descriptors and numbers are used again */
    return false;
}

__attribute__((visibility("default"))) ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
    if (must_wait(fd)) {
        errno = EAGAIN;
        return -1;
    }
    return kernel_recvmsg(fd, msg, flags);
}
