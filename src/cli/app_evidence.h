/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that an app asked for: what mse verify is told to compare it with. */
#ifndef CLI_APP_EVIDENCE_H
#define CLI_APP_EVIDENCE_H

#include "cli/judge.h"
#include "cli/target.h"

struct cli_app_evidence {
    bool asked; /* --app-data was given */
    uint8_t data[64];
    size_t len;
    struct cli_target certificate; /* --app-certificate; no bytes: any */
};
/* cli_app_evidence_read reads the two options; prints its errors. Release with
 * cli_app_evidence_clear also after failures. */
enum cli_exit cli_app_evidence_read(struct cli_app_evidence *a, const struct cli *c);
void cli_app_evidence_clear(struct cli_app_evidence *a);
/* CLI_DONE if the target is what the options are for; else the error was printed. */
enum cli_exit cli_app_evidence_fits(const struct cli_app_evidence *a, const struct cli *c,
                                    const struct cli_target *t);
/* The verdict on t is in *v. */
void cli_app_evidence_judge(const struct cli_app_evidence *a, struct mse_verdict *v,
                            const struct cli_target *t, const struct mse_collateral *collateral,
                            const struct cli_judge *j);
/* What the app said, hexadecimal, and behind it as text if it is some. */
void cli_app_evidence_say(const struct cli *c, const struct cli_target *t);

#endif
