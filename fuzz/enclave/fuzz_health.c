/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of the app's answer to a question after its health: what it says never changes with
 * what comes behind it. */
#include "base/util.h"
#include "enclave/health.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    unsigned known = 0;
    for (size_t len = 0; len <= size && len <= 16; len++) {
        unsigned status = mse_health_parse(text, len);
        MSE_ASSERT(status <= 1 || (status >= 100 && status <= 599));
        MSE_ASSERT(known == 0 || status == known);
        known = status;
    }
    return 0;
}
