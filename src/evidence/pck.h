/* SPDX-License-Identifier: Apache-2.0 */
/* Where Intel's SGX extension lies in a PCK certificate; what it says: <mse/evidence.h>. */
#ifndef EVIDENCE_PCK_H
#define EVIDENCE_PCK_H

#include "crypto/x509.h"

/* mse_cert_sgx_extension finds the extension 1.2.840.113741.1.13.1; false if there is none. */
MSE_MUST_USE bool mse_cert_sgx_extension(const struct mse_cert *c, struct mse_bytes *value);

#endif
