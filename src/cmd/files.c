/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"

static mse_status read_fd(struct cli_file *out, int fd, const char *path, size_t max,
                          struct mse_error *err)
{
    size_t cap = 65536;
    size_t len = 0;
    uint8_t *data = malloc(cap + 1);
    ssize_t n = 1;
    if (data == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "file", "out of memory");
    }
    while (n > 0 && len <= max) {
        if (len == cap) {
            uint8_t *wider = realloc(data, cap * 2 + 1);
            if (wider == NULL) {
                break;
            }
            data = wider;
            cap *= 2;
        }
        n = read(fd, data + len, cap - len);
        n = n < 0 && errno == EINTR ? 1 : n; /* once more */
        len += n > 0 ? (size_t)n : 0;
    }
    if (n != 0) {
        mse_status st = n < 0 ? MSE_ERR_IO : MSE_ERR_NO_SPACE;
        free(data);
        return MSE_FAIL(err, st, "file", "%.180s: %s", path,
                        n < 0 ? strerror(errno) : "longer than any such file may be");
    }
    data[len] = '\0';
    out->data = data;
    out->len = len;
    return MSE_OK;
}

mse_status cli_file_read(struct cli_file *out, const char *path, size_t max, struct mse_error *err)
{
    if (strcmp(path, "-") == 0) {
        return read_fd(out, STDIN_FILENO, "standard input", max, err);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat sb;
    if (fd < 0) {
        return MSE_FAIL(err, errno == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, "file", "%.180s: %s",
                        path, strerror(errno));
    }
    mse_status st = MSE_OK;
    if (fstat(fd, &sb) == 0 && S_ISDIR(sb.st_mode)) {
        st = MSE_FAIL(err, MSE_ERR_IO, "file", "%.180s is a folder, wanted a file", path);
    } else {
        st = read_fd(out, fd, path, max, err);
    }
    (void)close(fd);
    return st;
}

void cli_file_clear(struct cli_file *f)
{
    free(f->data);
    f->data = NULL;
    f->len = 0;
}

void cli_file_wipe(struct cli_file *f)
{
    if (f->data != NULL) {
        mse_wipe(f->data, f->len);
    }
    cli_file_clear(f);
}

struct mse_bytes cli_file_view(const struct cli_file *f)
{
    return mse_bytes_of(f->data, f->len);
}

static void sync_folder(const char *path)
{
    char *dir = cli_folder_of(path);
    int fd = dir == NULL ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
    free(dir);
}

/* fd is that of temp, and closed here. */
static mse_status replace(const char *path, const char *temp, int fd, struct mse_bytes content,
                          unsigned mode, struct mse_error *err)
{
    mse_status st = MSE_OK;
    bool good = fd >= 0 && mse_io_write(fd, content) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && good) {
        good = false;
        why = errno;
    }
    if (good && rename(temp, path) != 0) {
        good = false;
        why = errno;
    }
    if (!good) {
        if (fd >= 0) {
            (void)unlink(temp);
        }
        st =
            MSE_FAIL(err, MSE_ERR_IO, "file", "%.180s: cannot be written: %s", path, strerror(why));
    } else {
        sync_folder(path);
    }
    return st;
}

mse_status cli_file_write(const char *path, struct mse_bytes content, unsigned mode,
                          struct mse_error *err)
{
    char *temp = NULL;
    if (asprintf(&temp, "%s.XXXXXX", path) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "file", "out of memory");
    }
    mse_status st = replace(path, temp, mkostemp(temp, O_CLOEXEC), content, mode, err);
    free(temp);
    return st;
}

mse_status cli_file_write_via(const char *path, const char *temp, struct mse_bytes content,
                              unsigned mode, struct mse_error *err)
{
    (void)unlink(temp);
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return replace(path, temp, fd, content, mode, err);
}

bool cli_file_exists(const char *path)
{
    struct stat sb;
    return stat(path, &sb) == 0;
}

const char *cli_environment(const char *name)
{
    const char *v = getenv(name); /* NOLINT(concurrency-mt-unsafe): one thread, never changed */
    return v != NULL && v[0] != '\0' ? v : NULL;
}

char *cli_conf_path(const char *name)
{
    char *path = NULL;
    int n = -1;
    if (cli_environment("MSE_CONF_PATH") != NULL) {
        n = asprintf(&path, "%s/%s", cli_environment("MSE_CONF_PATH"), name);
    } else if (cli_environment("XDG_CONFIG_HOME") != NULL) {
        n = asprintf(&path, "%s/mse/%s", cli_environment("XDG_CONFIG_HOME"), name);
    } else if (cli_environment("HOME") != NULL) {
        n = asprintf(&path, "%s/.config/mse/%s", cli_environment("HOME"), name);
    }
    return n < 0 ? NULL : path;
}

mse_status cli_make_parents(const char *path, struct mse_error *err)
{
    char *copy = strdup(path);
    if (copy == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "file", "out of memory");
    }
    mse_status st = MSE_OK;
    for (char *p = copy + 1; st == MSE_OK && (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
            st = MSE_FAIL(err, MSE_ERR_IO, "file", "%.180s: %s", copy, strerror(errno));
        }
        *p = '/';
    }
    free(copy);
    return st;
}

char *cli_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return strdup(".");
    }
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

char *cli_join(const char *dir, const char *name)
{
    char *path = NULL;
    if (name[0] == '/') {
        return strdup(name);
    }
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static char *own_folder(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) {
        return NULL;
    }
    path[n] = '\0';
    return cli_folder_of(path);
}

char *cli_find_beside(const char *const *places, size_t num, const char *installed)
{
    char *dir = own_folder();
    char *found = NULL;
    for (size_t i = 0; dir != NULL && found == NULL && i < num; i++) {
        found = cli_join(dir, places[i]);
        if (found != NULL && access(found, R_OK) != 0) {
            free(found);
            found = NULL;
        }
    }
    free(dir);
    if (found == NULL && access(installed, R_OK) == 0) {
        found = strdup(installed);
    }
    return found;
}

char *cli_find_program(const char *name)
{
    const char *at = cli_environment("PATH");
    while (at != NULL && *at != '\0') {
        char *path = NULL;
        size_t len = strcspn(at, ":");
        if (at[0] == '/' && asprintf(&path, "%.*s/%s", (int)len, at, name) < 0) {
            return NULL;
        }
        if (path != NULL && access(path, X_OK) == 0) {
            return path;
        }
        free(path);
        at += len + (at[len] == ':' ? 1 : 0);
    }
    return NULL;
}

int cli_lock_wait(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int got = fd < 0 ? -1 : flock(fd, LOCK_EX);
    while (fd >= 0 && got != 0 && errno == EINTR) {
        got = flock(fd, LOCK_EX);
    }
    if (fd >= 0 && got != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}
