/* SPDX-License-Identifier: Apache-2.0 */
/* The record of the checks of one certificate, for what judges: judge.c, appraise.c. */
#ifndef RATLS_JUDGE_H
#define RATLS_JUDGE_H

#include <mse/ratls.h>

#include "crypto/x509.h"

/* Each check is added to the verdict, the first that fails goes to the caller's error. */
struct judge {
    struct mse_verdict *v;
    const struct mse_ratls_cert *c;
    struct mse_cert x;
    enum mse_ratls_role role; /* the one that is asked for */
    mse_time at;
    const char *host;
    struct mse_error *err;
};
void judge_add(struct judge *j, enum mse_step step, mse_status st, const char *seen,
               const char *wanted);
/* Report data out of the evidence; of Nitro the user data, out of the verdict. */
MSE_MUST_USE mse_status judge_report_data(uint8_t out[64], const struct judge *j,
                                          struct mse_error *err);
/* That the role in the claims is the one asked for. */
void judge_role(struct judge *j);
/* All of a certificate: how its key is bound to the evidence. host NULL: not its dates and name. */
enum mse_ratls_binding judge_all(struct judge j);

#endif
