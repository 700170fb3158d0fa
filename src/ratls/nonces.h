/* SPDX-License-Identifier: Apache-2.0 */
/* Several nonces under one quote (10-rules 14): the root of the tree of RFC 9162 §2.1 over them,
 * and the path from each nonce to the root. */
#ifndef RATLS_NONCES_H
#define RATLS_NONCES_H

#include <mse/status.h>

#define MSE_NONCES_DEPTH 8
#define MSE_NONCES_MAX   ((size_t)1 << MSE_NONCES_DEPTH)

struct mse_nonce {
    uint8_t bytes[32];
};

struct mse_nonce_path {
    uint32_t index;
    uint32_t size; /* number of nonces */
    uint32_t num;
    uint8_t hashes[MSE_NONCES_DEPTH][32]; /* from the leaf up */
};

/* mse_nonces_root: the root over num nonces, 1 to MSE_NONCES_MAX. */
MSE_MUST_USE mse_status mse_nonces_root(uint8_t out[32], const struct mse_nonce *nonces,
                                        size_t num);
/* mse_nonces_path: the path of the nonce at index. */
MSE_MUST_USE mse_status mse_nonces_path(struct mse_nonce_path *out, const struct mse_nonce *nonces,
                                        size_t num, size_t index);
/* How many hashes the path of this index has in a tree of this size. */
uint32_t mse_nonces_path_len(uint32_t index, uint32_t size);
/* mse_nonces_follow: the root that a nonce and its path lead to. MSE_ERR_AUDIT_PATH if the path has
 * not the one form that index and size allow. */
MSE_MUST_USE mse_status mse_nonces_follow(uint8_t out[32], const uint8_t nonce[32],
                                          const struct mse_nonce_path *path);

#endif
