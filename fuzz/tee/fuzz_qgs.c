/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's quote generation service answers, and where its guest is told to look for it: a
 * quote is a part of the answer, up to its end; a port is one that there can be. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "tee/qgs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    struct mse_bytes quote = { 0 };
    struct mse_error err = { 0 };
    uint32_t port = 0;
    mse_status st = mse_qgs_read(&quote, in, &err);
    MSE_ASSERT(err.status == st && (st == MSE_OK || st == MSE_ERR_PROTOCOL));
    if (st == MSE_OK) {
        MSE_ASSERT(quote.len > 0 && quote.len <= size - 24 &&
                   quote.data + quote.len == data + size);
    } else {
        MSE_ASSERT(quote.data == NULL);
    }
    MSE_ASSERT(mse_qgs_port(&port, in) == (port > 0 && port < UINT32_MAX));
    return 0;
}
