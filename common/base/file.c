#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"

int
file_read(const char *path, size_t max, char **out, size_t *len,
          struct err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno,
                         "cannot open %s", path);
    struct buf b;
    buf_init(&b, max);
    int rc = 0;
    for (;;) {
        char chunk[16384];
        const ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = err_errno(err, ERR_IO, errno, "cannot read %s", path);
            goto out;
        }
        buf_append(&b, chunk, (size_t)n);
        if (buf_failed(&b)) {
            rc = err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path,
                         max);
            goto out;
        }
    }
    *len = b.len;
    *out = buf_take(&b);
    if (!*out)
        rc = err_nomem(err);
out:
    buf_fini(&b);
    (void)close(fd); /* only read */
    return rc;
}

static int
write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return fsync(fd);
}

static int
sync_folder_of(const char *path)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    const int n = slash ? (int)(slash - path) + 1 : 1;
    (void)snprintf(dir, sizeof(dir), "%.*s", n, slash ? path : ".");
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const int rc = fsync(fd);
    const int e = errno;
    (void)close(fd); /* only synced */
    errno = e;
    return rc;
}

int
file_sync_name(const char *path, struct err *err)
{
    return sync_folder_of(path) == 0
               ? 0
               : err_errno(err, ERR_IO, errno, "cannot sync the folder of %s",
                           path);
}

int
file_replace(const char *path, const void *data, size_t len, struct err *err)
{
    char tmp[4096];
    if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
        return err_set(err, ERR_IO, "path too long: %s", path);
    const int fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "cannot create %s", tmp);
    int failed = write_all(fd, data, len) != 0 ? errno : 0;
    if (close(fd) != 0 && !failed)
        failed = errno;
    if (failed) {
        (void)unlink(tmp); /* the error that counts is the first */
        return err_errno(err, ERR_IO, failed, "cannot write %s", tmp);
    }
    if (rename(tmp, path) != 0 || sync_folder_of(path) != 0) {
        const int e = errno;
        (void)unlink(tmp); /* gone already when only the sync failed */
        return err_errno(err, ERR_IO, e, "cannot replace %s", path);
    }
    return 0;
}

int
file_make_dir(const char *path, struct err *err)
{
    char part[4096];
    if (!*path || strlen(path) >= sizeof(part))
        return err_set(err, ERR_IO, "not a folder name: \"%s\"", path);
    (void)snprintf(part, sizeof(part), "%s", path);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        (void)mkdir(part, 0755); /* the last one tells */
        *p = '/';
    }
    struct stat st;
    if (mkdir(part, 0755) != 0 && errno != EEXIST)
        return err_errno(err, ERR_IO, errno, "cannot create folder %s", path);
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return err_set(err, ERR_IO, "%s is a file; name a folder", path);
    if (access(path, W_OK | X_OK) != 0)
        return err_errno(err, ERR_IO, errno,
                         "folder %s cannot be written; change its owner or "
                         "name another one",
                         path);
    return 0;
}
