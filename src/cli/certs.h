/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as files, with the CA that profile R2 has. */
#ifndef CLI_CERTS_H
#define CLI_CERTS_H

#include "base/build.h"

#include <mse/ratls.h>

/* cli_has_ca: whether the evidence of a verified certificate names a CA. */
MSE_MUST_USE bool cli_has_ca(const struct mse_ratls_cert *c);
/* cli_trusted finds what clients are to trust of a certificate whose verdict accepts it: its CA if
 * it has one, which is judged once more before it leaves for a browser; else itself. Statuses of
 * mse_ratls_check_ca. */
MSE_MUST_USE mse_status cli_trusted(struct mse_bytes *out, const struct mse_ratls_cert *c,
                                    struct mse_error *err);
/* cli_save_trusted writes that as PEM; nothing on failure. */
MSE_MUST_USE mse_status cli_save_trusted(const char *path, const struct mse_ratls_cert *c,
                                         struct mse_error *err);

#endif
