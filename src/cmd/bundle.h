/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence bundles (docs/protocol.md) of parts that are at hand. Nothing is judged. */
#ifndef CMD_BUNDLE_H
#define CMD_BUNDLE_H

#include <jansson.h>

#include <mse/status.h>

struct cli_bundle {
    struct mse_bytes collateral;  /* a collateral file; empty: none is stapled */
    struct mse_bytes certificate; /* PEM */
    struct mse_bytes manifest;
    mse_time now;
};
/* The bundle, a new reference. MSE_ERR_MALFORMED (the collateral file is none), MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status cli_bundle_make(json_t **out, const struct cli_bundle *parts,
                                        struct mse_error *err);

#endif
