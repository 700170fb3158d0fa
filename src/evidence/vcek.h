/* SPDX-License-Identifier: Apache-2.0 */
/* The extensions of a VCEK or VLEK certificate. */
#ifndef EVIDENCE_VCEK_H
#define EVIDENCE_VCEK_H

#include <mse/evidence.h>

#include "crypto/x509.h"

/* mse_vcek_parse reads product name, SVNs and HWID. The SVNs of bl, tee, snp and ucode must be
 * there. MSE_ERR_VCEK_EXTENSION. */
MSE_MUST_USE mse_status mse_vcek_parse(struct mse_vcek *out, const struct mse_cert *cert,
                                       struct mse_error *err);

#endif
