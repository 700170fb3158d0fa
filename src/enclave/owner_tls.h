/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's own certificate and key, which the public name is served under in owner mode. */
#ifndef ENCLAVE_OWNER_TLS_H
#define ENCLAVE_OWNER_TLS_H

#include "crypto/sign.h"
#include "enclave/config.h"

struct mse_owner_tls {
    struct mse_privkey *key; /* NULL: none */
    struct mse_build chain;  /* PEM, leaf first */
    uint8_t spki_sha256[32];
};
/* Copies what the configuration brought, which was judged and may still be sealed; nothing if it
 * brought none. What is there already goes. */
MSE_MUST_USE mse_status mse_owner_tls_take(struct mse_owner_tls *o, const struct mse_config *c,
                                           struct mse_error *err);
/* Wipes the key; accepts the empty state. */
void mse_owner_tls_clear(struct mse_owner_tls *o);

#endif
