/* SPDX-License-Identifier: Apache-2.0 */
/* operators.toml: which enclave signer the user expects of which domain.
 *   ["*.example.org"]
 *   signer = "<64 hex>" or "<path of a PEM, relative to the file>" */
#ifndef CONF_OPERATORS_H
#define CONF_OPERATORS_H

#include "conf/reader.h"

/* mse_operators_find looks up host: the exact name wins, else the longest "*.suffix" that matches
 * (a star stands for one or more labels). *out_signer: heap text as written, NULL if no entry
 * matches. The whole file is checked, whatever host is. MSE_ERR_CONFIG. */
MSE_MUST_USE mse_status mse_operators_find(char **out_signer, const char *name,
                                           struct mse_bytes text, const char *host,
                                           struct mse_error *err);

#endif
