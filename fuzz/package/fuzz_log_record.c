/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a sealed log: what is accepted is what the runtime would have written, but for the tag
 * that only an enclave can make. */
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "package/log_record.h"

#define TAG_AT  68
#define TAG_LEN 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t shared[32] = { 1 };
    struct mse_log_record r = { .sequence = 0 };
    struct mse_bytes in = mse_bytes_of(data, size);
    uint8_t room[MSE_LOG_LARGE];
    struct mse_build b;
    if (mse_log_record_read(&r, in) != MSE_OK) {
        MSE_ASSERT(r.text.data == NULL);
        return 0;
    }
    MSE_ASSERT(size == MSE_LOG_SMALL || size == MSE_LOG_LARGE);
    MSE_ASSERT(r.text.len <= MSE_LOG_TEXT_MAX);
    mse_build_fixed(&b, room, sizeof room);
    MSE_ASSERT(mse_log_record_write(&b, &r, shared) == MSE_OK);
    MSE_ASSERT(mse_log_record_is_of(mse_build_view(&b), shared));
    /* A short text in a long record is read, and written shorter. */
    if (b.len == size) {
        memcpy(room + TAG_AT, data + TAG_AT, TAG_LEN);
        MSE_ASSERT(mse_mem_equal(room, data, size));
    }
    return 0;
}
