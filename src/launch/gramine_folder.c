/* SPDX-License-Identifier: Apache-2.0 */
/* See gramine.h. All of it is made anew at each start: it follows from the manifest, the rootfs and
 * the loader, and is what verifiers compute. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/sign.h"
#include "launch/gramine.h"
#include "measure/sigstruct_make.h"
#include "os/private_dir.h"
#include "package/gramine.h"
#include "package/owner_chain.h"

#define STEP       "gramine"
#define MAX_LIBPAL ((size_t)256 * 1024 * 1024)
#define MAX_PEM    ((size_t)16384)
#define TOML       MSE_GRAMINE_NAME ".manifest.sgx"
#define SIGSTRUCT  MSE_GRAMINE_NAME ".sig"
#define ROOTFS     "rootfs"
#define CLIENT_CA  "client-ca.der"
#define HOME       "home"
#define RUN        "run"

static mse_status need(const char **out, const struct mse_instance *i, const char *option,
                       struct mse_error *err)
{
    *out = mse_launch_option(i, option);
    return (*out)[0] != '\0' ? MSE_OK
                             : MSE_FAIL(err, MSE_ERR_CONFIG, STEP,
                                        "enclaves of SGX need %s, which is not named", option);
}

/* ---- what is measured ---- */

static mse_status make_toml(struct mse_gramine_made *m, const char *rootfs, struct mse_bytes text,
                            struct mse_error *err)
{
    struct mse_build list;
    mse_build_heap(&list, MSE_ROOTFS_MAX_LEN);
    mse_status st = mse_rootfs_list(&list, rootfs, err);
    st = st == MSE_OK
             ? mse_gramine_manifest(&m->toml, &m->manifest, text, mse_build_view(&list), err)
             : st;
    mse_build_clear(&list);
    return st;
}

mse_status mse_gramine_make(struct mse_gramine_made *out, const struct mse_instance *i,
                            struct mse_bytes manifest, struct mse_error *err)
{
    struct cli_file libpal = { 0 };
    const char *rootfs = NULL;
    const char *loader = NULL;
    *out = (struct mse_gramine_made) { .mrenclave = { 0 } };
    mse_build_heap(&out->toml, MSE_GRAMINE_MANIFEST_MAX);
    mse_status st = need(&rootfs, i, MSE_GRAMINE_OPTION_ROOTFS, err);
    st = st == MSE_OK ? need(&loader, i, MSE_GRAMINE_OPTION_LIBPAL, err) : st;
    st = st == MSE_OK ? mse_manifest_parse(&out->manifest, manifest, err) : st;
    st = st == MSE_OK ? make_toml(out, rootfs, manifest, err) : st;
    st = st == MSE_OK ? cli_file_read(&libpal, loader, MAX_LIBPAL, err) : st;
    st = st == MSE_OK ? mse_measure_gramine(out->mrenclave, cli_file_view(&libpal),
                                            mse_build_view(&out->toml), err)
                      : st;
    cli_file_clear(&libpal);
    return st;
}

void mse_gramine_made_clear(struct mse_gramine_made *m)
{
    mse_manifest_clear(&m->manifest);
    mse_build_clear(&m->toml);
}

/* ---- the folder ---- */

static mse_status sign(uint8_t out[MSE_SIGSTRUCT_LEN], const struct mse_instance *i,
                       const struct mse_gramine_made *m, struct mse_error *err)
{
    struct cli_file pem = { 0 };
    struct mse_privkey *key = NULL;
    struct mse_sigstruct_params p = { .date = (mse_time)time(NULL) };
    uint8_t mrsigner[32];
    const char *path = NULL;
    mse_sigstruct_gramine(&p);
    memcpy(p.enclave_hash, m->mrenclave, sizeof p.enclave_hash);
    mse_status st = need(&path, i, MSE_GRAMINE_OPTION_SIGNER, err);
    st = st == MSE_OK ? cli_file_read(&pem, path, MAX_PEM, err) : st;
    st = st == MSE_OK ? mse_privkey_from_pem(&key, cli_file_view(&pem), err) : st;
    st = st == MSE_OK ? mse_sigstruct_sign(out, mrsigner, &p, key, err) : st;
    mse_privkey_free(key);
    cli_file_wipe(&pem);
    return st;
}

static mse_status put(const struct mse_instance *i, const char *name, struct mse_bytes content,
                      struct mse_error *err)
{
    char *path = cli_join(i->dir, name);
    mse_status st = path == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory")
                                 : cli_file_write(path, content, 0600, err);
    free(path);
    return st;
}

static mse_status put_link(const struct mse_instance *i, struct mse_error *err)
{
    const char *to = mse_launch_option(i, MSE_GRAMINE_OPTION_ROOTFS);
    char *real = realpath(to, NULL);
    char *path = cli_join(i->dir, ROOTFS);
    bool good = real != NULL && path != NULL && (unlink(path) == 0 || errno == ENOENT) &&
                symlink(real, path) == 0;
    mse_status st =
        good ? MSE_OK
             : MSE_FAIL(err, MSE_ERR_IO, STEP, "the link to %.180s: %s", to, strerror(errno));
    free(real);
    free(path);
    return st;
}

static mse_status put_folder(const struct mse_instance *i, const char *name, bool keep,
                             struct mse_error *err)
{
    struct stat sb;
    char *path = cli_join(i->dir, name);
    bool there = path != NULL && lstat(path, &sb) == 0;
    mse_status st = MSE_OK;
    if (there && !(keep && S_ISDIR(sb.st_mode))) {
        there = !mse_tree_remove(path);
    }
    if (path == NULL || (there && !keep) || (!there && mkdir(path, 0700) != 0 && errno != EEXIST)) {
        st = MSE_FAIL(err, MSE_ERR_IO, STEP, "%.100s/%s cannot be made empty: %s", i->dir, name,
                      strerror(errno));
    }
    free(path);
    return st;
}

/* Of the instance's clients, as the runtime reads it there. */
static mse_status put_client_ca(const struct mse_instance *i, struct mse_error *err)
{
    struct cli_file pem = { 0 };
    struct mse_error missing = { 0 };
    struct mse_build der;
    uint8_t sha256[32];
    char *path = cli_join(i->dir, MSE_INSTANCE_CLIENT_CA);
    mse_build_heap(&der, MSE_OWNER_CHAIN_MAX);
    mse_status st =
        path == NULL ? MSE_ERR_MEMORY : cli_file_read(&pem, path, MSE_OWNER_CHAIN_MAX, &missing);
    free(path);
    if (st == MSE_OK) {
        st = mse_client_ca_read(sha256, &der, cli_file_view(&pem), err);
        st = st == MSE_OK ? put(i, CLIENT_CA, mse_build_view(&der), err) : st;
    } else if (st == MSE_ERR_NOT_FOUND) {
        st = MSE_OK; /* the enclave refuses if its manifest names one */
    } else {
        st = MSE_FAIL(err, st, STEP, "%.200s", missing.text);
    }
    cli_file_clear(&pem);
    mse_build_clear(&der);
    return st;
}

mse_status mse_gramine_folder(const struct mse_instance *i, const struct mse_gramine_made *m,
                              struct mse_error *err)
{
    uint8_t sig[MSE_SIGSTRUCT_LEN];
    bool sealed = m->manifest.restart == MSE_RESTART_SEALED;
    mse_status st = sign(sig, i, m, err);
    st = st == MSE_OK ? put(i, TOML, mse_build_view(&m->toml), err) : st;
    st = st == MSE_OK ? put(i, SIGSTRUCT, mse_bytes_of(sig, sizeof sig), err) : st;
    st = st == MSE_OK ? put_client_ca(i, err) : st;
    st = st == MSE_OK ? put_link(i, err) : st;
    st = st == MSE_OK ? put_folder(i, HOME, sealed, err) : st;
    return st == MSE_OK ? put_folder(i, RUN, false, err) : st;
}
