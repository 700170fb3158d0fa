/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of logs: counts stay within their arrays, slices within their buffers, and verification
 * comes to an end whatever sizes are claimed. */
#include <stdlib.h>

#include <mse/log.h>

#include "base/bytes.h"
#include "base/util.h"

static void check(const struct mse_log_proof *p)
{
    uint8_t leaf[MSE_SHA256_LEN] = { 0 };
    MSE_ASSERT(p->num_path <= MSE_LOG_MAX_PATH && p->num_link <= MSE_LOG_MAX_LINK);
    MSE_ASSERT(p->entry.len <= sizeof p->extra);
    MSE_ASSERT(p->entry.len == 0 || p->entry.data == p->extra);
    struct mse_bytes path = mse_bytes_of(p->path, p->num_path * MSE_SHA256_LEN);
    const struct mse_log_head *now = &p->checkpoint.head;
    if (mse_log_leaf_hash(leaf, p->entry) == MSE_OK &&
        mse_log_verify_inclusion(leaf, p->index, now->size, path, now->root) == MSE_OK) {
        MSE_ASSERT(p->index < now->size);
        leaf[0] ^= 1;
        MSE_ASSERT(mse_log_verify_inclusion(leaf, p->index, now->size, path, now->root) ==
                   MSE_ERR_LOG_INCLUSION);
    }
    struct mse_log_head before = { .size = p->link_size };
    struct mse_bytes link = mse_bytes_of(p->link, p->num_link * MSE_SHA256_LEN);
    mse_status st = mse_log_verify_consistency(&before, now, link);
    MSE_ASSERT(st != MSE_OK || before.size == now->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_log_proof *p = malloc(sizeof *p);
    if (p != NULL && mse_log_proof_parse(p, mse_bytes_of(data, size), NULL) == MSE_OK) {
        check(p);
    }
    free(p);
    return 0;
}
