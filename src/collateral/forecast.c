/* SPDX-License-Identifier: Apache-2.0 */
#include "collateral/forecast.h"

#include "attest/tcb.h"
#include "base/bytes.h"
#include <mse/policy.h>

struct list {
    struct mse_short *out;
    size_t num;
};

static void compare(struct list *l, enum mse_short_kind kind, unsigned index, unsigned have,
                    unsigned want)
{
    if (have < want) {
        struct mse_short s = { .kind = kind, .index = index, .have = have, .want = want };
        l->out[l->num++] = s;
    }
}

static bool is_good(enum mse_tcb_status s, uint32_t statuses)
{
    return (MSE_TCB_BIT(s) & statuses) != 0;
}

static const struct mse_tcb_level *target_of(const struct mse_tcb_info *info, uint32_t statuses)
{
    for (size_t i = 0; i < info->num_levels; i++) {
        if (is_good(info->levels[i].status, statuses)) {
            return &info->levels[i];
        }
    }
    return info->num_levels > 0 ? &info->levels[0] : NULL;
}

static const struct mse_identity_level *target_of_identity(const struct mse_identity_level *levels,
                                                           size_t num, uint32_t statuses)
{
    for (size_t i = 0; i < num; i++) {
        if (is_good(levels[i].status, statuses)) {
            return &levels[i];
        }
    }
    return num > 0 ? &levels[0] : NULL;
}

static void compare_platform(struct list *l, const struct mse_svns *s,
                             const struct mse_tcb_level *level)
{
    for (unsigned i = 0; i < 16; i++) {
        compare(l, MSE_SHORT_SGX_COMPONENT, i + 1, s->pck.comp_svn[i], level->sgx_comp_svn[i]);
    }
    compare(l, MSE_SHORT_PCE, 0, s->pck.pce_svn, level->pce_svn);
    /* The first two are the module's where it has a version: its identity judges them. */
    unsigned first = s->tee_tcb_svn[1] > 0 ? 2 : 0;
    for (unsigned i = first; s->tdx && level->has_tdx_comp && i < 16; i++) {
        compare(l, MSE_SHORT_TDX_COMPONENT, i + 1, s->tee_tcb_svn[i], level->tdx_comp_svn[i]);
    }
}

size_t mse_forecast(struct mse_short *out, const struct mse_svns *svns,
                    const struct mse_tcb_info *info, const struct mse_qe_identity *qe,
                    uint32_t statuses)
{
    struct list l = { .out = out };
    const struct mse_tcb_level *level = target_of(info, statuses);
    const struct mse_identity_level *one = NULL;
    if (level != NULL) {
        compare_platform(&l, svns, level);
    }
    const struct mse_tdx_module *m =
        svns->tdx && svns->tee_tcb_svn[1] > 0 ? mse_tcb_module(info, svns->tee_tcb_svn[1]) : NULL;
    if (m != NULL) {
        one = target_of_identity(&info->module_levels[m->first_level], m->num_levels, statuses);
        compare(&l, MSE_SHORT_TDX_MODULE, 0, svns->tee_tcb_svn[0], one == NULL ? 0 : one->isv_svn);
    }
    one = target_of_identity(qe->levels, qe->num_levels, statuses);
    compare(&l, MSE_SHORT_QE, 0, svns->qe_isv_svn, one == NULL ? 0 : one->isv_svn);
    return l.num;
}

const char *mse_short_name(enum mse_short_kind k)
{
    static const char *const names[] = {
        [MSE_SHORT_SGX_COMPONENT] = "SGX TCB component",
        [MSE_SHORT_PCE] = "provisioning enclave (PCESVN)",
        [MSE_SHORT_TDX_COMPONENT] = "TDX TCB component",
        [MSE_SHORT_TDX_MODULE] = "TDX module",
        [MSE_SHORT_QE] = "quoting enclave",
    };
    return names[k];
}
