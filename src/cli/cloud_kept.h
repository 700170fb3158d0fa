/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept here of one's own deployments: the context for users (context/UUID.toml), and beside
 * it what is the owner's alone (cloud/UUID.json and the verified certificate cloud/UUID.pem). No
 * key of code, token or secret is kept: after phase 1 nothing needs it. */
#ifndef CLI_CLOUD_KEPT_H
#define CLI_CLOUD_KEPT_H

#include "cli/cli.h"

struct cloud_kept {
    char *toml_path; /* of the project */
    char *logs_key;  /* file that opens the logs; NULL: none */
    char url[320];
    char fingerprint[65]; /* as it was attested; "": nothing is kept */
    char signer[65];      /* of the enclave that was attested; "": a machine has none */
    char origin[16];
    bool has_enclave;
    uint8_t enclave[32]; /* its X25519 key */
};
/* cloud_kept_load: false if nothing is kept of this app. */
bool cloud_kept_load(struct cloud_kept *out, const char *id);
void cloud_kept_clear(struct cloud_kept *k);
MSE_MUST_USE mse_status cloud_kept_save(const struct cloud_kept *k, const char *id,
                                        struct mse_error *err);

/* Paths, heap: of the context and the certificate of an app. */
char *cloud_context_path(const char *id);
char *cloud_certificate_path(const char *id);
/* The context goes; what opens the logs stays as long as the operator keeps them. */
void cloud_forget_context(const char *id);
/* Everything goes. */
void cloud_forget(const char *id);

#endif
