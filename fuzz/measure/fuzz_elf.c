/* SPDX-License-Identifier: Apache-2.0 */
/* The ELF reader, and the measurement of whatever it accepts. */
#include "measure/elf.h"

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/util.h"

static void check_segment(const struct mse_elf *e, size_t i, const uint8_t *data, size_t size)
{
    const struct mse_elf_segment *s = &e->segments[i];
    size_t at = (size_t)(s->file.data - data);
    MSE_ASSERT(at <= size && s->file.len <= size - at);
    MSE_ASSERT(s->file.len <= s->mem_len && s->mem_len > 0);
    MSE_ASSERT(s->start <= s->vaddr && s->vaddr + s->mem_len <= s->end);
    MSE_ASSERT(s->start % MSE_SGX_PAGE == 0 && s->end % MSE_SGX_PAGE == 0);
    MSE_ASSERT(s->start >= (i == 0 ? e->start : e->segments[i - 1].end) && s->end <= e->end);
    MSE_ASSERT(s->flags <= 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_elf e;
    struct mse_error err = { 0 };
    mse_status st = mse_elf_parse(&e, mse_bytes_of(data, size), &err);
    MSE_ASSERT(err.status == st);
    if (st != MSE_OK) {
        return 0;
    }
    MSE_ASSERT(e.num_segments > 0 && e.num_segments <= MSE_ELF_MAX_SEGMENTS);
    for (size_t i = 0; i < e.num_segments; i++) {
        check_segment(&e, i, data, size);
    }
    struct mse_sim_layout l = { mse_bytes_of(data, size), mse_bytes_str("{}"), 1U << 22, 1 };
    uint8_t out[32];
    st = mse_measure_sim(out, &l, NULL);
    MSE_ASSERT(st == MSE_OK || st == MSE_ERR_NO_SPACE || st == MSE_ERR_UNSUPPORTED);
    return 0;
}
