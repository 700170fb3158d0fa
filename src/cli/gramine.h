/* SPDX-License-Identifier: Apache-2.0 */
/* The fingerprint of an app under Gramine: --libpal is its loader, --rootfs its rootfs, a folder or
 * the list of one. */
#ifndef CLI_GRAMINE_H
#define CLI_GRAMINE_H

#include "base/build.h"
#include "cli/app.h"

/* cli_gramine_manifest appends the .manifest.sgx for the manifest `text`, which may differ from
 * that of the context in code_digest alone. Errors: those of files and of mse_gramine_manifest. */
MSE_MUST_USE mse_status cli_gramine_manifest(struct mse_build *out, const struct cli *c,
                                             const struct cli_app *a, struct mse_bytes text,
                                             struct mse_error *err);
/* The digest of --libpal, where there is no context that names one. */
MSE_MUST_USE mse_status cli_gramine_loader(uint8_t sha256[32], const struct cli *c,
                                           struct mse_error *err);
/* cli_gramine_measure computes MRENCLAVE for that text. MSE_ERR_MANIFEST_MISMATCH: runtime, loader
 * or rootfs are not known ones, or not those of the context. */
MSE_MUST_USE mse_status cli_gramine_measure(uint8_t out[32], const struct cli *c,
                                            const struct cli_app *a, struct mse_bytes text,
                                            struct mse_error *err);

#endif
