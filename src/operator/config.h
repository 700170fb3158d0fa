/* SPDX-License-Identifier: Apache-2.0 */
/* msed.toml: what the operator's program is told. */
#ifndef OPERATOR_CONFIG_H
#define OPERATOR_CONFIG_H

#include <mse/status.h>

#define MSE_OP_CONFIG_MAX ((size_t)64 * 1024)

struct mse_op_config {
    char *domain;     /* apps get names below it */
    char *database;   /* path, or postgresql://… */
    char *signer_key; /* path of a PEM */
};
/* mse_op_config_parse reads text; paths become relative to the folder of the file name. Release
 * with mse_op_config_clear. MSE_ERR_CONFIG with file and line. */
MSE_MUST_USE mse_status mse_op_config_parse(struct mse_op_config *out, const char *name,
                                            struct mse_bytes text, struct mse_error *err);
void mse_op_config_clear(struct mse_op_config *c);

#endif
