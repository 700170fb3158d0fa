/* SPDX-License-Identifier: Apache-2.0 */
/* SEV-SNP reports: what is accepted has its one length, a known version and nothing in reserved
 * fields. */
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"

static void check_report(const struct mse_snp_report *r, const uint8_t *data, size_t size)
{
    MSE_ASSERT(size == MSE_SNP_REPORT_LEN && r->version >= 2 && r->version <= 5);
    MSE_ASSERT(r->signed_part.data == data && r->signed_part.len == 0x2a0);
    MSE_ASSERT(r->signature_r.data == data + 0x2a0 && r->signature_r.len == 72);
    MSE_ASSERT(r->signature_s.data == data + 0x2e8 && r->signature_s.len == 72);
    MSE_ASSERT(mse_mem_is_zero(data + 0x330, size - 0x330));
    MSE_ASSERT(r->has_cpuid == (r->version >= 3));
    MSE_ASSERT(r->has_cpuid || mse_mem_is_zero(data + 0x188, 3));
    MSE_ASSERT(mse_mem_equal(r->measurement, data + 0x90, 48));
    MSE_ASSERT(mse_mem_equal(r->chip_id, data + 0x1a0, 64));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_snp_report r;
    struct mse_error err = { 0 };
    mse_status st = mse_snp_report_parse(&r, mse_bytes_of(data, size), &err);
    MSE_ASSERT(err.status == st);
    if (st == MSE_OK) {
        check_report(&r, data, size);
        st = mse_snp_report_parse(&r, mse_bytes_of(data, size - 1), NULL);
        MSE_ASSERT(st == MSE_ERR_MALFORMED);
    }
    return 0;
}
