/* SPDX-License-Identifier: Apache-2.0 */
/* Azure's HCL reports: what is accepted lies within the input, and only zeros stand behind it. */
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_hcl_report r;
    struct mse_error err = { 0 };
    uint8_t report_data[64];
    mse_status st = mse_hcl_report_parse(&r, mse_bytes_of(data, size), &err);
    if (st != MSE_OK) {
        MSE_ASSERT(err.status == st);
        return 0;
    }
    MSE_ASSERT(r.hardware_report.len == (r.type == MSE_HCL_SNP ? 1184U : 1024U));
    MSE_ASSERT(r.runtime_data.data == data + 1236 && r.runtime_data.len <= size - 1236);
    MSE_ASSERT(!r.has_ak || (r.ak_n.len > 0 && r.ak_e.len > 0));
    MSE_ASSERT(mse_hcl_report_data(report_data, &r) == MSE_OK);
    return 0;
}
