/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what runs behind a name in operator mode is an enclave that the operator accepts: a
 * session of level 2, appraised by the operator's policy. */
#ifndef OPERATOR_GATE_JUDGE_H
#define OPERATOR_GATE_JUDGE_H

#include <mse/policy.h>

#include "operator/config.h"
#include "operator/gate_wire.h"

struct gate_judge {
    struct mse_policy policy;
    const char *collateral; /* path, read anew for each enclave */
    char *own_path;         /* what it points to, if it had to be made */
};
/* gate_judge_open reads the policy that the configuration names, or makes the one for the simulated
 * platform. MSE_ERR_CONFIG: there is neither. Release with gate_judge_clear. */
MSE_MUST_USE mse_status gate_judge_open(struct gate_judge *out, const struct mse_op_config *c,
                                        struct mse_error *err);
void gate_judge_clear(struct gate_judge *j);
/* gate_judge_check connects, which blocks for some seconds at most. *pin: the SHA-256 of the SPKI
 * that the enclave proved to have. */
MSE_MUST_USE mse_status gate_judge_check(const struct gate_judge *j, const struct gate_route *r,
                                         uint8_t pin[32], struct mse_error *err);

#endif
