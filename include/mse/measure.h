/* SPDX-License-Identifier: Apache-2.0 */
/* Measurement of SGX enclaves (Intel SDM Vol. 3D, ECREATE, EADD, EEXTEND, EINIT), and the layouts
 * that decide what is added where. Pure: bytes in, 32 bytes out. */
#ifndef MSE_MEASURE_H
#define MSE_MEASURE_H

#include <mse/evidence.h>
#include <mse/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSE_SGX_PAGE    4096U
#define MSE_SECINFO_R   0x001U
#define MSE_SECINFO_W   0x002U
#define MSE_SECINFO_X   0x004U
#define MSE_SECINFO_TCS 0x100U
#define MSE_SECINFO_REG 0x200U

/* The running hash. Heap inside (the hash context and a batch buffer); free accepts NULL. */
struct mse_mrenclave;
/* ssa_frame_pages: SECS.SSAFRAMESIZE; size: SECS.SIZE in bytes, a power of two. */
MSE_API MSE_MUST_USE mse_status mse_mrenclave_new(struct mse_mrenclave **out,
                                                  uint32_t ssa_frame_pages, uint64_t size);
/* EADD of one page at offset (page-aligned, inside the enclave). Errors are sticky; final reports
 * them. */
MSE_API void mse_mrenclave_eadd(struct mse_mrenclave *m, uint64_t offset, uint64_t secinfo_flags);
/* The sixteen EEXTENDs of one page; page: 4096 bytes, or NULL for a page of zeros. */
MSE_API void mse_mrenclave_eextend(struct mse_mrenclave *m, uint64_t offset, const uint8_t *page);
MSE_API MSE_MUST_USE mse_status mse_mrenclave_final(struct mse_mrenclave *m, uint8_t out[32]);
MSE_API void mse_mrenclave_free(struct mse_mrenclave *m);

/* Gramine 1.9 (`ref` docs/measurement): libpal is the loader's ELF image, manifest the exact bytes
 * of the expanded .manifest.sgx; size, threads and EDMM are read from it. */
MSE_API MSE_MUST_USE mse_status mse_measure_gramine(uint8_t out[32], struct mse_bytes libpal,
                                                    struct mse_bytes manifest,
                                                    struct mse_error *err);

/* Layout "sim-1" of the simulated TEE: the runtime's ELF image, our canonical manifest, enclave
 * size and number of threads; areas placed as Gramine places them (docs/protocol). */
struct mse_sim_layout {
    struct mse_bytes runtime;  /* ELF64 x86-64, PIE */
    struct mse_bytes manifest; /* exact bytes */
    uint64_t enclave_size;     /* power of two, bytes */
    uint32_t threads;          /* 1 to 4096 */
};
MSE_API MSE_MUST_USE mse_status mse_measure_sim(uint8_t out[32], const struct mse_sim_layout *l,
                                                struct mse_error *err);

#ifdef __cplusplus
}
#endif
#endif
