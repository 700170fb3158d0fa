/* SPDX-License-Identifier: Apache-2.0 */
/* Matching of TCB levels and merging of statuses.
 * spec: Intel SGX TCB info API v4, "Enumerate and match TCB levels" */
#include "attest/tcb.h"

#include "base/bytes.h"
#include "base/util.h"

static bool is_covered(const struct mse_tcb_level *l, const struct mse_pck_ext *pck)
{
    for (size_t i = 0; i < sizeof pck->comp_svn; i++) {
        if (pck->comp_svn[i] < l->sgx_comp_svn[i]) {
            return false;
        }
    }
    return pck->pce_svn >= l->pce_svn;
}

const struct mse_tcb_level *mse_tcb_match(const struct mse_tcb_info *info,
                                          const struct mse_pck_ext *pck)
{
    for (size_t i = 0; i < info->num_levels; i++) {
        if (is_covered(&info->levels[i], pck)) {
            return &info->levels[i];
        }
    }
    return NULL;
}

const struct mse_identity_level *mse_identity_match(const struct mse_qe_identity *id,
                                                    uint16_t isv_svn)
{
    for (size_t i = 0; i < id->num_levels; i++) {
        if (isv_svn >= id->levels[i].isv_svn) {
            return &id->levels[i];
        }
    }
    return NULL;
}

/* A status is a set of complaints; merging two statuses unites the sets. */
#define NEEDS_HARDENING     1U
#define NEEDS_CONFIGURATION 2U
#define NEEDS_UPDATE        4U
#define NEEDS_RELAUNCH      8U
#define IS_REVOKED          16U
#define IS_UNKNOWN          32U

static unsigned complaints(enum mse_tcb_status s)
{
    switch (s) {
    case MSE_TCB_UP_TO_DATE:
        return 0;
    case MSE_TCB_SW_HARDENING_NEEDED:
        return NEEDS_HARDENING;
    case MSE_TCB_CONFIGURATION_NEEDED:
        return NEEDS_CONFIGURATION;
    case MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED:
        return NEEDS_CONFIGURATION | NEEDS_HARDENING;
    case MSE_TCB_OUT_OF_DATE:
        return NEEDS_UPDATE;
    case MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED:
        return NEEDS_UPDATE | NEEDS_CONFIGURATION;
    case MSE_TCB_TD_RELAUNCH_ADVISED:
        return NEEDS_RELAUNCH;
    case MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED:
        return NEEDS_RELAUNCH | NEEDS_CONFIGURATION;
    case MSE_TCB_REVOKED:
        return IS_REVOKED;
    case MSE_TCB_NONE:
    case MSE_TCB_STATUS_COUNT:
        break;
    }
    return IS_UNKNOWN;
}

enum mse_tcb_status mse_tcb_converge(enum mse_tcb_status a, enum mse_tcb_status b)
{
    unsigned all = complaints(a) | complaints(b);
    bool configuration = (all & NEEDS_CONFIGURATION) != 0;
    if ((all & IS_UNKNOWN) != 0) {
        return MSE_TCB_NONE;
    }
    if ((all & IS_REVOKED) != 0) {
        return MSE_TCB_REVOKED;
    }
    if ((all & NEEDS_UPDATE) != 0) {
        return configuration ? MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED : MSE_TCB_OUT_OF_DATE;
    }
    if ((all & NEEDS_RELAUNCH) != 0) {
        return configuration ? MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
                             : MSE_TCB_TD_RELAUNCH_ADVISED;
    }
    if ((all & NEEDS_HARDENING) != 0) {
        return configuration ? MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED
                             : MSE_TCB_SW_HARDENING_NEEDED;
    }
    return configuration ? MSE_TCB_CONFIGURATION_NEEDED : MSE_TCB_UP_TO_DATE;
}

static bool has_advisory(const struct mse_verdict *v, struct mse_bytes id)
{
    for (size_t i = 0; i < v->num_advisories; i++) {
        if (mse_bytes_is_str(id, v->advisories[i])) {
            return true;
        }
    }
    return false;
}

bool mse_tcb_add_advisories(struct mse_verdict *v, const struct mse_bytes *advisories, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        struct mse_bytes id = advisories[i];
        if (has_advisory(v, id)) {
            continue;
        }
        if (v->num_advisories >= MSE_MAX_ADVISORIES || id.len >= MSE_ADVISORY_LEN ||
            !mse_rd_copy(&id, v->advisories[v->num_advisories], id.len)) {
            return false;
        }
        v->advisories[v->num_advisories][advisories[i].len] = '\0';
        mse_utf8_printable(v->advisories[v->num_advisories]);
        v->num_advisories++;
    }
    return true;
}
