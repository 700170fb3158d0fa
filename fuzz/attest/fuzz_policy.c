/* SPDX-License-Identifier: Apache-2.0 */
/* A policy in JSON: what is accepted makes sense, what is refused leaves the output alone and says
 * why. */
#include <mse/policy.h>

#include "attest/policy_keys.h"
#include "base/bytes.h"
#include "base/util.h"

static void check(const struct mse_policy *p)
{
    MSE_ASSERT(mse_policy_judge(p, NULL) == MSE_OK);
    MSE_ASSERT((p->accepted_tcb_statuses & MSE_TCB_BIT(MSE_TCB_REVOKED)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_policy p = { .require_level = 77 };
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_policy_parse_json(&p, mse_bytes_of(data, size), &err);
    MSE_ASSERT(st == MSE_OK || st == MSE_ERR_POLICY);
    MSE_ASSERT(err.status == st);
    if (st == MSE_OK) {
        check(&p);
    } else {
        MSE_ASSERT(p.require_level == 77);
        MSE_ASSERT(err.text[0] != '\0');
    }
    return 0;
}
