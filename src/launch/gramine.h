/* SPDX-License-Identifier: Apache-2.0 */
/* An instance's folder as Gramine wants it: what is measured and signed, and what lies beside.
 * docs/operations.md, "Apps in SGX enclaves" */
#ifndef LAUNCH_GRAMINE_H
#define LAUNCH_GRAMINE_H

#include "base/build.h"
#include "launch/launcher.h"
#include "package/manifest.h"

/* Options of the instance, all paths. */
#define MSE_GRAMINE_OPTION_ROOTFS "rootfs"      /* folder; manifests name its digest */
#define MSE_GRAMINE_OPTION_LIBPAL "libpal"      /* Gramine's loader, which is measured */
#define MSE_GRAMINE_OPTION_SIGNER "signer_key"  /* PEM, RSA-3072 with exponent 3 */
#define MSE_GRAMINE_OPTION_LOADER "gramine_sgx" /* the program that starts it */
/* In the folder: gramine-sgx is told this name. */
#define MSE_GRAMINE_NAME "app"

/* What is measured. Release with mse_build_clear also after failures. */
struct mse_gramine_made {
    struct mse_manifest manifest; /* as parsed; mse_manifest_clear */
    struct mse_build toml;        /* app.manifest.sgx */
    uint8_t mrenclave[32];
};
/* mse_gramine_make computes both from the instance's manifest and options, and writes nothing.
 * MSE_ERR_CONFIG: an option is missing; MSE_ERR_MANIFEST_MISMATCH: the rootfs is not the
 * manifest's; those of mse_gramine_manifest and mse_measure_gramine. Release with
 * mse_gramine_made_clear. */
MSE_MUST_USE mse_status mse_gramine_make(struct mse_gramine_made *out, const struct mse_instance *i,
                                         struct mse_bytes manifest, struct mse_error *err);
void mse_gramine_made_clear(struct mse_gramine_made *m);
/* mse_gramine_folder puts manifest, signature, rootfs (a link) and the folders of the two encrypted
 * mounts into the instance's folder. What an earlier life left in these is nobody's any more, but
 * for home where restart is "sealed". */
MSE_MUST_USE mse_status mse_gramine_folder(const struct mse_instance *i,
                                           const struct mse_gramine_made *m, struct mse_error *err);

/* mse_gramine_find_loader makes *path (heap) the absolute path of gramine-sgx: as it is, or, if it
 * is NULL, that on the PATH. option: what names another one, for the error. MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status mse_gramine_find_loader(char **path, const char *option,
                                                struct mse_error *err);
/* mse_gramine_signer gives MRSIGNER of enclaves that this key (PEM) signs, which it tries. */
MSE_MUST_USE mse_status mse_gramine_signer(uint8_t mrsigner[32], const char *path,
                                           struct mse_error *err);

/* As struct mse_launcher has it. */
#define MSE_SGX_DEVICE  "/dev/sgx_enclave"
#define MSE_AESM_SOCKET "/var/run/aesmd/aesm.socket"
void mse_gramine_check(const struct mse_instance *i, mse_launch_say say, void *arg);

#endif
