/* SPDX-License-Identifier: Apache-2.0 */
/* Words that clients of the operator send and that its database holds: what is taken is written
 * again in one way, and is taken then too. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/store.h"

static void check_scopes(struct mse_bytes in)
{
    char text[MSE_OP_SCOPES_LEN];
    unsigned scopes = 0;
    unsigned again = 0;
    if (!mse_op_scopes_parse(&scopes, in)) {
        return;
    }
    mse_op_scopes_format(text, scopes);
    MSE_ASSERT(mse_op_scopes_parse(&again, mse_bytes_str(text)) && again == scopes);
    MSE_ASSERT(strlen(text) == in.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    uint8_t sum[32];
    enum mse_op_mode mode = MSE_OP_SELF;
    enum mse_op_app_status status = MSE_OP_RUNNING;
    check_scopes(in);
    MSE_ASSERT(!mse_op_mode_parse(&mode, in) || mse_bytes_is_str(in, mse_op_mode_name(mode)));
    MSE_ASSERT(!mse_op_status_parse(&status, in) ||
               mse_bytes_is_str(in, mse_op_status_name(status)));
    MSE_ASSERT(!mse_op_token_parse(sum, in) || size == MSE_OP_TOKEN_LEN - 1);
    return 0;
}
