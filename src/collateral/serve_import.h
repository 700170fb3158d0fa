/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral that is carried in by hand, and what a platform says of itself: JSON from outside. */
#ifndef COLLATERAL_SERVE_IMPORT_H
#define COLLATERAL_SERVE_IMPORT_H

#include "collateral/serve_store.h"

#define MSE_SERVE_MAX_IMPORT ((size_t)16 * 1024 * 1024)

/* mse_serve_import stores what a document holds: a collateral file or evidence bundle
 * (mse_bundle_parse), or what the administration tool of a PCCS puts ("collaterals"). Each piece is
 * judged by itself; what is there already, or newer there, is passed over. *num counts what was
 * stored. MSE_ERR_MALFORMED, and those of the store: then the pieces before stay. */
MSE_MUST_USE mse_status mse_serve_import(struct mse_serve_store *s, size_t *num,
                                         struct mse_bytes json, mse_time now,
                                         struct mse_error *err);

/* mse_serve_platform_parse reads the registration of a platform. *manifest borrows hexadecimal
 * digits, or is empty. MSE_ERR_MALFORMED. */
MSE_MUST_USE mse_status mse_serve_platform_parse(struct mse_serve_platform *out,
                                                 struct mse_bytes *manifest, struct mse_bytes json,
                                                 struct mse_error *err);

#endif
