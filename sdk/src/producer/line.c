/*
 * Owns the list of open descriptors, under `mutex`.  A descriptor leaves the
 * list before it is closed, so a number that the process uses anew is never
 * shut down.  Connecting is done under the mutex too: shutdown() does nothing
 * to a socket that has not begun to.
 */
#include "sdk/src/producer/line.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void
line_init(struct line *l, const struct engine_net *net, void *arg)
{
    *l = (struct line){.net = net, .arg = arg};
    (void)pthread_mutex_init(&l->mutex, NULL); /* cannot fail on Linux */
}

void
line_fini(struct line *l)
{
    pthread_mutex_destroy(&l->mutex);
    free(l->fds);
}

void
line_cut(struct line *l)
{
    pthread_mutex_lock(&l->mutex);
    l->cut = true;
    for (size_t i = 0; i < l->n; i++)
        (void)shutdown(l->fds[i], SHUT_RDWR); /* not connected: no matter */
    pthread_mutex_unlock(&l->mutex);
}

size_t
line_open(struct line *l)
{
    pthread_mutex_lock(&l->mutex);
    const size_t n = l->n;
    pthread_mutex_unlock(&l->mutex);
    return n;
}

/* mutex held. */
static bool
note(struct line *l, int fd)
{
    if (l->n == l->size) {
        const size_t size = l->size ? 2 * l->size : 8;
        int *fds = reallocarray(l->fds, size, sizeof(*fds));
        if (!fds)
            return false;
        l->fds = fds;
        l->size = size;
    }
    l->fds[l->n++] = fd;
    return true;
}

static int
close_fd(const struct line *l, int fd)
{
    return l->net->closesocket ? l->net->closesocket(fd, l->arg) : close(fd);
}

int
line_socket(struct line *l, int domain, int type, int protocol)
{
    const int fd = l->net->socket
                       ? l->net->socket(domain, type, protocol, l->arg)
                       : socket(domain, type | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return -1;
    pthread_mutex_lock(&l->mutex);
    const bool cut = l->cut;
    const bool ok = !cut && note(l, fd);
    pthread_mutex_unlock(&l->mutex);
    if (ok)
        return fd;
    (void)close_fd(l, fd);
    errno = cut ? ECONNREFUSED : ENOMEM;
    return -1;
}

static int
begin(const struct line *l, int fd, const struct sockaddr *addr, int len,
      const char *id)
{
    if (l->net->connect)
        return l->net->connect(fd, addr, len, id, l->arg);
    return connect(fd, addr, (socklen_t)len) == 0 || errno == EINPROGRESS
               ? 0
               : errno;
}

int
line_connect(struct line *l, int fd, const struct sockaddr *addr, int len,
             const char *id)
{
    int rc = ECONNREFUSED;
    pthread_mutex_lock(&l->mutex);
    if (!l->cut)
        rc = begin(l, fd, addr, len, id);
    pthread_mutex_unlock(&l->mutex);
    return rc;
}

int
line_close(struct line *l, int fd)
{
    pthread_mutex_lock(&l->mutex);
    for (size_t i = 0; i < l->n; i++)
        if (l->fds[i] == fd) {
            l->fds[i] = l->fds[--l->n];
            break;
        }
    pthread_mutex_unlock(&l->mutex);
    return close_fd(l, fd);
}
