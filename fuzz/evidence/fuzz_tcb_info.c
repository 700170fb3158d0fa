/* SPDX-License-Identifier: Apache-2.0 */
/* TCB info, evaluation numbers, and the replies that carry them. */
#include <mse/collateral.h>

#include "base/bytes.h"
#include "base/util.h"

static struct mse_tcb_info info; /* large */

static void check(const struct mse_tcb_info *t)
{
    MSE_ASSERT(t->version == 2 || t->version == 3);
    MSE_ASSERT(t->tee == MSE_TEE_SGX || (t->tee == MSE_TEE_TDX && t->version == 3));
    MSE_ASSERT(t->num_levels > 0 && t->num_levels <= MSE_MAX_TCB_LEVELS);
    MSE_ASSERT(t->num_tdx_modules <= MSE_MAX_TDX_MODULES);
    MSE_ASSERT(t->num_module_levels <= MSE_MAX_TCB_LEVELS);
    for (size_t i = 0; i < t->num_levels; i++) {
        MSE_ASSERT(t->levels[i].status > MSE_TCB_NONE &&
                   t->levels[i].status < MSE_TCB_STATUS_COUNT);
        MSE_ASSERT(t->levels[i].num_advisories <= MSE_MAX_ADVISORIES);
        MSE_ASSERT(t->levels[i].has_tdx_comp == (t->tee == MSE_TEE_TDX));
    }
    for (size_t i = 0; i < t->num_tdx_modules; i++) {
        const struct mse_tdx_module *m = &t->tdx_modules[i];
        MSE_ASSERT(m->first_level + m->num_levels <= t->num_module_levels);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_bytes body = { 0 };
    struct mse_tcb_eval_numbers numbers;
    struct mse_error err = { 0 };
    uint8_t sig[64];
    if (mse_signed_json_split(&body, sig, in, "tcbInfo", NULL) == MSE_OK) {
        MSE_ASSERT(body.len > 1 && body.data[0] == '{' && body.data[body.len - 1] == '}');
        in = body;
    }
    mse_status st = mse_tcb_info_parse(&info, in, &err);
    MSE_ASSERT(err.status == st);
    if (st == MSE_OK) {
        check(&info);
        in.len--;
        MSE_ASSERT(mse_tcb_info_parse(&info, in, NULL) != MSE_OK || in.data[in.len] != '}');
    } else {
        MSE_ASSERT(info.num_levels == 0);
    }
    st = mse_tcb_eval_numbers_parse(&numbers, mse_bytes_of(data, size), NULL);
    MSE_ASSERT(st != MSE_OK || (numbers.num > 0 && numbers.num <= MSE_MAX_EVAL_NUMBERS));
    return 0;
}
