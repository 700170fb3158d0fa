/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed memory files: what was measured cannot change any more. */
#ifndef SIM_MEMFD_H
#define SIM_MEMFD_H

#include <mse/status.h>

/* Copies of a file or of bytes in a memfd that nobody can write, shrink, grow or unseal; close-on-
 * exec, at offset 0; the caller closes *out. */
MSE_MUST_USE mse_status mse_sim_memfd_of_file(int *out, const char *path, struct mse_error *err);
MSE_MUST_USE mse_status mse_sim_memfd_of_bytes(int *out, const char *name, struct mse_bytes content,
                                               struct mse_error *err);
/* mse_sim_memfd_map maps such a memfd read-only; release it with mse_sim_memfd_unmap. */
struct mse_sim_map {
    void *data;
    size_t len;
};
MSE_MUST_USE mse_status mse_sim_memfd_map(struct mse_sim_map *out, int fd, struct mse_error *err);
void mse_sim_memfd_unmap(struct mse_sim_map *map);

#endif
