/* SPDX-License-Identifier: Apache-2.0 */
/* TCB info, evaluation numbers, and the replies that carry them. */
#include <mse/collateral.h>

#include "base/bytes.h"
#include "base/util.h"

static struct mse_tcb_info info; /* large */

static void check_level(const struct mse_tcb_info *t, const struct mse_tcb_level *l)
{
    MSE_ASSERT(l->status > MSE_TCB_NONE && l->status < MSE_TCB_STATUS_COUNT);
    MSE_ASSERT(l->num_advisories <= MSE_MAX_ADVISORIES);
    MSE_ASSERT(l->has_tdx_comp == (t->tee == MSE_TEE_TDX));
}

static void check_modules(const struct mse_tcb_info *t)
{
    MSE_ASSERT(t->num_tdx_modules <= MSE_MAX_TDX_MODULES);
    MSE_ASSERT(t->num_module_levels <= MSE_MAX_TCB_LEVELS);
    for (size_t i = 0; i < t->num_tdx_modules; i++) {
        const struct mse_tdx_module *m = &t->tdx_modules[i];
        MSE_ASSERT(m->first_level + m->num_levels <= t->num_module_levels);
    }
}

static void check_info(const struct mse_tcb_info *t)
{
    MSE_ASSERT(t->version == 2 || t->version == 3);
    MSE_ASSERT(t->tee == MSE_TEE_SGX || (t->tee == MSE_TEE_TDX && t->version == 3));
    MSE_ASSERT(t->num_levels > 0 && t->num_levels <= MSE_MAX_TCB_LEVELS);
    for (size_t i = 0; i < t->num_levels; i++) {
        check_level(t, &t->levels[i]);
    }
    check_modules(t);
}

static void check_numbers(struct mse_bytes in)
{
    struct mse_tcb_eval_numbers n;
    mse_status st = mse_tcb_eval_numbers_parse(&n, in, NULL);
    MSE_ASSERT(st != MSE_OK || (n.num > 0 && n.num <= MSE_MAX_EVAL_NUMBERS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_bytes body = { 0 };
    struct mse_error err = { 0 };
    uint8_t sig[64];
    check_numbers(in);
    if (mse_signed_json_split(&body, sig, in, "tcbInfo", NULL) == MSE_OK) {
        MSE_ASSERT(body.len > 1 && body.data[0] == '{' && body.data[body.len - 1] == '}');
        in = body;
    }
    mse_status st = mse_tcb_info_parse(&info, in, &err);
    MSE_ASSERT(err.status == st);
    if (st == MSE_OK) {
        check_info(&info);
    } else {
        MSE_ASSERT(info.num_levels == 0);
    }
    return 0;
}
