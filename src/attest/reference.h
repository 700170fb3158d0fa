/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values of every kind of evidence. */
#ifndef ATTEST_REFERENCE_H
#define ATTEST_REFERENCE_H

#include <mse/attest.h>

/* mse_judge_reference compares the claims of v with the sets of the policy: step reference, and
 * step signer for what says who signed the app. */
void mse_judge_reference(struct mse_verdict *v, const struct mse_policy *policy);

#endif
