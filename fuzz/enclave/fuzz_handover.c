/* SPDX-License-Identifier: Apache-2.0 */
/* What two enclaves say to each other in a handover, once they have judged each other. What is
 * accepted is written again as it was. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "enclave/handover.h"

static void try_question(struct mse_bytes in)
{
    struct mse_build b;
    size_t len = 0;
    struct mse_bytes signature = { in.data + MSE_QUESTION_HEAD_LEN,
                                   in.len - MSE_QUESTION_HEAD_LEN };
    if (mse_question_head_read(&len, in.data, NULL) != MSE_OK || signature.len < len) {
        return;
    }
    MSE_ASSERT(len <= MSE_UPGRADE_SIGNATURE_MAX);
    signature.len = len;
    mse_build_heap(&b, in.len);
    mse_question_write(&b, signature);
    MSE_ASSERT(mse_build_ok(&b) && b.len == MSE_QUESTION_HEAD_LEN + len &&
               mse_mem_equal(b.data, in.data, b.len));
    mse_build_clear(&b);
}

static void try_answer(struct mse_bytes in)
{
    struct mse_legacy l = { .floor = -1 };
    uint8_t again[MSE_LEGACY_LEN];
    if (mse_legacy_read(&l, in.data, NULL) != MSE_OK) {
        MSE_ASSERT(l.floor == -1);
        return;
    }
    MSE_ASSERT(l.floor >= 0);
    mse_legacy_write(again, &l);
    MSE_ASSERT(mse_mem_equal(again, in.data, sizeof again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    if (in.len >= MSE_QUESTION_HEAD_LEN) {
        try_question(in);
    }
    if (in.len >= MSE_LEGACY_LEN) {
        try_answer(in);
    }
    return 0;
}
