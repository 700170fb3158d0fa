/* SPDX-License-Identifier: Apache-2.0 */
/* mse measure of confidential machines: --layout snp and --layout tdx. */
#ifndef CLI_MEASURE_MACHINE_H
#define CLI_MEASURE_MACHINE_H

#include "cli/cli.h"

enum cli_exit cli_measure_snp(struct cli *c);
enum cli_exit cli_measure_tdx(struct cli *c);

#endif
