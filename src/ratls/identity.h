/* SPDX-License-Identifier: Apache-2.0 */
/* Level 0 evidence for a key: claims over it, quoted once, in a certificate. */
#ifndef RATLS_IDENTITY_H
#define RATLS_IDENTITY_H

#include <mse/ratls.h>

#include "base/build.h"
#include "crypto/sign.h"

/* mse_ratls_issue appends to out the certificate (DER) of key that mse_ratls_identity_new would
 * make. Errors as there. */
MSE_MUST_USE mse_status mse_ratls_issue(struct mse_build *out, const struct mse_privkey *key,
                                        const struct mse_ratls_identity_params *p,
                                        struct mse_error *err);

#endif
