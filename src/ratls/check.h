/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of a certificate that a caller inside needs one by one; the rest is in <mse/ratls.h>. */
#ifndef RATLS_CHECK_H
#define RATLS_CHECK_H

#include <mse/ratls.h>

/* mse_ratls_judge_dates adds the check of the certificate's dates, which mse_ratls_judge makes only
 * where a host is expected. */
void mse_ratls_judge_dates(struct mse_verdict *v, const struct mse_ratls_cert *c, mse_time at,
                           struct mse_error *err);

#endif
