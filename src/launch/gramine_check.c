/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine lacks to start enclaves of SGX, each with what to do. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "cmd/files.h"
#include "crypto/sign.h"
#include "launch/gramine.h"
#include "measure/sigstruct_make.h"
#include "package/gramine.h"

#define MAX_PEM ((size_t)16384)

struct checking {
    const struct mse_instance *i;
    mse_launch_say say;
    void *arg;
};

__attribute__((format(printf, 2, 3))) static void lacks(const struct checking *k, const char *form,
                                                        ...)
{
    char text[MSE_ERROR_TEXT_LEN];
    va_list args;
    va_start(args, form);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is begun in the line before */
    (void)vsnprintf(text, sizeof text, form, args);
    va_end(args);
    k->say(k->arg, text);
}

static void check_machine(const struct checking *k)
{
    if (access(MSE_SGX_DEVICE, R_OK | W_OK) != 0) {
        lacks(k,
              MSE_SGX_DEVICE ": %s; switch SGX on in the BIOS, and take Linux 5.11 or later "
                             "(a user that is not root: the group of the device)",
              strerror(errno));
    }
    if (access(MSE_AESM_SOCKET, R_OK | W_OK) != 0) {
        lacks(k, MSE_AESM_SOCKET ": %s; AESM (sgx-aesm-service) brings quotes", strerror(errno));
    }
}

static void check_loader(const struct checking *k)
{
    const char *path = mse_launch_option(k->i, MSE_GRAMINE_OPTION_LOADER);
    if (path[0] == '\0') {
        lacks(k, "gramine-sgx is not on the PATH; install Gramine 1.9, or name it with [node] "
                 "gramine_sgx");
    } else if (access(path, X_OK) != 0) {
        lacks(k, "[node] gramine_sgx, %.150s: %s", path, strerror(errno));
    }
}

static void check_part(const struct checking *k, const char *rootfs, const char *name)
{
    char *path = cli_join(rootfs, name);
    if (path != NULL && access(path, R_OK) != 0) {
        lacks(k, "[node] rootfs has no %s: %.150s: %s", name, path, strerror(errno));
    }
    free(path);
}

static void check_rootfs(const struct checking *k)
{
    struct stat sb;
    const char *rootfs = mse_launch_option(k->i, MSE_GRAMINE_OPTION_ROOTFS);
    if (rootfs[0] == '\0') {
        lacks(k, "[node] rootfs is missing: the folder with Gramine's libraries, mse-enclave and "
                 "what apps need");
    } else if (stat(rootfs, &sb) != 0 || !S_ISDIR(sb.st_mode)) {
        lacks(k, "[node] rootfs, %.150s, is no folder", rootfs);
    } else {
        check_part(k, rootfs, MSE_GRAMINE_LIBOS);
        check_part(k, rootfs, MSE_GRAMINE_RUNTIME);
    }
}

static void check_libpal(const struct checking *k)
{
    const char *path = mse_launch_option(k->i, MSE_GRAMINE_OPTION_LIBPAL);
    if (path[0] == '\0') {
        lacks(k, "[node] libpal is missing: Gramine's loader, sgx/libpal.so");
    } else if (access(path, R_OK) != 0) {
        lacks(k, "[node] libpal, %.150s: %s", path, strerror(errno));
    }
}

/* As it will be used. */
mse_status mse_gramine_signer(uint8_t mrsigner[32], const char *path, struct mse_error *err)
{
    struct cli_file pem = { 0 };
    struct mse_privkey *key = NULL;
    struct mse_sigstruct_params p = { .date = 0 };
    uint8_t sig[MSE_SIGSTRUCT_LEN];
    mse_sigstruct_gramine(&p);
    mse_status st = cli_file_read(&pem, path, MAX_PEM, err);
    st = st == MSE_OK ? mse_privkey_from_pem(&key, cli_file_view(&pem), err) : st;
    st = st == MSE_OK ? mse_sigstruct_sign(sig, mrsigner, &p, key, err) : st;
    mse_privkey_free(key);
    cli_file_wipe(&pem);
    return st;
}

static void check_signer(const struct checking *k)
{
    struct mse_error err = { 0 };
    uint8_t signer[32];
    const char *path = mse_launch_option(k->i, MSE_GRAMINE_OPTION_SIGNER);
    mse_status st = mse_gramine_signer(signer, path, &err);
    if (st != MSE_OK) {
        lacks(k, "signer_key signs no enclave of SGX: %.200s",
              err.text[0] != '\0' ? err.text : mse_status_text(st));
    }
}

/* A program may look at the name that it is started by: links stay. */
mse_status mse_gramine_find_loader(char **path, const char *option, struct mse_error *err)
{
    char here[PATH_MAX];
    char *found = NULL;
    if (*path == NULL) {
        found = cli_find_program("gramine-sgx");
    } else if (getcwd(here, sizeof here) != NULL) {
        found = cli_join(here, *path);
    }
    if (found == NULL || access(found, X_OK) != 0) {
        mse_status st = MSE_FAIL(err, MSE_ERR_NOT_FOUND, "gramine",
                                 "%.150s cannot be started: install Gramine 1.9, or name its "
                                 "program with %s",
                                 found == NULL ? "gramine-sgx" : found, option);
        free(found);
        return st;
    }
    free(*path);
    *path = found;
    return MSE_OK;
}

void mse_gramine_check(const struct mse_instance *i, mse_launch_say say, void *arg)
{
    const struct checking k = { i, say, arg };
    check_machine(&k);
    check_loader(&k);
    check_rootfs(&k);
    check_libpal(&k);
    check_signer(&k);
}
