/* SPDX-License-Identifier: Apache-2.0 */
/* The header of the PROXY protocol, which whoever reaches an enclave's port can send. What is read
 * has exactly the length that its head says, and neither less nor more of it is read. */
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "net/proxy2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct mse_proxy2 p = { .known = false };
    struct mse_proxy2 none;
    if (!mse_proxy2_read(&p, mse_bytes_of(data, len))) {
        return 0;
    }
    MSE_ASSERT(len >= MSE_PROXY2_HEAD && len <= MSE_PROXY2_READ_MAX && mse_proxy2_len(data) == len);
    MSE_ASSERT(!mse_proxy2_read(&none, mse_bytes_of(data, len - 1)));
    MSE_ASSERT(p.known || p.port == 0);
    if (p.known && data[13] == 0x11) {
        MSE_ASSERT(mse_mem_equal(p.source, mapped, sizeof mapped));
    }
    return 0;
}
