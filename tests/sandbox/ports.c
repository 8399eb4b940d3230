/*
 * Owns the getsockname() of this program.
 *
 * Why so: rd_kafka_mock.h has no way to choose ports, and users, files and
 * documents need known ones.  librdkafka binds a free port, asks which one it
 * got, and binds that one anew when the broker is taken down.  It calls through
 * the dynamic linker, which finds the definition in the executable first.  So a
 * known port never listens before the broker is taken up again: clients that
 * wait there can't have their topics made before ours.  Everybody else's calls
 * pass through untouched.
 */
#include "tests/sandbox/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local int next_port; /* 0: disarmed */

__attribute__((visibility("default"))) int
getsockname(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
    struct sockaddr_in in;
    const int rc = (int)syscall(SYS_getsockname, fd, addr.__sockaddr__, len);
    if (rc || next_port == 0 || *len != sizeof(in) ||
        addr.__sockaddr__->sa_family != AF_INET)
        return rc;
    memcpy(&in, addr.__sockaddr__, sizeof(in));
    in.sin_port = htons((in_port_t)next_port++);
    memcpy(addr.__sockaddr__, &in, sizeof(in));
    return 0;
}

void
ports_arm(int first)
{
    next_port = first;
}

void
ports_disarm(void)
{
    next_port = 0;
}

/* 0, or the errno of what could not be done. */
static int
try_listen(int port)
{
    const struct sockaddr_in in = {.sin_family = AF_INET,
                                   .sin_port = htons((in_port_t)port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int on = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    /* As the embedded broker does, so that both agree on what is free. */
    int bad = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
              bind(fd, (const struct sockaddr *)&in, sizeof(in)) ||
              listen(fd, 1);
    bad = bad ? errno : 0;
    (void)close(fd); /* nothing was written to it */
    return bad;
}

int
ports_check(int first, int count, struct err *err)
{
    for (int port = first; port < first + count; port++) {
        const int why = try_listen(port);
        if (why)
            return err_errno(err, ERR_BUSY, why,
                             "port %d on 127.0.0.1 can't be used; stop what "
                             "listens there (another shunt-sandbox?) or choose "
                             "others with --a.port and --b.port (0: any free)",
                             port);
    }
    return 0;
}
