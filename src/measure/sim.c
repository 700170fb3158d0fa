/* SPDX-License-Identifier: Apache-2.0 */
/* Layout "sim-1" of the simulated TEE: the areas of layout.h around our own runtime.
 * docs/measurement.md gives it to the byte. */
#include <mse/measure.h>

#include "base/error.h"
#include "base/util.h"
#include "measure/layout.h"
#include "measure/store.h"

#define STEP  "layout sim-1"
#define MAGIC 0x314d49532d45534dULL /* "MSE-SIM1": no other layout can give the same hash */

/* One thread's view of the enclave. */
static void write_tls(uint8_t page[MSE_SGX_PAGE], const struct mse_layout *l, uint32_t thread)
{
    uint64_t t = thread;
    const struct {
        uint32_t at;
        uint64_t value;
    } fields[] = {
        { 0x00, MAGIC },
        { 0x08, t },
        { 0x10, l->size },
        { 0x18, l->tcs + t * MSE_SGX_PAGE },
        { 0x20, l->ssa + t * MSE_LAYOUT_SSA_LEN },
        { 0x28, mse_layout_stack(l, thread) },
        { 0x30, mse_layout_stack(l, thread) + MSE_LAYOUT_STACK_LEN },
        { 0x38, mse_layout_sig_stack(l, thread) },
        { 0x40, mse_layout_sig_stack(l, thread) + MSE_LAYOUT_SIG_STACK_LEN },
        { 0x48, l->manifest_at },
        { 0x50, (uint64_t)l->manifest.len },
        { 0x58, MSE_LAYOUT_HEAP_START },
        { 0x60, l->image_at },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(fields); i++) {
        mse_store_u64le(page + fields[i].at, fields[i].value);
    }
}

mse_status mse_measure_sim(uint8_t out[32], const struct mse_sim_layout *l, struct mse_error *err)
{
    struct mse_layout placed;
    mse_status st =
        mse_layout_place(&placed, l->runtime, l->manifest, l->enclave_size, l->threads, err);
    if (st != MSE_OK) {
        return st;
    }
    if (placed.image.start != 0) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        "the runtime begins at %#llx, wanted 0 (position-independent)",
                        (unsigned long long)placed.image.start);
    }
    return mse_layout_measure(out, &placed, write_tls, true, err);
}
