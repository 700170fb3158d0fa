/* SPDX-License-Identifier: Apache-2.0 */
/* Whether evidence was made for a certificate's key; for a caller inside, part by part. */
#ifndef RATLS_BINDING_H
#define RATLS_BINDING_H

#include <mse/ratls.h>

/* mse_ratls_check_claims_hash: report_data is the hash of exactly these claims, then zeros.
 * MSE_ERR_CLAIMS_HASH. */
MSE_MUST_USE mse_status mse_ratls_check_claims_hash(const struct mse_ratls_cert *c,
                                                    const uint8_t report_data[64],
                                                    struct mse_error *err);
/* mse_ratls_check_claims: that, and the claims name the key of the certificate. MSE_ERR_BINDING. */
MSE_MUST_USE mse_status mse_ratls_check_claims(const struct mse_ratls_cert *c,
                                               const uint8_t report_data[64],
                                               struct mse_error *err);

#endif
