/* SPDX-License-Identifier: Apache-2.0 */
/* A policy in TOML: the same keys and rules as mse_policy_parse_json, out of the same table. */
#ifndef CONF_POLICY_TOML_H
#define CONF_POLICY_TOML_H

#include <mse/policy.h>

/* MSE_ERR_CONFIG for the form (with the line), MSE_ERR_POLICY for values. */
MSE_MUST_USE mse_status mse_policy_parse_toml(struct mse_policy *out, const char *name,
                                              struct mse_bytes text, struct mse_error *err);

#endif
