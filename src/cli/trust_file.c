/* SPDX-License-Identifier: Apache-2.0 */
/* The store of trust.h as a file: one writer at a time, readers see the old one or the new one. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/trust.h"
#include "cmd/files.h"

#define FILE_NAME "trust.toml"
#define LOCK_NAME "trust.lock"
#define LOCK_MS   30000U
#define POLL_MS   20U

static mse_status no_folder(struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "trust",
                    "no configuration folder: set MSE_CONF_PATH or HOME");
}

/* Whoever may write to it decides what the user trusts. */
static mse_status check_owner(const char *path, const char *wanted, struct mse_error *err)
{
    struct stat sb;
    if (stat(path, &sb) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "trust", "%.180s: %s", path, strerror(errno));
    }
    if ((sb.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "trust",
                        "%.150s can be written to by others (mode %03o, wanted %s)", path,
                        (unsigned)(sb.st_mode & 0777), wanted);
    }
    if (sb.st_uid != geteuid() && sb.st_uid != 0) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "trust", "%.150s is somebody else's %s", path,
                        S_ISDIR(sb.st_mode) ? "folder" : "file");
    }
    return MSE_OK;
}

/* Who may write to the folder can put another file in the place of the store, or take it away. */
static mse_status check_folder(const char *path, struct mse_error *err)
{
    char *folder = cli_folder_of(path);
    mse_status st = MSE_OK;
    if (folder == NULL) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, "trust", "out of memory");
    } else if (cli_file_exists(folder)) {
        st = check_owner(folder, "700", err);
    }
    free(folder);
    return st;
}

static mse_status load(struct mse_trust *out, const char *path, struct mse_error *err)
{
    struct cli_file f = { 0 };
    mse_status st = check_folder(path, err);
    if (st == MSE_OK && !cli_file_exists(path)) {
        *out = (struct mse_trust) { .apps = NULL };
        return MSE_OK;
    }
    st = st == MSE_OK ? check_owner(path, "600", err) : st;
    st = st == MSE_OK ? cli_file_read(&f, path, MSE_CONF_MAX_LEN, err) : st;
    st = st == MSE_OK ? mse_trust_parse(out, path, cli_file_view(&f), err) : st;
    cli_file_clear(&f);
    return st;
}

mse_status mse_trust_load(struct mse_trust *out, struct mse_error *err)
{
    char *path = cli_conf_path(FILE_NAME);
    mse_status st = path == NULL ? no_folder(err) : load(out, path, err);
    free(path);
    return st;
}

static mse_status take_lock(int *out, const char *path, struct mse_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "trust", "%.180s: %s", path, strerror(errno));
    }
    for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += POLL_MS) {
        struct timespec t = { .tv_nsec = (long)POLL_MS * 1000000 };
        if (waited >= LOCK_MS || (errno != EWOULDBLOCK && errno != EINTR)) {
            (void)close(fd);
            return MSE_FAIL(err, MSE_ERR_TIMEOUT, "trust",
                            "another mse has been changing the trust store for %u s",
                            LOCK_MS / 1000);
        }
        (void)nanosleep(&t, NULL);
    }
    *out = fd;
    return MSE_OK;
}

mse_status mse_trust_begin(struct mse_trust_edit *out, struct mse_error *err)
{
    struct mse_trust_edit e = { .lock_fd = -1 };
    char *path = cli_conf_path(LOCK_NAME);
    if (path == NULL) {
        return no_folder(err);
    }
    mse_status st = cli_make_parents(path, err);
    st = st == MSE_OK ? take_lock(&e.lock_fd, path, err) : st;
    st = st == MSE_OK ? mse_trust_load(&e.store, err) : st;
    free(path);
    if (st != MSE_OK) {
        mse_trust_end(&e);
        return st;
    }
    *out = e;
    return MSE_OK;
}

mse_status mse_trust_save(const struct mse_trust_edit *e, struct mse_error *err)
{
    struct mse_build text;
    char *path = cli_conf_path(FILE_NAME);
    mse_build_heap(&text, MSE_CONF_MAX_LEN);
    mse_trust_write(&text, &e->store);
    mse_status st = MSE_OK;
    if (path == NULL) {
        st = no_folder(err);
    } else if (!mse_build_ok(&text)) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, "trust", "the trust store is too large");
    } else {
        st = cli_file_write(path, mse_build_view(&text), 0600, err);
    }
    mse_build_clear(&text);
    free(path);
    return st;
}

void mse_trust_end(struct mse_trust_edit *e)
{
    mse_trust_clear(&e->store);
    if (e->lock_fd >= 0) {
        (void)close(e->lock_fd);
    }
    e->lock_fd = -1;
}

char *mse_trust_certificate_path(const char *domain, uint16_t port)
{
    char name[512];
    int n = port == 443 ? snprintf(name, sizeof name, "trust/%s.pem", domain)
                        : snprintf(name, sizeof name, "trust/%s_%u.pem", domain, port);
    if (n < 0 || (size_t)n >= sizeof name || strchr(domain, '/') != NULL) {
        return NULL;
    }
    for (char *p = name; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char)(*p - 'A' + 'a');
        }
    }
    return cli_conf_path(name);
}
