/* SPDX-License-Identifier: Apache-2.0 */
/* Level 0 evidence for a key: claims over it, quoted once, in a certificate. */
#ifndef RATLS_IDENTITY_H
#define RATLS_IDENTITY_H

#include <mse/ratls.h>

#include "base/build.h"
#include "crypto/sign.h"

/* mse_ratls_issue appends to out the certificate (DER; with p->ca that of its CA behind it) of key
 * that mse_ratls_identity_new would make. Errors as there. */
MSE_MUST_USE mse_status mse_ratls_issue(struct mse_build *out, const struct mse_privkey *key,
                                        const struct mse_ratls_identity_params *p,
                                        struct mse_error *err);
/* mse_ratls_issue_names does that for several names (p->name is not used): certificates that share
 * the key and its quotes, one appended to each of the num builders. On failure some of them may
 * hold what is of no use. */
MSE_MUST_USE mse_status mse_ratls_issue_names(struct mse_build *const *outs,
                                              const char *const *names, size_t num,
                                              const struct mse_privkey *key,
                                              const struct mse_ratls_identity_params *p,
                                              struct mse_error *err);

#endif
