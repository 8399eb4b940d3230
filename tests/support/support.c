/* See support.h. Test threads only; no state of its own. */
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/js.h"

void
tmpdir_make(struct tmpdir *dir)
{
    const char *under = getenv("TMPDIR");
    (void)snprintf(dir->path, sizeof(dir->path), "%s/shunt-test.XXXXXX",
                   under && *under ? under : "/tmp");
    if (!mkdtemp(dir->path))
        ck_abort_msg("cannot make %s: %s", dir->path, strerror(errno));
}

const char *
tmpdir_file(struct tmpdir *dir, const char *name)
{
    (void)snprintf(dir->file, sizeof(dir->file), "%s/%s", dir->path, name);
    return dir->file;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void
tmpdir_remove(struct tmpdir *dir)
{
    if (nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        ck_abort_msg("cannot remove %s: %s", dir->path, strerror(errno));
}

bool
wait_until(bool (*condition)(void *arg), void *arg, int64_t deadline_ms)
{
    const int64_t end_ms = clock_mono_ms() + deadline_ms;
    while (!condition(arg)) {
        if (clock_mono_ms() >= end_ms)
            return false;
        (void)poll(NULL, 0, 2); /* lets the others run */
    }
    return true;
}

int
free_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof(sa);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        ck_abort_msg("no free port: %s", strerror(errno));
    (void)close(fd); /* it only named the port */
    return ntohs(sa.sin_port);
}

char *
json_text(const char *text)
{
    char *copy = strdup(text);
    ck_assert_ptr_nonnull(copy);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    return copy;
}

struct json_t *
json_of(const char *text)
{
    char *copy = json_text(text);
    struct json_t *j = NULL;
    struct err err;
    ck_assert_msg(js_parse(copy, strlen(copy), &j, &err) == 0, "%s: %s", text,
                  err.text);
    free(copy);
    return j;
}
