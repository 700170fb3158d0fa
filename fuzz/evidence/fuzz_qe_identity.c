/* SPDX-License-Identifier: Apache-2.0 */
/* Enclave identities. */
#include <mse/collateral.h>

#include "base/bytes.h"
#include "base/util.h"

static struct mse_qe_identity identity; /* large */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_bytes body = { 0 };
    struct mse_error err = { 0 };
    uint8_t sig[64];
    if (mse_signed_json_split(&body, sig, in, "enclaveIdentity", NULL) == MSE_OK) {
        in = body;
    }
    mse_status st = mse_qe_identity_parse(&identity, in, &err);
    MSE_ASSERT(err.status == st);
    if (st != MSE_OK) {
        MSE_ASSERT(identity.num_levels == 0);
        return 0;
    }
    MSE_ASSERT(identity.version == 2 && identity.id <= MSE_IDENTITY_TD_QE);
    MSE_ASSERT(identity.num_levels > 0 && identity.num_levels <= MSE_MAX_TCB_LEVELS);
    for (size_t i = 0; i < identity.num_levels; i++) {
        MSE_ASSERT(identity.levels[i].status > MSE_TCB_NONE &&
                   identity.levels[i].status < MSE_TCB_STATUS_COUNT);
    }
    return 0;
}
