/* SPDX-License-Identifier: Apache-2.0 */
/* Making proofs of RFC 9162 out of the hashes of perfect subtrees, wherever they come from. For who
 * keeps or reads a whole log: no part of libmse. */
#ifndef TLOG_PROVE_H
#define TLOG_PROVE_H

#include <mse/log.h>

/* The nodes of a tree: out gets the root over the leaves index * 2^level to (index + 1) * 2^level
 * - 1, all of which are there. Any status but MSE_OK ends what is made. */
struct mse_log_nodes {
    mse_status (*node)(void *user, uint8_t out[MSE_SHA256_LEN], unsigned level, uint64_t index,
                       struct mse_error *err);
    void *user;
};

/* mse_log_root_at: the root of the first size leaves. */
MSE_MUST_USE mse_status mse_log_root_at(uint8_t out[MSE_SHA256_LEN], const struct mse_log_nodes *n,
                                        uint64_t size, struct mse_error *err);
/* mse_log_prove_inclusion: the path of a leaf in the tree of size leaves; index < size. */
MSE_MUST_USE mse_status mse_log_prove_inclusion(uint8_t (*out)[MSE_SHA256_LEN], size_t *out_num,
                                                const struct mse_log_nodes *n, uint64_t index,
                                                uint64_t size, struct mse_error *err);
/* mse_log_prove_consistency: from the tree of before leaves to that of size; before <= size. */
MSE_MUST_USE mse_status mse_log_prove_consistency(uint8_t (*out)[MSE_SHA256_LEN], size_t *out_num,
                                                  const struct mse_log_nodes *n, uint64_t before,
                                                  uint64_t size, struct mse_error *err);

#endif
