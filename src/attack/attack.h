/* SPDX-License-Identifier: Apache-2.0 */
/* The attack kit: stages, against one app of the user's own on a simulated platform, what the
 * threat model's table names, and says what each kind of client makes of it. It lives in a module
 * that only `mse attack` loads. Nothing is done to the app but to connect to it, and to ask it what
 * every client may ask. */
#ifndef ATTACK_ATTACK_H
#define ATTACK_ATTACK_H

#include <mse/attest.h>

/* Who is attacked. */
enum mse_attack_client {
    MSE_ATTACK_CACERT, /* plain TLS that trusts the saved certificate, as curl --cacert */
    MSE_ATTACK_LEVEL_0,
    MSE_ATTACK_LEVEL_1,
    MSE_ATTACK_LEVEL_2,
    MSE_ATTACK_LEVEL_3,
    MSE_ATTACK_CLIENTS
};

/* One row of the table. A client that is not led astray says why by a status; MSE_OK: the attack
 * passes it. Plain TLS has one status of its own: MSE_ERR_CERTIFICATE_SIGNATURE. */
struct mse_attack {
    const char *name;
    const char *who; /* is in the middle, and what he has */
    mse_status wanted[MSE_ATTACK_CLIENTS];
};
/* mse_attack_at: row i of the table, from 0; NULL behind the last. */
typedef const struct mse_attack *mse_attack_at_fn(size_t i);
MSE_API extern mse_attack_at_fn mse_attack_at;

struct mse_attack_target {
    const char *host;
    uint16_t port;
    const char *platform;            /* folder of the simulated platform that the app runs on */
    const struct mse_policy *policy; /* accepts it, and names no app */
    const struct mse_collateral *collateral;
    struct mse_bytes key_pem; /* of the app's certificate, leaked; empty: an instance is simulated
                                 whose key is known */
    mse_time at;
    unsigned timeout_ms;
};

#define MSE_ATTACK_WHY_LEN MSE_ERROR_TEXT_LEN
struct mse_attack_outcome {
    mse_status seen[MSE_ATTACK_CLIENTS];
    char why[MSE_ATTACK_CLIENTS][MSE_ATTACK_WHY_LEN]; /* in words; empty: it passed */
    bool as_expected;
};

/* Called for each row of the outcome. */
typedef void mse_attack_tell_fn(void *user, const struct mse_attack *a,
                                const struct mse_attack_outcome *o);
/* mse_attack_run verifies the app honestly at each level, then stages the attack of this name
 * (NULL: all) and tells of each. MSE_ERR_NOT_FOUND: no attack of that name. MSE_ERR_ARGUMENT: the
 * app is none of this platform, or the key is not the app's: whose it is was not shown. Others: the
 * app did not answer, or an attack could not be staged. */
typedef mse_status mse_attack_run_fn(const struct mse_attack_target *t, const char *name,
                                     mse_attack_tell_fn *tell, void *user, struct mse_error *err);
MSE_API extern mse_attack_run_fn mse_attack_run;

#endif
