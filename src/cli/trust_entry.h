/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the store of verified apps, made of what was verified, and shown. */
#ifndef CLI_TRUST_ENTRY_H
#define CLI_TRUST_ENTRY_H

#include "cli/trust.h"
#include "cli/verify_app.h"

/* cli_trust_entry fills *out with what an accepted app is now; the rule and the files are the
 * caller's. On failure *out is empty. MSE_ERR_ARGUMENT: it has no fingerprint, or its simulated
 * root is not known by the hash of its key. */
MSE_MUST_USE mse_status cli_trust_entry(struct mse_trust_app *out, const struct cli_verified *v,
                                        struct mse_error *err);
/* cli_trust_store puts the entry, which it takes over, and the certificate of what was found into
 * the store, which is open. Prints its errors. */
enum cli_exit cli_trust_store(const struct cli *c, struct mse_trust_edit *e,
                              struct mse_trust_app *a, const struct cli_finding *found);
/* What differs between two of the same name, on stdout, a line each. False: nothing does. */
bool cli_trust_say_changes(const struct cli *c, const struct mse_trust_app *before,
                           const struct mse_trust_app *now);
bool cli_trust_same(const struct mse_trust_app *a, const struct mse_trust_app *b);
/* Whether both demand the same of the platform, and move by the same rule. */
bool cli_trust_same_demands(const struct mse_trust_app *a, const struct mse_trust_app *b);
/* One object, the keys of the file. */
json_t *cli_trust_json(const struct mse_trust_app *a);
/* The user's word: --yes, else an answer at a terminal to the question, which ends in " [y/N] ". */
bool cli_trust_confirmed(const struct cli *c, const char *question);

/* cli_trust_check_one looks at one app as it is now, says what it found, and moves its entry if
 * that is confirmed or its rule says so. *out gets one object. */
enum cli_exit cli_trust_check_one(const struct cli *c, const struct mse_trust_app *a, json_t *out);

#endif
