/* SPDX-License-Identifier: Apache-2.0 */
/* The host's table of certificates: what comes out are parts of it, a leaf first, or nothing. */
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "tee/tsm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_error err = { 0 };
    struct mse_build out;
    mse_build_heap(&out, (size_t)1 << 22);
    mse_status st = mse_tsm_certificates(&out, mse_bytes_of(data, size), &err);
    MSE_ASSERT(err.status == st);
    MSE_ASSERT(st == MSE_OK || st == MSE_ERR_MALFORMED || st == MSE_ERR_NO_SPACE);
    if (st != MSE_OK) {
        MSE_ASSERT(out.len == 0 || st == MSE_ERR_NO_SPACE);
    } else if (out.len > 0) {
        MSE_ASSERT(size >= 48 && out.len <= 3 * size);
    }
    mse_build_clear(&out);
    return 0;
}
