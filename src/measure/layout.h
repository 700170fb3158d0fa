/* SPDX-License-Identifier: Apache-2.0 */
/* The areas of an enclave that Gramine 1.9 and our layout sim-1 have in common: where each lies and
 * in which order its pages are added. docs/measurement.md has the tables. */
#ifndef MEASURE_LAYOUT_H
#define MEASURE_LAYOUT_H

#include <mse/measure.h>

#include "measure/elf.h"

#define MSE_LAYOUT_SSA_PAGES     4U       /* of one frame; SECS.SSAFRAMESIZE */
#define MSE_LAYOUT_SSA_LEN       0x8000U  /* two frames a thread */
#define MSE_LAYOUT_STACK_LEN     0x40000U /* per thread */
#define MSE_LAYOUT_SIG_STACK_LEN 0x10000U /* per thread */
#define MSE_LAYOUT_HEAP_START    0x10000U
#define MSE_LAYOUT_MAX_SIZE      (1ULL << 40)
#define MSE_LAYOUT_MAX_THREADS   4096U

/* Where everything lies, in bytes from the base of the enclave. */
struct mse_layout {
    struct mse_elf image;
    struct mse_bytes manifest;
    uint64_t size;
    uint32_t threads;
    uint64_t manifest_at;
    uint64_t ssa;
    uint64_t tcs;
    uint64_t tls;
    uint64_t stacks;     /* of the last thread; thread 0 has the highest */
    uint64_t sig_stacks; /* likewise */
    uint64_t image_at;   /* the lowest page of the image */
    uint64_t bias;       /* what is added to the image's own addresses */
};

/* Writes the thread-local page of one thread over 4096 zero bytes. */
typedef void mse_layout_tls(uint8_t page[MSE_SGX_PAGE], const struct mse_layout *l,
                            uint32_t thread);

/* mse_layout_place parses the image and places the areas in an enclave of size bytes. image and
 * manifest are borrowed by *out. MSE_ERR_ARGUMENT: size is not a power of two or above
 * MSE_LAYOUT_MAX_SIZE, threads not 1 to MSE_LAYOUT_MAX_THREADS; MSE_ERR_NO_SPACE: the areas do not
 * fit; and the errors of mse_elf_parse. */
MSE_MUST_USE mse_status mse_layout_place(struct mse_layout *out, struct mse_bytes image,
                                         struct mse_bytes manifest, uint64_t size, uint32_t threads,
                                         struct mse_error *err);
/* mse_layout_measure hashes the enclave; with_heap: the free areas are added at load time. */
MSE_MUST_USE mse_status mse_layout_measure(uint8_t out[32], const struct mse_layout *l,
                                           mse_layout_tls *tls, bool with_heap,
                                           struct mse_error *err);

/* Addresses of one thread's own things. */
uint64_t mse_layout_stack(const struct mse_layout *l, uint32_t thread);
uint64_t mse_layout_sig_stack(const struct mse_layout *l, uint32_t thread);

#endif
