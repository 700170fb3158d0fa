/* SPDX-License-Identifier: Apache-2.0 */
/* EFI images: what is accepted lies in the file, in order, and its hash does not know the checksum;
 * registers of a boot with it are the same each time. */
#include "measure/pe.h"

#include <mse/measure.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"

static void check_sections(const struct mse_pe *pe, const uint8_t *data, size_t size)
{
    size_t end = pe->headers_len;
    for (size_t i = 0; i < pe->num_sections; i++) {
        const struct mse_pe_section *s = &pe->sections[i];
        size_t at = (size_t)(s->raw.data - data);
        MSE_ASSERT(at >= end && at <= size && s->raw.len > 0 && s->raw.len <= size - at);
        MSE_ASSERT(s->name[8] == '\0');
        end = at + s->raw.len;
    }
    MSE_ASSERT(end <= size - pe->certs_len);
}

static void check_digest(const struct mse_pe *pe, const uint8_t *data, size_t size)
{
    uint8_t digest[48];
    uint8_t again[48];
    struct mse_pe other;
    uint8_t *copy = malloc(size);
    MSE_ASSERT(copy != NULL);
    memcpy(copy, data, size);
    copy[pe->checksum] = (uint8_t)(copy[pe->checksum] ^ 0xffU);
    MSE_ASSERT(mse_pe_digest(digest, pe) == MSE_OK);
    if (mse_pe_parse(&other, mse_bytes_of(copy, size), NULL) == MSE_OK) {
        MSE_ASSERT(mse_pe_digest(again, &other) == MSE_OK);
        MSE_ASSERT(mse_mem_equal(digest, again, sizeof digest));
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_pe pe;
    struct mse_error err = { 0 };
    struct mse_tdx_boot boot = { .kernel = mse_bytes_of(data, size) };
    struct mse_tdx_registers one;
    struct mse_tdx_registers two;
    mse_status st = mse_pe_parse(&pe, boot.kernel, &err);
    MSE_ASSERT(err.status == st);
    if (st != MSE_OK) {
        return 0;
    }
    check_sections(&pe, data, size);
    check_digest(&pe, data, size);
    st = mse_measure_rtmr(&one, &boot, NULL);
    MSE_ASSERT(mse_measure_rtmr(&two, &boot, NULL) == st);
    MSE_ASSERT(st != MSE_OK || (mse_mem_equal(one.rtmr1, two.rtmr1, 48) &&
                                mse_mem_equal(one.rtmr2, two.rtmr2, 48)));
    return 0;
}
