/* SPDX-License-Identifier: Apache-2.0 */
/* Enclaves signed with Intel's SDK: whatever the file, each block is measured or refused, twice
 * alike, in bounded time. */
#include "measure/sdk.h"

#include "base/bytes.h"
#include "base/util.h"

#define MAX_COST 20000U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes file = mse_bytes_of(data, size);
    for (size_t i = 0; i < 3; i++) {
        struct mse_sdk_enclave one;
        struct mse_sdk_enclave two;
        struct mse_error err = { 0 };
        mse_status st = mse_sdk_measure(&one, file, i, MAX_COST, &err);
        MSE_ASSERT(err.status == st);
        if (st != MSE_OK) {
            return 0;
        }
        MSE_ASSERT(mse_sdk_measure(&two, file, i, MAX_COST, NULL) == MSE_OK);
        MSE_ASSERT(mse_mem_equal(one.mrenclave, two.mrenclave, 32));
        MSE_ASSERT(one.sigstruct.data > data && one.sigstruct.len == 1808 &&
                   (size_t)(one.sigstruct.data - data) <= size - one.sigstruct.len);
    }
    return 0;
}
