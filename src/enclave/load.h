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

/* What this version cannot do: MSE_ERR_UNSUPPORTED or MSE_ERR_CONFIG, with the field named. */
MSE_MUST_USE mse_status mse_enclave_check_supported(const struct mse_manifest *m, mse_time now,
                                                    struct mse_error *err);

/* Unpacks the package from fd into the empty folder dest and compares what then lies there with the
 * manifest's code_digest. On failure the caller removes dest. */
MSE_MUST_USE mse_status mse_enclave_unpack(int fd, const char *dest, const struct mse_manifest *m,
                                           const uint8_t manifest_digest[32],
                                           struct mse_error *err);

#endif
