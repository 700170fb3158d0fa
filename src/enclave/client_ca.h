/* SPDX-License-Identifier: Apache-2.0 */
/* The CA that the clients of an app are certified by. */
#ifndef ENCLAVE_CLIENT_CA_H
#define ENCLAVE_CLIENT_CA_H

#include "package/manifest.h"

/* mse_client_ca_take appends the certificate (DER) that the launcher gave in hexadecimal digits
 * (NULL: none) to out, if it is the one whose SHA-256 the manifest has; nothing where the manifest
 * has none. MSE_ERR_CONFIG (needed and missing, or there and not needed), MSE_ERR_MALFORMED,
 * MSE_ERR_MANIFEST_MISMATCH. */
MSE_MUST_USE mse_status mse_client_ca_take(struct mse_build *out, const char *hex,
                                           const struct mse_manifest *m, struct mse_error *err);
/* The same from a file, where a library OS starts the runtime. MSE_ERR_CONFIG: it is missing;
 * MSE_ERR_MANIFEST_MISMATCH. */
MSE_MUST_USE mse_status mse_client_ca_file(struct mse_build *out, const char *path,
                                           const struct mse_manifest *m, struct mse_error *err);

#endif
