/* SPDX-License-Identifier: Apache-2.0 */
/* See library_os.h. */
#include "enclave/library_os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/seal.h"
#include "os/dir_file.h"

#define STEP     "start"
#define MANIFEST "/mse/manifest.json"
#define PACKAGE  "/mse/package"
#define BACKLOG  1024
#define MARK     "mark"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* The length of the address, 0 if the text is none. */
static socklen_t parse_address(union address *out, const char *where)
{
    char host[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(where, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - where);
    uint64_t port = 0;
    if (len == 0 || len >= sizeof host ||
        !mse_u64_parse(&port, mse_bytes_str(colon + 1), UINT16_MAX) || port == 0) {
        return 0;
    }
    memcpy(host, where, len);
    host[len] = '\0';
    memset(out, 0, sizeof *out);
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host + 1, &out->v6.sin6_addr) == 1 ? sizeof out->v6 : 0;
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1 ? sizeof out->v4 : 0;
}

static mse_status listen_at(int *out, const char *where, struct mse_error *err)
{
    union address a;
    int one = 1;
    socklen_t len = where == NULL ? 0 : parse_address(&a, where);
    if (len == 0) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STEP,
                        MSE_LIBRARY_OS_LISTEN " is %.60s, wanted an address and a port as "
                                              "0.0.0.0:443 or [::]:443",
                        where == NULL ? "not set" : where);
    }
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, &a.any, len) != 0 || listen(fd, BACKLOG) != 0) {
        mse_status st = MSE_FAIL(err, MSE_ERR_IO, STEP, "%.60s: %s", where, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return st;
    }
    *out = fd;
    return MSE_OK;
}

static mse_status open_file(int *out, const char *path, struct mse_error *err)
{
    *out = open(path, O_RDONLY | O_CLOEXEC);
    return *out >= 0 ? MSE_OK : MSE_FAIL(err, MSE_ERR_IO, STEP, "%s: %s", path, strerror(errno));
}

mse_status mse_library_os_open(struct mse_library_os_fds *out, const char *where,
                               struct mse_error *err)
{
    struct mse_library_os_fds f = { -1, -1, -1, -1 };
    mse_status st = open_file(&f.manifest_fd, MANIFEST, err);
    st = st == MSE_OK ? open_file(&f.package_fd, PACKAGE, err) : st;
    st = st == MSE_OK ? listen_at(&f.listen_fd, where, err) : st;
    if (st == MSE_OK) {
        f.state_fd = open(MSE_LIBRARY_OS_STATE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *out = f;
        return st;
    }
    const int opened[] = { f.manifest_fd, f.package_fd };
    for (size_t i = 0; i < MSE_ARRAY_LEN(opened); i++) {
        if (opened[i] >= 0) {
            (void)close(opened[i]);
        }
    }
    return st;
}

static mse_status make_key(uint8_t key[16], const uint8_t *root)
{
    static const struct mse_bytes none = { 0 };
    return root == NULL ? mse_random(key, 16)
                        : mse_hkdf_sha256(key, 16, mse_bytes_of(root, 32), none,
                                          mse_bytes_str("mse library os home v1"));
}

mse_status mse_library_os_keys(const struct mse_enclave_tee *tee, const uint8_t *root,
                               struct mse_error *err)
{
    const struct {
        const char *name;
        const uint8_t *root;
    } keys[] = { { "mse_home", root }, { "mse_run", NULL } };
    uint8_t key[16];
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(keys); i++) {
        st = make_key(key, keys[i].root) == MSE_OK
                 ? tee->ops->file_key(tee->t, keys[i].name, key, err)
                 : MSE_FAIL(err, MSE_ERR_CRYPTO, STEP, "no key for an encrypted mount");
    }
    mse_wipe(key, sizeof key);
    return st;
}

/* ---- what the app keeps ---- */

mse_status mse_library_os_home(char out[MSE_LIBRARY_OS_PATH_LEN], const uint8_t root[32])
{
    uint8_t id[MSE_SEAL_ID_LEN];
    char hex[2 * MSE_SEAL_ID_LEN + 1];
    mse_status st = mse_seal_id(id, root);
    mse_hex_encode(hex, mse_bytes_of(id, sizeof id));
    int n = snprintf(out, MSE_LIBRARY_OS_PATH_LEN, MSE_LIBRARY_OS_HOME "/store-%s", hex);
    MSE_ASSERT(n > 0 && n < MSE_LIBRARY_OS_PATH_LEN);
    return st;
}

/* Its own path, in a file of its own, which only the right key opens. */
static bool write_mark(int dir_fd, const char *path)
{
    struct mse_bytes text = mse_bytes_str(path);
    return mse_dir_file_replace(dir_fd, MARK, text, NULL) == MSE_OK;
}

static const char *const home_folders[] = { "home", "keys" };

mse_status mse_library_os_home_make(const char *path, struct mse_error *err)
{
    bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
    int fd = ok ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    ok = fd >= 0;
    for (size_t i = 0; ok && i < MSE_ARRAY_LEN(home_folders); i++) {
        ok = mkdirat(fd, home_folders[i], 0700) == 0 || errno == EEXIST;
    }
    ok = ok && write_mark(fd, path);
    int e = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok ? MSE_OK : MSE_FAIL(err, MSE_ERR_IO, "storage", "%s: %s", path, strerror(e));
}

static mse_status check_mark(int dir_fd, const char *path)
{
    uint8_t seen[MSE_LIBRARY_OS_PATH_LEN];
    struct mse_build b;
    mse_build_fixed(&b, seen, sizeof seen);
    mse_status st = mse_dir_file_read(&b, dir_fd, MARK, NULL);
    if (st == MSE_ERR_NOT_FOUND) {
        return MSE_ERR_STORAGE_MISSING;
    }
    return st == MSE_OK && mse_bytes_is_str(mse_build_view(&b), path) ? MSE_OK
                                                                      : MSE_ERR_STORAGE_DAMAGED;
}

mse_status mse_library_os_home_check(const char *path, struct mse_error *err)
{
    struct stat seen;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mse_status st = fd < 0 ? MSE_ERR_STORAGE_MISSING : check_mark(fd, path);
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(home_folders); i++) {
        bool there = fstatat(fd, home_folders[i], &seen, AT_SYMLINK_NOFOLLOW) == 0;
        st = there && S_ISDIR(seen.st_mode) ? MSE_OK : MSE_ERR_STORAGE_MISSING;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, "storage", "%s: %s", path, mse_status_text(st));
}
