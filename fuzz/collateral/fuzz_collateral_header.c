/* SPDX-License-Identifier: Apache-2.0 */
/* Header lines of a service: name, value, and the percent-encoded chain in it. */
#include "base/bytes.h"
#include "base/util.h"
#include "collateral/path.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_chain(struct mse_bytes text, struct mse_bytes value)
{
    MSE_ASSERT(text.len <= value.len + 6);
    MSE_ASSERT(mse_bytes_find(text, mse_bytes_str("-----BEGIN CERTIFICATE-----")) == 6);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        MSE_ASSERT(c < 0x7f && (c >= 0x20 || c == '\n' || c == '\r'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes line = mse_bytes_of(data, size);
    struct mse_bytes value = line;
    struct mse_build b;
    if (mse_http_header_is(&value, line, "TCB-Info-Issuer-Chain")) {
        MSE_ASSERT(value.len < line.len);
        MSE_ASSERT(value.len == 0 || (value.data[0] != ' ' && value.data[value.len - 1] > ' '));
    }
    mse_build_heap(&b, (size_t)64 * 1024);
    mse_wr_str(&b, "before");
    if (mse_chain_header_decode(&b, value)) {
        check_chain(mse_build_view(&b), value);
    }
    mse_build_clear(&b);
    return 0;
}
