/* SPDX-License-Identifier: Apache-2.0 */
/* What TCB info and QE identity have in common. */
#ifndef EVIDENCE_LEVELS_H
#define EVIDENCE_LEVELS_H

#include <mse/collateral.h>

#include "base/json.h"

/* A document that is being read: where names the member at hand, for the error. */
struct mse_doc {
    struct mse_json j;
    const char *where;
};

/* Each reads one value; on failure the reader fails. */
bool mse_doc_status(struct mse_doc *d, enum mse_tcb_status *out);
bool mse_doc_advisories(struct mse_doc *d, struct mse_bytes out[MSE_MAX_ADVISORIES], size_t *num);
/* An array of {tcb: {isvsvn}, tcbDate, tcbStatus, advisoryIDs}: appended to out, at most max in
 * all. */
bool mse_doc_identity_levels(struct mse_doc *d, struct mse_identity_level *out, size_t *num,
                             size_t max);
/* Fails unless o has every one of the keys (NULL ends the list). */
bool mse_doc_need(struct mse_doc *d, const struct mse_json_object *o, const char *const *keys);

#endif
