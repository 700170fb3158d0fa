/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between a platform and a level of a set of collateral: arithmetic, no judgement. */
#ifndef COLLATERAL_FORECAST_H
#define COLLATERAL_FORECAST_H

#include <mse/collateral.h>
#include <mse/evidence.h>

/* One SVN that is too low. */
enum mse_short_kind {
    MSE_SHORT_SGX_COMPONENT, /* index 1 to 16, of the PCK certificate */
    MSE_SHORT_PCE,
    MSE_SHORT_TDX_COMPONENT, /* index 1 to 16, of the TD report */
    MSE_SHORT_TDX_MODULE,    /* the ISVSVN of the TDX module */
    MSE_SHORT_QE,            /* the ISVSVN of the quoting enclave */
};
struct mse_short {
    enum mse_short_kind kind;
    unsigned index;
    unsigned have;
    unsigned want;
};
#define MSE_MAX_SHORT 35 /* 16 + 1 + 16 + 1 + 1 */

/* What a piece of evidence says of its platform. */
struct mse_svns {
    struct mse_pck_ext pck;
    bool tdx;
    uint8_t tee_tcb_svn[16];
    uint16_t qe_isv_svn;
};

/* mse_forecast lists what is short of the first level of info, of the TDX module's identity and of
 * qe that has one of the statuses (bits, as in a policy; of none of them: of the first level at
 * all). out has room for MSE_MAX_SHORT. Returns how many there are. */
size_t mse_forecast(struct mse_short *out, const struct mse_svns *svns,
                    const struct mse_tcb_info *info, const struct mse_qe_identity *qe,
                    uint32_t statuses);
/* "SGX TCB component" and so on. */
const char *mse_short_name(enum mse_short_kind k);

#endif
