/* SPDX-License-Identifier: Apache-2.0 */
/* What is known already. Remembered is only what is a function of bytes alone: how they read, and
 * that a key made a signature over them. Never that a check passed: dates, names, revocation, trust
 * in a root and the policy are judged anew each time, from the same places in the code, so that an
 * appraisal with knowledge ends as one without it does. Only what was good is remembered; whatever
 * failed is computed again. */
#ifndef ATTEST_KNOWN_H
#define ATTEST_KNOWN_H

#include <stdatomic.h>

#include <mse/types.h>

/* The one key under which a signature was found good: written once, by whoever comes first, and
 * read by any number of threads without a lock. (No signature is good under two keys that one
 * meets in practice; of a second one nothing would be remembered.) */
#define MSE_KNOWN_KEY_LEN 640 /* the SubjectPublicKeyInfo of RSA-4096 has 550 bytes */
struct mse_known_key {
    _Atomic int state;
    size_t len;
    uint8_t key[MSE_KNOWN_KEY_LEN];
};
MSE_MUST_USE bool mse_known_key_is(const struct mse_known_key *k, struct mse_bytes key);
void mse_known_key_set(struct mse_known_key *k, struct mse_bytes key);

#endif
