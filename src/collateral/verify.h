/* SPDX-License-Identifier: Apache-2.0 */
/* The half of mse_fetched_verify that is AMD's. */
#ifndef COLLATERAL_VERIFY_H
#define COLLATERAL_VERIFY_H

#include "collateral/fetch.h"

/* MSE_FETCH_VCEK, _AMD_CHAIN, _AMD_CRL. */
MSE_MUST_USE mse_status mse_fetched_verify_amd(struct mse_fetched *o,
                                               const struct mse_fetch_key *key,
                                               const struct mse_fetch_config *c,
                                               struct mse_error *err);

/* Whether a window of dates contains the time of the configuration. what: for the text. */
struct mse_fetch_window {
    const char *what;
    mse_status early;
    mse_status late;
};
MSE_MUST_USE mse_status mse_fetched_in_date(const struct mse_fetched *o,
                                            const struct mse_fetch_window *w, mse_time at,
                                            struct mse_error *err);

#endif
