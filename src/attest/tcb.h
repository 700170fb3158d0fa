/* SPDX-License-Identifier: Apache-2.0 */
/* TCB evaluation: arithmetic over parsed collateral, no verdict. */
#ifndef ATTEST_TCB_H
#define ATTEST_TCB_H

#include <mse/attest.h>
#include <mse/collateral.h>

/* The first level, in the order of the document, whose 16 components and PCESVN are all at most the
 * platform's; NULL if there is none. With tee_tcb_svn (16 bytes of a TD report; NULL for SGX) the
 * TDX components must be so as well, but for the first two where the report names a version of the
 * TDX module: then its identity judges them. */
const struct mse_tcb_level *mse_tcb_match(const struct mse_tcb_info *info,
                                          const struct mse_pck_ext *pck,
                                          const uint8_t *tee_tcb_svn);
/* The identity of the TDX module of a version (tee_tcb_svn[1], not 0); NULL if there is none. */
const struct mse_tdx_module *mse_tcb_module(const struct mse_tcb_info *info, uint8_t version);
/* The first level of a module's identity whose ISVSVN is at most isv_svn; NULL if there is none. */
const struct mse_identity_level *mse_tcb_module_match(const struct mse_tcb_info *info,
                                                      const struct mse_tdx_module *m,
                                                      uint8_t isv_svn);

/* A TD that was launched under an older TDX module than the one that runs now. */
struct mse_tcb_relaunch {
    const struct mse_tcb_info *info;
    const struct mse_pck_ext *pck;
    const uint8_t *tee_tcb_svn2; /* of a TD report 1.5 */
    enum mse_tcb_status tdx;     /* converged with the module's */
    enum mse_tcb_status module;
    enum mse_tcb_status qe;
};
/* mse_tcb_relaunch sets *s to TDRelaunchAdvised (or …ConfigurationNeeded) if nothing but the module
 * under which the TD was launched is out of date, and the one that runs now is the latest; else *s
 * is r->tdx. False: the module that runs now has no identity, though it had to be looked up.
 * spec: Intel TDX TCB evaluation, 4.1.2.4.17.4.3 */
MSE_MUST_USE bool mse_tcb_relaunch(enum mse_tcb_status *s, const struct mse_tcb_relaunch *r);
/* The first level whose ISVSVN is at most isv_svn; NULL if there is none. */
const struct mse_identity_level *mse_identity_match(const struct mse_qe_identity *id,
                                                    uint16_t isv_svn);
/* mse_tcb_converge merges the statuses of two parts of one platform: what is out of date, revoked
 * or in need of configuration in either is so in both. MSE_TCB_NONE if either is. */
enum mse_tcb_status mse_tcb_converge(enum mse_tcb_status a, enum mse_tcb_status b);
/* mse_tcb_add_advisories unites; false if one does not fit into the verdict. */
MSE_MUST_USE bool mse_tcb_add_advisories(struct mse_verdict *v, const struct mse_bytes *advisories,
                                         size_t num);

#endif
