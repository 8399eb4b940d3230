/*
 * Owns one connection, kept open.  Blocking reads: there is one request at a
 * time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/strs.h"
#include "tests/tools/bare_store/bare_store.h"

#define LINES     16
#define MAX_BYTES ((size_t)16 << 20)

static struct buf requests[LINES];

static size_t
read_requests(const char *file, const char *path)
{
    size_t n = 0;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    FILE *f = fopen(file, "r");
    if (!f)
        die("%s: %s", file, strerror(errno));
    while (n < LINES && (len = getline(&line, &cap, f)) > 1) {
        buf_init(&requests[n], MAX_BYTES);
        put_request(&requests[n++], path, line);
    }
    free(line);
    (void)fclose(f); /* only read */
    if (n == 0)
        die("%s is empty", file);
    return n;
}

static void
ask(int fd, const struct buf *request, struct buf *answer)
{
    static char piece[65536];
    buf_reset(answer);
    send_all(fd, request->data, request->len);
    while (!answer_is_whole(answer)) {
        const ssize_t got = read(fd, piece, sizeof(piece));
        if (got <= 0)
            die("no answer: %s", got ? strerror(errno) : "closed");
        buf_append(answer, piece, (size_t)got);
        if (buf_failed(answer))
            die("the answer is too long");
    }
    if (!str_starts_with(answer->data, "HTTP/1.1 200"))
        die("refused: %.500s", answer->data);
}

void
time_post(const char *address, const char *path, const char *file, size_t n,
          int64_t *us)
{
    struct buf answer;
    const size_t n_lines = read_requests(file, path);
    const struct sockaddr_in to = address_of(address);
    const int fd = connect_to(&to, NULL);
    buf_init(&answer, MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        const int64_t from = clock_mono_us();
        ask(fd, &requests[i % n_lines], &answer);
        us[i] = clock_mono_us() - from;
    }
    (void)close(fd); /* nothing is under way */
    buf_fini(&answer);
    for (size_t i = 0; i < n_lines; i++)
        buf_fini(&requests[i]);
}
