/* SPDX-License-Identifier: Apache-2.0 */
/* What the verifying commands share: the policy out of a file and options, collateral, expected
 * values with where they came from, and the verdict in words. The functions print their own errors
 * and return CLI_DONE or the exit status. */
#ifndef CLI_JUDGE_H
#define CLI_JUDGE_H

#include <mse/attest.h>
#include <mse/ratls.h>

#include "cli/cli.h"
#include "cli/files.h"

struct cli_collateral {
    char *source; /* for the verdict; NULL: there is none */
    struct cli_file file;
    uint8_t *scratch;
    struct mse_bundle bundle;
};

struct cli_judge {
    struct mse_policy policy;
    mse_time at;
    struct cli_collateral collateral;
    bool has_fingerprint;
    uint8_t fingerprint[32];
    bool has_signer;
    uint8_t signer[32];
    const char *signer_source; /* "option", "operators", "context" or "policy" */
};

/* cli_judge_init reads --policy, --at, --require-level, --allow-simulation, --simulation-root and
 * --collateral. Release with cli_judge_clear also after failures. */
enum cli_exit cli_judge_init(struct cli_judge *j, const struct cli *c);
void cli_judge_clear(struct cli_judge *j);
/* --fingerprint, if it was given. */
enum cli_exit cli_judge_fingerprint(struct cli_judge *j, const struct cli *c);
/* --signer, else operators.toml for host (NULL: not asked), else claim (64 hex of a context; may be
 * NULL). Sources that disagree are a refusal. */
enum cli_exit cli_judge_signer(struct cli_judge *j, const struct cli *c, const char *host,
                               const char *claim);
/* Puts the expected values into every reference set of the policy, or into a first one. */
enum cli_exit cli_judge_expect(struct cli_judge *j, const struct cli *c);

/* cli_bundle_load parses a JSON bundle; scratch is heap. */
MSE_MUST_USE mse_status cli_bundle_load(struct mse_bundle *out, uint8_t **scratch,
                                        struct mse_bytes json, struct mse_error *err);

/* The refusal in one line, and the next step in another, on stderr. */
void cli_refusal(const struct cli *c, const struct mse_verdict *v, const struct cli_judge *j);
/* The verdict as a JSON object, to which callers add members. NULL without memory. */
json_t *cli_verdict_json(const struct mse_verdict *v);
/* The sentence that belongs to a binding level. */
const char *cli_level_text(uint8_t level);
/* What the binding of an accepted verdict proves; of a refused one nothing. */
const char *cli_binding_text(const struct mse_verdict *v);

#endif
