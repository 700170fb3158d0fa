/* SPDX-License-Identifier: Apache-2.0 */
/* The MRENCLAVE that --libpal and --manifest say. */
#ifndef CLI_MEASURE_H
#define CLI_MEASURE_H

#include "cli/cli.h"
#include "cmd/files.h"

/* *manifest is the whole file; release with cli_file_clear also after failures. Errors of files and
 * of mse_measure_gramine. */
MSE_MUST_USE mse_status cli_measure_gramine(uint8_t mrenclave[32], struct cli_file *manifest,
                                            const struct cli *c, struct mse_error *err);

#endif
