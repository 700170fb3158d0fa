/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime is given from outside and must not believe: the manifest, which the TEE
 * measured, and the code package, which the manifest pins. */
#ifndef ENCLAVE_LOAD_H
#define ENCLAVE_LOAD_H

#include "package/manifest.h"
#include "tee/driver.h"

/* The driver in use and its object; both borrowed. */
struct mse_enclave_tee {
    const struct mse_tee_ops *ops;
    struct mse_tee *t;
};

/* Reads the manifest from fd, compares its digest with the one that the TEE measured, parses it and
 * refuses what this version cannot do. Release *out with mse_manifest_clear. */
MSE_MUST_USE mse_status mse_enclave_load_manifest(struct mse_manifest *out, uint8_t out_digest[32],
                                                  int fd, const struct mse_enclave_tee *tee,
                                                  struct mse_error *err);

/* What this version cannot do, under a library OS or else: MSE_ERR_UNSUPPORTED or MSE_ERR_CONFIG,
 * with the field named. */
MSE_MUST_USE mse_status mse_enclave_check_supported(const struct mse_manifest *m, bool library_os,
                                                    mse_time now, struct mse_error *err);

/* The code as the launcher hands it over, and what is known of it; all borrowed. */
struct mse_code_package {
    int fd;                         /* read from its start if it has one that can be gone back to */
    const uint8_t *key;             /* the code key, 32 bytes; NULL: none has come */
    const uint8_t *manifest_digest; /* 32 bytes, of the manifest that was measured */
    bool in_place; /* no folder can be renamed here: the code is unpacked where it is to lie, and
                      what came of a failed attempt is removed */
};
/* mse_code_check_key reads the header and the first chunk only: whether the key is the right one,
 * before anything is stored. Errors as below. Nothing is kept. */
MSE_MUST_USE mse_status mse_code_check_key(const struct mse_code_package *p,
                                           const struct mse_manifest *m, struct mse_error *err);
/* mse_code_install puts the code at dir, which may be missing, empty, or hold older code: it is
 * unpacked beside it (dir + ".new", 0700; whatever stands there goes), compared with the manifest's
 * code_digest and renamed. dir holds the old code or the new at every moment. On failure dir is
 * untouched, and another attempt may follow. dir must lie in memory that is private to the enclave.
 * Errors: those of mse_package_unpack; MSE_ERR_PACKAGE_KEY also without a key;
 * MSE_ERR_CODE_MISMATCH. */
MSE_MUST_USE mse_status mse_code_install(const char *dir, const struct mse_code_package *p,
                                         const struct mse_manifest *m, struct mse_error *err);

#endif
