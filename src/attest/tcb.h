/* SPDX-License-Identifier: Apache-2.0 */
/* TCB evaluation: arithmetic over parsed collateral, no verdict. */
#ifndef ATTEST_TCB_H
#define ATTEST_TCB_H

#include <mse/attest.h>
#include <mse/collateral.h>

/* The first level, in the order of the document, whose 16 components and PCESVN are all at most the
 * platform's; NULL if there is none. */
const struct mse_tcb_level *mse_tcb_match(const struct mse_tcb_info *info,
                                          const struct mse_pck_ext *pck);
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
