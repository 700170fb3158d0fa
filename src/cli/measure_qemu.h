/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of QEMU that starts a machine as mse measure measured it. */
#ifndef CLI_MEASURE_QEMU_H
#define CLI_MEASURE_QEMU_H

#include "cli/cli.h"

/* The words, from the options of c; a new reference. binding: HOST_DATA or MRCONFIGID, or empty.
 * NULL after an error that was printed. */
json_t *cli_qemu_snp(const struct cli *c, struct mse_bytes binding, uint64_t policy);
json_t *cli_qemu_tdx(const struct cli *c, struct mse_bytes binding, uint64_t attributes);
/* One line for a shell; on the heap, NULL without memory. */
char *cli_qemu_line(const json_t *words);

#endif
