/* SPDX-License-Identifier: Apache-2.0 */
/* What users and programs hand over as text: a token, a list of scopes, the head of an audit log.
 * What is accepted is written the same way again, or has its only form. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "operator/msed.h"

static void try_token(struct mse_bytes text)
{
    uint8_t hash[32];
    uint8_t wanted[32];
    if (!mse_op_token_parse(hash, text)) {
        return;
    }
    MSE_ASSERT(text.len == MSE_OP_TOKEN_LEN - 1);
    MSE_ASSERT(mse_bytes_is_str(mse_bytes_of(text.data, 5), "mset_"));
    MSE_ASSERT(mse_sha256(wanted, text) == MSE_OK);
    MSE_ASSERT(mse_ct_equal(hash, wanted, sizeof hash));
}

static void try_scopes(struct mse_bytes text)
{
    char out[MSE_OP_SCOPES_LEN];
    unsigned bits = 0;
    unsigned again = 0;
    if (!mse_op_scopes_parse(&bits, text)) {
        return;
    }
    MSE_ASSERT(bits > 0 && bits < 16);
    mse_op_scopes_format(out, bits);
    MSE_ASSERT(strlen(out) == text.len);
    MSE_ASSERT(mse_op_scopes_parse(&again, mse_bytes_str(out)) && again == bits);
}

static void try_head(struct mse_bytes text)
{
    char out[MSED_HEAD_LEN];
    struct mse_op_audit_head h;
    struct mse_op_audit_head again;
    if (!msed_head_parse(&h, text)) {
        return;
    }
    msed_head_format(out, &h);
    MSE_ASSERT(strlen(out) == text.len);
    MSE_ASSERT(msed_head_parse(&again, mse_bytes_str(out)) && again.seq == h.seq);
    MSE_ASSERT(mse_ct_equal(again.hash, h.hash, sizeof h.hash));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mse_bytes text = mse_bytes_of(data, size);
    enum mse_op_app_status status;
    enum mse_op_mode mode;
    try_token(text);
    try_scopes(text);
    try_head(text);
    MSE_ASSERT(!mse_op_status_parse(&status, text) ||
               mse_bytes_is_str(text, mse_op_status_name(status)));
    MSE_ASSERT(!mse_op_mode_parse(&mode, text) || mse_bytes_is_str(text, mse_op_mode_name(mode)));
    return 0;
}
