/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest: what is accepted is exactly what the writer makes of it. */
#include "base/bytes.h"
#include "base/util.h"
#include "package/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_manifest m = { 0 };
    struct mse_error err = { 0 };
    if (mse_manifest_parse(&m, mse_bytes_of(data, size), &err) != MSE_OK) {
        MSE_ASSERT(err.text[0] != '\0' && m.name == NULL);
        return 0;
    }
    struct mse_build b;
    mse_build_heap(&b, MSE_MANIFEST_MAX_LEN);
    MSE_ASSERT(mse_manifest_write(&b, &m, NULL) == MSE_OK);
    MSE_ASSERT(mse_bytes_equal(mse_build_view(&b), mse_bytes_of(data, size)));
    mse_build_clear(&b);
    mse_manifest_clear(&m);
    return 0;
}
