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

static bool is_tdx_covered(const struct mse_tcb_level *l, const uint8_t *tee_tcb_svn)
{
    for (size_t i = tee_tcb_svn[1] > 0 ? 2 : 0; i < sizeof l->tdx_comp_svn; i++) {
        if (tee_tcb_svn[i] < l->tdx_comp_svn[i]) {
            return false;
        }
    }
    return l->has_tdx_comp;
}

const struct mse_tcb_level *mse_tcb_match(const struct mse_tcb_info *info,
                                          const struct mse_pck_ext *pck, const uint8_t *tee_tcb_svn)
{
    for (size_t i = 0; i < info->num_levels; i++) {
        const struct mse_tcb_level *l = &info->levels[i];
        if (is_covered(l, pck) && (tee_tcb_svn == NULL || is_tdx_covered(l, tee_tcb_svn))) {
            return l;
        }
    }
    return NULL;
}

/* "TDX_" and the version in two hexadecimal digits, of either case. */
static bool is_module_id(struct mse_bytes id, uint8_t version)
{
    struct mse_bytes head = { 0 };
    uint8_t seen = 0;
    return mse_rd_bytes(&id, &head, 4) && mse_bytes_is_str(head, "TDX_") &&
           mse_hex_decode(&seen, 1, id) && seen == version;
}

const struct mse_tdx_module *mse_tcb_module(const struct mse_tcb_info *info, uint8_t version)
{
    for (size_t i = 0; i < info->num_tdx_modules; i++) {
        if (is_module_id(info->tdx_modules[i].id, version)) {
            return &info->tdx_modules[i];
        }
    }
    return NULL;
}

static const struct mse_identity_level *first_reached(const struct mse_identity_level *levels,
                                                      size_t num, uint16_t isv_svn)
{
    for (size_t i = 0; i < num; i++) {
        if (isv_svn >= levels[i].isv_svn) {
            return &levels[i];
        }
    }
    return NULL;
}

const struct mse_identity_level *mse_tcb_module_match(const struct mse_tcb_info *info,
                                                      const struct mse_tdx_module *m,
                                                      uint8_t isv_svn)
{
    return first_reached(&info->module_levels[m->first_level], m->num_levels, isv_svn);
}

const struct mse_identity_level *mse_identity_match(const struct mse_qe_identity *id,
                                                    uint16_t isv_svn)
{
    return first_reached(id->levels, id->num_levels, isv_svn);
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

/* Whether the module that runs now is the latest: its ISVSVN, and the SEAM loader's component of
 * the latest level. */
static bool runs_latest(const struct mse_tcb_relaunch *r, bool *known)
{
    const uint8_t *svn2 = r->tee_tcb_svn2;
    const uint8_t *latest = r->info->levels[0].tdx_comp_svn;
    uint16_t least = latest[0];
    if (svn2[1] > 0) {
        const struct mse_tdx_module *m = mse_tcb_module(r->info, svn2[1]);
        *known = m != NULL;
        if (m == NULL || m->num_levels == 0) {
            return false;
        }
        least = r->info->module_levels[m->first_level].isv_svn;
    }
    return svn2[0] >= least && svn2[2] >= latest[2];
}

bool mse_tcb_relaunch(enum mse_tcb_status *s, const struct mse_tcb_relaunch *r)
{
    const struct mse_tcb_level *sgx = mse_tcb_match(r->info, r->pck, NULL);
    unsigned bad = NEEDS_UPDATE | IS_REVOKED | IS_UNKNOWN;
    bool known = true;
    *s = r->tdx;
    if (sgx == NULL || (complaints(sgx->status) & (bad | NEEDS_RELAUNCH)) != 0 ||
        (complaints(r->qe) & bad) != 0 || (complaints(r->tdx) & bad) != NEEDS_UPDATE ||
        r->module != MSE_TCB_OUT_OF_DATE || !runs_latest(r, &known)) {
        return known;
    }
    bool configuration =
        ((complaints(sgx->status) | complaints(r->tdx)) & NEEDS_CONFIGURATION) != 0;
    *s = configuration ? MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
                       : MSE_TCB_TD_RELAUNCH_ADVISED;
    return true;
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
