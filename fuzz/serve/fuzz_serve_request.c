/* SPDX-License-Identifier: Apache-2.0 */
/* Any request target: what is accepted has a name of its own, and that name says the same again. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/serve_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_serve_request q;
    struct mse_error err = { 0 };
    char name[MSE_SERVE_NAME_LEN];
    mse_status st = mse_serve_request_parse(&q, mse_bytes_of(data, size), &err);
    if (st != MSE_OK) {
        MSE_ASSERT(err.status == st && (st == MSE_ERR_NOT_FOUND || st == MSE_ERR_MALFORMED ||
                                        st == MSE_ERR_UNSUPPORTED));
        return 0;
    }
    MSE_ASSERT(size <= MSE_SERVE_MAX_TARGET && size > 0 && data[0] == '/');
    MSE_ASSERT(q.num_fmspcs <= MSE_SERVE_MAX_FMSPCS);
    if (q.endpoint == MSE_SERVE_OBJECT) {
        MSE_ASSERT(q.key.kind >= 1 && q.key.kind < MSE_SERVE_KIND_END);
        MSE_ASSERT(q.key.set >= MSE_SERVE_EARLY && q.key.set <= (int64_t)UINT32_MAX);
        MSE_ASSERT(mse_serve_is_tcb(q.key.kind) || mse_mem_is_zero(q.key.fmspc, 6));
        mse_serve_key_name(name, &q.key);
        MSE_ASSERT(strlen(name) < sizeof name - 1);
    }
    MSE_ASSERT(!q.platform.has_ppid || q.endpoint == MSE_SERVE_PCK_CERT);
    return 0;
}
