/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of logs: what is read has exactly one form, which is that of the input. */
#include <mse/log.h>

#include "base/bytes.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_log_entry e;
    uint8_t out[MSE_LOG_MAX_ENTRY];
    size_t len = 0;
    struct mse_bytes in = { data, size };
    if (mse_log_entry_parse(&e, in, NULL) == MSE_OK) {
        MSE_ASSERT(mse_log_entry_write(out, &len, &e, NULL) == MSE_OK);
        MSE_ASSERT(mse_bytes_equal(mse_bytes_of(out, len), in));
        enum mse_log_kind kind = MSE_LOG_KIND_COUNT;
        MSE_ASSERT(mse_log_kind_parse(&kind, mse_bytes_str(mse_log_kind_name(e.kind))));
        MSE_ASSERT(kind == e.kind);
    }
    return 0;
}
