/* SPDX-License-Identifier: Apache-2.0 */
/* The enclave of Gramine 1.9: gramine-sgx-sign and the loader place the same areas. */
#include <mse/measure.h>

#include "base/util.h"
#include "measure/gramine_manifest.h"
#include "measure/layout.h"
#include "measure/store.h"

#define STACK_CANARY 0x0000badbadbadbadULL
#define GPR_LEN      0xb8U /* the GPR area ends the first SSA frame */

/* The start of Gramine's struct pal_enclave_tcb; the offsets are those of version 1.9. */
static void write_tls(uint8_t page[MSE_SGX_PAGE], const struct mse_layout *l, uint32_t thread)
{
    uint64_t t = thread;
    uint64_t ssa = l->ssa + t * MSE_LAYOUT_SSA_LEN;
    const struct {
        uint32_t at;
        uint64_t value;
    } fields[] = {
        { 0x000, l->tls + t * MSE_SGX_PAGE },                                  /* self */
        { 0x008, STACK_CANARY },                                               /* stack_protector */
        { 0x110, l->size },                                                    /* enclave_size */
        { 0x118, l->tcs + t * MSE_SGX_PAGE },                                  /* tcs_offset */
        { 0x120, mse_layout_stack(l, thread) + MSE_LAYOUT_STACK_LEN },         /* initial_stack */
        { 0x130, mse_layout_sig_stack(l, thread) },                            /* sig_stack_low */
        { 0x138, mse_layout_sig_stack(l, thread) + MSE_LAYOUT_SIG_STACK_LEN }, /* sig_stack_high */
        { 0x148, ssa },                                                        /* ssa */
        { 0x150, ssa + MSE_LAYOUT_SSA_LEN / 2 - GPR_LEN },                     /* gpr */
        { 0x1a0, (uint64_t)l->manifest.len + 1 },                              /* manifest_size */
        { 0x1a8, MSE_LAYOUT_HEAP_START },                                      /* heap_min */
        { 0x1b0, l->image_at },                                                /* heap_max */
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(fields); i++) {
        mse_store_u64le(page + fields[i].at, fields[i].value);
    }
}

mse_status mse_measure_gramine(uint8_t out[32], struct mse_bytes libpal, struct mse_bytes manifest,
                               struct mse_error *err)
{
    struct mse_gramine_params p = { 0 };
    mse_status st = mse_gramine_params_parse(&p, manifest, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_layout l;
    st = mse_layout_place(&l, libpal, manifest, p.enclave_size, p.threads, err);
    if (st != MSE_OK) {
        return st;
    }
    return mse_layout_measure(out, &l, write_tls, !p.edmm, err);
}
