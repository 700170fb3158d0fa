/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints and keys of logs: what is read lies within the input, and nothing passes for signed.
 */
#include <mse/log.h>

#include "base/bytes.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nobody[32] = { 1 };
    struct mse_log_checkpoint c;
    struct mse_log_key k;
    struct mse_bytes in = { data, size };
    if (mse_log_key_parse(&k, in, NULL) == MSE_OK) {
        struct mse_log_key again;
        MSE_ASSERT(mse_log_key_make(&again, k.name, k.type, k.key, NULL) == MSE_OK);
        MSE_ASSERT(again.id == k.id);
    }
    if (mse_log_checkpoint_parse(&c, in, NULL) != MSE_OK) {
        return 0;
    }
    MSE_ASSERT(c.text.data == data && c.text.len + 1 + c.signatures.len == size);
    MSE_ASSERT(c.origin.data == data && c.origin.len < c.text.len);
    char name[MSE_LOG_MAX_NAME + 1] = "";
    if (c.origin.len <= MSE_LOG_MAX_NAME) {
        memcpy(name, c.origin.data, c.origin.len);
    }
    if (mse_log_key_make(&k, name, MSE_LOG_KEY_LOG, nobody, NULL) == MSE_OK) {
        mse_status st = mse_log_checkpoint_verify(&c, &k, NULL);
        MSE_ASSERT(st == MSE_ERR_LOG_KEY || st == MSE_ERR_SIGNATURE || st == MSE_ERR_CRYPTO);
    }
    return 0;
}
