/* SPDX-License-Identifier: Apache-2.0 */
/* See judge.c and appraise.c. Checks of a certificate that a caller inside needs one by one, and
 * judging evidence that came beside a certificate, not in it; the rest is in <mse/ratls.h>. */
#ifndef RATLS_CHECK_H
#define RATLS_CHECK_H

#include <mse/ratls.h>

#include "crypto/x509.h"

/* mse_ratls_one_name: the tag and content of the one GeneralName of the SAN; false if there is none
 * or another beside it. */
MSE_MUST_USE bool mse_ratls_one_name(const struct mse_cert *x, uint8_t *tag,
                                     struct mse_bytes *name);

/* mse_ratls_judge_dates adds the check of the certificate's dates, which mse_ratls_judge makes only
 * where a host is expected. */
void mse_ratls_judge_dates(struct mse_verdict *v, const struct mse_ratls_cert *c, mse_time at,
                           struct mse_error *err);

/* What is asked for, by what it is judged. */
struct mse_ratls_ask {
    enum mse_ratls_role role;
    const char *host; /* NULL: the certificate's name is not judged */
    const struct mse_collateral *collateral;
    const struct mse_policy *policy;
    mse_time at;
};
/* mse_ratls_read_evidence reads tagged evidence that was made for a certificate's key (der); the
 * certificate's own extensions are not looked at. Statuses as mse_ratls_read. */
MSE_MUST_USE mse_status mse_ratls_read_evidence(struct mse_ratls_cert *out, struct mse_bytes der,
                                                struct mse_bytes evidence, struct mse_error *err);
/* The same without a certificate: whose key the evidence names is not compared with any. */
MSE_MUST_USE mse_status mse_ratls_read_loose_evidence(struct mse_ratls_cert *out,
                                                      struct mse_bytes evidence,
                                                      struct mse_error *err);
/* mse_ratls_appraise_evidence appraises it, with the checks of mse_ratls_judge. *out is always
 * filled; true if it could be read, and then *cert_out too. */
MSE_MUST_USE bool mse_ratls_appraise_evidence(struct mse_verdict *out,
                                              struct mse_ratls_cert *cert_out, struct mse_bytes der,
                                              struct mse_bytes evidence,
                                              const struct mse_ratls_ask *ask,
                                              struct mse_error *err);

#endif
