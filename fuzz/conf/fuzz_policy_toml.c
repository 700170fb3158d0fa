/* SPDX-License-Identifier: Apache-2.0 */
/* A policy in TOML, a list of machines, one of digests: nothing is written unless all of it is
 * good, and Revoked never gets in. */
#include "base/bytes.h"
#include "base/util.h"
#include "conf/lists.h"
#include "conf/policy_toml.h"

static void check_lists(struct mse_bytes text)
{
    static struct mse_policy p;
    static const uint8_t sum[32] = { 1 };
    bool found = false;
    mse_policy_default(&p);
    mse_status st = mse_machines_parse(&p, "f", text, NULL);
    MSE_ASSERT((st == MSE_OK) == (p.num_allowed_machines > 0));
    for (size_t i = 0; i < p.num_allowed_machines; i++) {
        MSE_ASSERT(!mse_mem_is_zero(p.allowed_machines[i].id, p.allowed_machines[i].len));
    }
    st = mse_digests_find(&found, "f", text, "runtime", sum, NULL);
    MSE_ASSERT(st == MSE_OK || !found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mse_policy p;
    memset(&p, 0, sizeof p);
    struct mse_error err = { 0 };
    check_lists(mse_bytes_of(data, size));
    if (mse_policy_parse_toml(&p, "f", mse_bytes_of(data, size), &err) == MSE_OK) {
        MSE_ASSERT((p.accepted_tcb_statuses & MSE_TCB_BIT(MSE_TCB_REVOKED)) == 0);
        MSE_ASSERT(p.require_level <= 3 && p.num_references <= MSE_MAX_REFERENCES);
    } else {
        MSE_ASSERT(mse_mem_is_zero(&p, sizeof p) && err.text[0] != '\0');
    }
    return 0;
}
