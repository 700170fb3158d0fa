/* SPDX-License-Identifier: Apache-2.0 */
/* Header lines of a service: name, value, and the percent-encoded chain in it. */
#include "base/bytes.h"
#include "base/util.h"
#include "collateral/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes line = mse_bytes_of(data, size);
    struct mse_bytes value = line;
    struct mse_build b;
    if (mse_header_is(&value, line, "TCB-Info-Issuer-Chain")) {
        MSE_ASSERT(value.len < line.len);
        MSE_ASSERT(value.len == 0 || (value.data[0] != ' ' && value.data[value.len - 1] > ' '));
    }
    mse_build_heap(&b, 64 * 1024);
    mse_wr_str(&b, "before");
    if (mse_chain_header_decode(&b, value)) {
        struct mse_bytes text = mse_build_view(&b);
        MSE_ASSERT(text.len <= value.len + 6);
        MSE_ASSERT(mse_bytes_find(text, mse_bytes_str("-----BEGIN CERTIFICATE-----")) == 6);
        for (size_t i = 0; i < text.len; i++) {
            MSE_ASSERT(text.data[i] < 0x7f &&
                       (text.data[i] >= 0x20 || text.data[i] == '\n' || text.data[i] == '\r'));
        }
    }
    mse_build_clear(&b);
    return 0;
}
