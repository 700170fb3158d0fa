/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that a verifier keeps: the machines whom the user trusts, and the digests of runtimes that
 * somebody whom the user trusts has published.
 *
 *   [[machine]]                    [[digest]]
 *   name = "rack 4"                kind = "runtime"
 *   piid = "<32 hex>"              name = "mse-enclave 0.1.0"
 *                                  sha256 = "<64 hex>"
 *
 * A machine has one of piid, ppid (32 digits), chip_id (128), sha256 (64, of one of them). Kinds of
 * digests: runtime, loader, rootfs. Unknown keys and kinds are errors, empty lists too: nobody
 * shall rely on a digest that nothing is compared with. */
#ifndef CONF_LISTS_H
#define CONF_LISTS_H

#include <mse/policy.h>

#include "conf/reader.h"

/* mse_machines_parse adds every machine of the file to p->allowed_machines; on failure *p is as it
 * was. MSE_ERR_CONFIG, MSE_ERR_POLICY. */
MSE_MUST_USE mse_status mse_machines_parse(struct mse_policy *p, const char *name,
                                           struct mse_bytes text, struct mse_error *err);
/* mse_digests_find tells whether the list has this digest of this kind. The whole file is checked.
 * MSE_ERR_CONFIG. */
MSE_MUST_USE mse_status mse_digests_find(bool *out_found, const char *name, struct mse_bytes text,
                                         const char *kind, const uint8_t sha256[32],
                                         struct mse_error *err);

#endif
