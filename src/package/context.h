/* SPDX-License-Identifier: Apache-2.0 */
/* The context: the file that an owner hands to users so that they can recompute the fingerprint. No
 * key in it. Written here as TOML text; read through conf/ by the callers. */
#ifndef PACKAGE_CONTEXT_H
#define PACKAGE_CONTEXT_H

#include "package/manifest.h"

struct mse_context {
    char *manifest; /* exact text */
    uint8_t code_salt[32];
    char id[37];
    char *domain_name; /* host or host:port, as users connect to it */
    char *config_domain_name;
    mse_time created_at;
    char *tee_kind; /* "sgx", "tdx" or "sev-snp" */
    char *layout;   /* "sim-1" or "gramine-1.9"; "tdx"; "snp" */
    uint8_t runtime_digest[32];
    uint8_t loader_digest[32]; /* of Gramine's loader; else zeros */
    char *runtime_version;
    char *signer; /* MRSIGNER hex, the owner's claim; may be NULL */
};
void mse_context_clear(struct mse_context *c);
/* Appends the TOML of the context. */
MSE_MUST_USE mse_status mse_context_write(struct mse_build *out, const struct mse_context *c);

#endif
