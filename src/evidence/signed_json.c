/* SPDX-License-Identifier: Apache-2.0 */
/* The provisioning service's replies: a body and its signature in one object. */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include <mse/collateral.h>

mse_status mse_signed_json_split(struct mse_bytes *out_body, uint8_t out_sig[64],
                                 struct mse_bytes response, const char *member,
                                 struct mse_error *err)
{
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    struct mse_bytes body = { 0 };
    uint8_t sig[64];
    bool foreign = false;
    mse_json_init(&j, response);
    mse_json_object_begin(&j, &o);
    while (mse_json_object_next(&j, &o, &key)) {
        if (mse_bytes_is_str(key, "signature")) {
            (void)mse_json_hex(&j, sig, sizeof sig);
        } else if (mse_bytes_is_str(key, member) && mse_json_peek(&j) == MSE_JSON_OBJECT) {
            (void)mse_json_skip(&j, &body);
        } else {
            foreign = true;
            (void)mse_json_fail(&j);
        }
    }
    bool ok = mse_json_end(&j) && body.len > 0 && mse_json_object_has(&o, "signature");
    if (!ok) {
        mse_status st = MSE_FAIL(err, MSE_ERR_MALFORMED, member,
                                 foreign ? "a member other than %s (an object) and signature"
                                         : "not one object with %s and signature (128 hex digits)",
                                 member);
        mse_error_offset(err, mse_json_offset(&j));
        return st;
    }
    *out_body = body;
    memcpy(out_sig, sig, sizeof sig);
    return MSE_OK;
}
