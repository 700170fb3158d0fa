/* SPDX-License-Identifier: Apache-2.0 */
/* The kind of TEE that an instance of mse home is for: the simulated one, or SGX under Gramine. */
#ifndef CLI_HOME_TEE_H
#define CLI_HOME_TEE_H

#include "cli/home.h"
#include "package/manifest.h"

/* home_tee_choose reads --tee and the options that go with it into the facts of an instance: "tee",
 * "signer", and what its launcher asks for, by absolute paths. A new reference. Prints its errors.
 */
enum cli_exit home_tee_choose(json_t **out, const struct cli *c);
/* Whether facts are those of the simulated TEE; of older instances they say nothing. */
bool home_tee_simulated(const json_t *facts);
/* home_tee_runtime sets the runtime that this TEE starts (heap, absolute) and its digest. */
enum cli_exit home_tee_runtime(char **out, struct mse_manifest *m, const json_t *facts,
                               const struct cli *c);

#endif
