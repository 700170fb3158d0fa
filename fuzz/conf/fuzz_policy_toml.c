/* SPDX-License-Identifier: Apache-2.0 */
/* A policy in TOML: nothing is written unless all of it is good, and Revoked never gets in. */
#include "base/bytes.h"
#include "base/util.h"
#include "conf/policy_toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mse_policy p;
    memset(&p, 0, sizeof p);
    struct mse_error err = { 0 };
    if (mse_policy_parse_toml(&p, "f", mse_bytes_of(data, size), &err) == MSE_OK) {
        MSE_ASSERT((p.accepted_tcb_statuses & MSE_TCB_BIT(MSE_TCB_REVOKED)) == 0);
        MSE_ASSERT(p.require_level <= 3 && p.num_references <= MSE_MAX_REFERENCES);
    } else {
        MSE_ASSERT(mse_mem_is_zero(&p, sizeof p) && err.text[0] != '\0');
    }
    return 0;
}
