/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware of a confidential machine: whatever its table and lists say, it is measured or
 * refused, twice alike, in bounded time. The input is the end of the image. */
#include "measure/ovmf.h"

#include <mse/measure.h>

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"

#define IMAGE_LEN ((size_t)2 * MSE_OVMF_PAGE)

static void check_lists(const struct mse_ovmf *o, const uint8_t *image)
{
    const struct mse_bytes *lists[] = { &o->sev, &o->tdvf };
    for (size_t i = 0; i < 2; i++) {
        size_t at = lists[i]->len > 0 ? (size_t)(lists[i]->data - image) : 0;
        MSE_ASSERT(at <= IMAGE_LEN && lists[i]->len <= IMAGE_LEN - at);
    }
    MSE_ASSERT(o->sev.len % 12 == 0 && o->tdvf.len % 32 == 0);
    MSE_ASSERT(o->sev.len / 12 <= MSE_OVMF_MAX_SECTIONS);
    MSE_ASSERT(o->tdvf.len / 32 <= MSE_OVMF_MAX_SECTIONS);
}

/* Memory that is only added takes time, too; a target has none to waste. */
static bool is_small(const struct mse_ovmf *o)
{
    struct mse_bytes sev = o->sev;
    struct mse_bytes tdvf = o->tdvf;
    struct mse_ovmf_sev s;
    struct mse_ovmf_tdvf t;
    uint64_t len = 0;
    while (mse_ovmf_sev_next(&s, &sev)) {
        len += s.len;
    }
    while (mse_ovmf_tdvf_next(&t, &tdvf)) {
        len += t.memory > UINT32_MAX ? 0 : t.memory; /* refused */
    }
    return len < (uint64_t)1000 * MSE_OVMF_PAGE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[IMAGE_LEN];
    struct mse_ovmf o;
    struct mse_error err = { 0 };
    size_t len = size < IMAGE_LEN ? size : IMAGE_LEN;
    memset(image, 0, sizeof image);
    if (len > 0) {
        memcpy(image + IMAGE_LEN - len, data, len);
    }
    struct mse_snp_launch l = { .firmware = mse_bytes_of(image, IMAGE_LEN),
                                .vcpus = 2,
                                .has_kernel = size % 2 == 1,
                                .kernel = mse_bytes_of(data, size) };
    mse_status st = mse_ovmf_parse(&o, l.firmware, &err);
    MSE_ASSERT(err.status == st);
    if (st != MSE_OK) {
        return 0;
    }
    check_lists(&o, image);
    for (int i = 0; is_small(&o) && i < 2; i++) {
        uint8_t one[48];
        uint8_t two[48];
        st = i == 0 ? mse_measure_snp(one, &l, NULL) : mse_measure_mrtd(one, l.firmware, NULL);
        MSE_ASSERT((i == 0 ? mse_measure_snp(two, &l, NULL)
                           : mse_measure_mrtd(two, l.firmware, NULL)) == st);
        MSE_ASSERT(st != MSE_OK || mse_mem_equal(one, two, sizeof one));
    }
    return 0;
}
