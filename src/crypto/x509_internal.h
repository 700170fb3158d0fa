/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the certificate and the CRL reader. */
#ifndef CRYPTO_X509_INTERNAL_H
#define CRYPTO_X509_INTERNAL_H

#include "crypto/x509.h"

/* mse_rd_whole takes one element with this tag, tag to end. */
MSE_MUST_USE bool mse_rd_whole(struct mse_bytes *in, uint8_t tag, struct mse_bytes *whole);
/* mse_rd_algorithm takes an AlgorithmIdentifier: an OID and at most one more element. */
MSE_MUST_USE bool mse_rd_algorithm(struct mse_bytes *in, struct mse_bytes *whole);
/* mse_rd_name takes a Name and checks its form. */
MSE_MUST_USE bool mse_rd_name(struct mse_bytes *in, struct mse_bytes *whole);
/* mse_sig_alg_of maps a whole AlgorithmIdentifier, parameters included. */
enum mse_sig_alg mse_sig_alg_of(struct mse_bytes whole);
/* mse_ext_next takes one Extension. */
MSE_MUST_USE bool mse_ext_next(struct mse_bytes *in, struct mse_bytes *oid, bool *critical,
                               struct mse_bytes *value);
/* mse_ext_is_too_much tells whether one of the extensions in [all, before) has this OID, where
 * before is how much was left of `all` when the present one was taken; or whether there are as many
 * of them as a list may have: each is held against all others, and a stranger sends the list. */
#define MSE_MAX_EXTENSIONS 64
MSE_MUST_USE bool mse_ext_is_too_much(struct mse_bytes all, size_t before, struct mse_bytes oid);

#endif
