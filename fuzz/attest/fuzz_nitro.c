/* SPDX-License-Identifier: Apache-2.0 */
/* The Nitro appraisal over a document that an attacker chose: without AWS's key nothing is ever
 * accepted, and every verdict can be printed. The first byte says which lenient switches are on. */
#include <mse/attest.h>

#include "base/bytes.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mse_verdict v;
    static struct mse_policy policy;
    static char text[65536];
    struct mse_bytes in = mse_bytes_of(data, size);
    uint8_t switches = 0;
    if (!mse_rd_u8(&in, &switches)) {
        return 0;
    }
    mse_policy_default(&policy);
    policy.insecure_any_app = true;
    policy.allow_debug = (switches & 1) != 0;
    policy.allow_simulation = (switches & 2) != 0;
    policy.simulation_root_sha256[0] = switches;
    mse_status st = mse_appraise_nitro(&v, in, &policy, 1767225600, NULL);
    MSE_ASSERT(st != MSE_OK && st == v.status && !v.accepted);
    MSE_ASSERT(mse_verdict_to_json(text, sizeof text, &v) == MSE_OK);
    MSE_ASSERT(mse_verdict_to_text(text, sizeof text, &v) == MSE_OK);
    return 0;
}
