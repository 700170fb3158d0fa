/* SPDX-License-Identifier: Apache-2.0 */
/* Names that the writer and the reader of attestation results share. */
#ifndef ATTEST_EAR_H
#define ATTEST_EAR_H

#include <mse/ear.h>

#define EAR_STATUS          "ear.status"
#define EAR_VECTOR          "ear.trustworthiness-vector"
#define EAR_POLICY_ID       "ear.appraisal-policy-id"
#define EAR_VERIFIER_ID     "ear.verifier-id"
#define EAR_MSE_VERDICT     "mse.verdict"
#define EAR_MSE_HOST        "mse.host"
#define EAR_MSE_EVIDENCE    "mse.evidence-sha256"
#define EAR_MSE_CERTIFICATE "mse.certificate-sha256"
#define EAR_MSE_APPRAISED   "mse.appraised-at"

#endif
