/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a .mse file: what is accepted is exactly what the writer makes of it. */
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "package/parcel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_parcel p = { 0 };
    struct mse_error err = { 0 };
    if (mse_parcel_head_parse(&p, mse_bytes_of(data, size), &err) != MSE_OK) {
        MSE_ASSERT(err.text[0] != '\0' && p.mse_toml == NULL);
        return 0;
    }
    struct mse_build b;
    mse_build_heap(&b, MSE_PARCEL_MAX_HEAD);
    mse_parcel_head_write(&b, &p);
    MSE_ASSERT(mse_build_ok(&b));
    MSE_ASSERT(mse_bytes_equal(mse_build_view(&b), mse_bytes_of(data, size)));
    mse_build_clear(&b);
    mse_parcel_clear(&p);
    return 0;
}
