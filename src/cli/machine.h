/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine of SEV-SNP or TDX is measured as, from the files that QEMU is given or from
 * measurements that were published: the options of mse measure, and the fingerprint of an app in
 * it. */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <mse/evidence.h>

#include "cli/cli.h"

/* Layouts of a context. */
#define CLI_LAYOUT_SNP "snp"
#define CLI_LAYOUT_TDX "tdx"

/* cli_machine_snp measures --firmware, with --kernel if it is there: measurement and policy.
 * MSE_ERR_ARGUMENT by the name of the option, those of files and of mse_measure_snp. */
MSE_MUST_USE mse_status cli_machine_snp(struct mse_snp_report *out, const struct cli *c,
                                        struct mse_error *err);
/* cli_machine_tdx measures --firmware, with --kernel if it is there: MRTD, RTMR1 and RTMR2; and
 * takes over --rtmr0, --xfam and --td-attributes. Errors likewise. */
MSE_MUST_USE mse_status cli_machine_tdx(struct mse_tdx_report *out, const struct cli *c,
                                        struct mse_error *err);

/* All that a fingerprint takes but the manifest. */
struct cli_machine {
    bool is_tdx;
    struct mse_snp_report snp;
    struct mse_tdx_report tdx;
};
/* cli_machine_load reads --measurements, or measures the files as above. MSE_ERR_ARGUMENT also for
 * what is missing; MSE_ERR_CONFIG: the measurements. */
MSE_MUST_USE mse_status cli_machine_load(struct cli_machine *out, const struct cli *c, bool is_tdx,
                                         struct mse_error *err);
/* cli_machine_fingerprint is that of an app with this manifest there. MSE_ERR_CRYPTO. */
MSE_MUST_USE mse_status cli_machine_fingerprint(uint8_t out[32], const struct cli_machine *m,
                                                struct mse_bytes manifest);

#endif
