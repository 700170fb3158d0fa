/* SPDX-License-Identifier: Apache-2.0 */
/* What every refusal owes its reader: the step, what was seen, what was wanted, and the policy key
 * that would change it, or that there is none. The worlds ask it of each verdict that a test makes.
 */
#ifndef TESTS_LIB_REFUSAL_H
#define TESTS_LIB_REFUSAL_H

#include <mse/attest.h>
#include <mse/ear.h>

/* Fails the test unless each failed check of v, and err, which was filled by the same appraisal,
 * say all of it; and unless what the others wanted is fit for JSON and a terminal as it stands. */
void assert_refusals_speak(const struct mse_verdict *v, const struct mse_error *err);
/* Whether some check failed with this status. */
bool verdict_failed_with(const struct mse_verdict *v, mse_status st);
/* Fails the test unless a check failed so, and the first one that a key changes names this one. */
void assert_refusal_names(const struct mse_verdict *v, mse_status st, const char *key);
/* Fails the test unless v, which is accepted, says in text, in JSON and in the claim of an
 * attestation result that a check passed because of this policy key alone. */
void assert_waived(const struct mse_verdict *v, const char *key, enum mse_ear_claim claim);
/* Fails the test if v says so of any key. */
void assert_nothing_waived(const struct mse_verdict *v);

#endif
