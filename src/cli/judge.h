/* SPDX-License-Identifier: Apache-2.0 */
/* What the verifying commands share: the policy out of a file and options, collateral, expected
 * values with where they came from, and the verdict in words. The functions print their own errors
 * and return CLI_DONE or the exit status. */
#ifndef CLI_JUDGE_H
#define CLI_JUDGE_H

#include <mse/attest.h>
#include <mse/ratls.h>

#include "cli/own.h"

/* An earlier verification of the app. */
struct cli_pin {
    bool found;
    uint8_t fingerprint[32];
    bool by_signer; /* its rule: any version of the signer */
    mse_time at;
};

struct mse_trust_app;
struct cli_log_judge;
struct cli_judge {
    struct mse_policy policy;
    mse_time at;
    struct cli_collateral collateral; /* --collateral, or of the simulated platform here */
    struct cli_own own;
    bool has_fingerprint;
    uint8_t fingerprint[32];
    const char *fingerprint_source; /* "option", "context" or "trust"; NULL: none is expected */
    bool has_signer;
    uint8_t signer[32];
    const char *signer_source; /* "option", "operators", "context" or "trust" */
    bool machines_signed;      /* the list of machines is by the pinned key */
    struct cli_pin pin;        /* what the user's store of verified apps says */
    /* How the platform is judged, in the place of --policy; NULL: as the options say. Borrowed. */
    const struct mse_trust_app *as_pinned;
    struct cli_log_judge *log; /* what is demanded of logs (cli/tlog_judge.h); NULL: nothing */
};

/* cli_judge_init reads --policy, --machines, --at, --require-level, --allow-simulation,
 * --simulation-root and
 * --collateral. Release with cli_judge_clear also after failures. */
enum cli_exit cli_judge_init(struct cli_judge *j, const struct cli *c);
/* The same with a limit for each object that is fetched, for commands whose --timeout is another.
 */
enum cli_exit cli_judge_init_within(struct cli_judge *j, const struct cli *c, unsigned timeout_ms);
void cli_judge_clear(struct cli_judge *j);
/* --fingerprint, if it was given. */
enum cli_exit cli_judge_fingerprint(struct cli_judge *j, const struct cli *c);
/* --signer, else operators.toml for host (NULL: not asked), else claim (64 hex of a context; may be
 * NULL). Sources that disagree are a refusal. */
enum cli_exit cli_judge_signer(struct cli_judge *j, const struct cli *c, const char *host,
                               const char *claim);
/* What the store of verified apps has of this name joins: an earlier pin identifies the app
 * (10-rules 1), and a source that disagrees with it is a refusal. After the sources above. */
enum cli_exit cli_judge_pin(struct cli_judge *j, const struct cli *c, const char *host,
                            uint16_t port);
/* What it was, beside the fingerprint that is there now: as text, and as "earlier_verification". */
void cli_pin_say(const struct cli *c, const struct cli_judge *j, const uint8_t fingerprint[32]);
void cli_pin_json(json_t *out, const struct cli_judge *j);
/* Puts the expected values into every reference set of the policy, or into a first one. */
enum cli_exit cli_judge_expect(struct cli_judge *j, const struct cli *c);

/* What is used for one piece of evidence: --collateral, our own (fetched or cached), stapled, then
 * that of the simulated platform here. */
struct cli_choice {
    const struct mse_collateral *collateral;
    const char *source; /* NULL: there is none */
    struct cli_collateral own;
};
/* evidence: a quote or report; stapled: what came with it, may be NULL. Prints hints. Release with
 * cli_choice_clear. */
void cli_judge_choose(struct cli_choice *out, struct cli_judge *j, const struct cli *c,
                      struct mse_bytes evidence, const struct mse_collateral *stapled);
void cli_choice_clear(struct cli_choice *k);
/* cli_judge_floor refuses a set older than one that this user's cache has seen for its root. */
void cli_judge_floor(struct mse_verdict *v, struct cli_judge *j);
/* Seven days before a part of the collateral ends: what, and when. False if that is further away.
 */
bool cli_ends_soon(char out[96], const struct mse_verdict *v, mse_time at);

/* The refusal in one line, and the next step in another, on stderr. */
void cli_refusal(const struct cli *c, const struct mse_verdict *v, const struct cli_judge *j);
/* The verdict as a JSON object, to which callers add members. NULL without memory. */
json_t *cli_verdict_json(const struct mse_verdict *v);
/* What the binding of an accepted verdict proves; of a refused one nothing. */
const char *cli_binding_text(const struct mse_verdict *v);

#endif
