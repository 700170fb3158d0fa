/* SPDX-License-Identifier: Apache-2.0 */
/* What the sealed state says (docs/protocol.md, "Sealed state"): who the enclave is, and what phase
 * 1 brought. */
#ifndef ENCLAVE_STATE_H
#define ENCLAVE_STATE_H

#include "base/build.h"
#include <mse/status.h>

#define MSE_STATE_VERSION 1
/* Two lots of secrets of 16 MiB, keys and certificates. */
#define MSE_STATE_MAX_LEN ((size_t)33 * 1024 * 1024)

/* All borrowed. */
struct mse_state {
    mse_time floor;                /* it was not earlier when this was written */
    struct mse_bytes storage_root; /* 32 bytes */
    struct mse_bytes x25519;       /* the secret key, 32 bytes */
    struct mse_bytes key;          /* TLS key, PKCS #8 in PEM */
    struct mse_bytes cert;         /* DER; its CA's behind it, if it has one */
    struct mse_bytes config_cert;  /* the same; empty: no phase 1 */
    struct mse_bytes code_key;     /* 32 bytes, or empty: the package is plain */
    struct mse_bytes secrets;      /* JSON; empty: none */
    struct mse_bytes sealed;       /* JSON that came in a box; empty: none */
    struct mse_bytes ssl_key;      /* PEM, the owner's; empty: none */
    struct mse_bytes ssl_chain;    /* PEM; with ssl_key and only then */
};
void mse_state_write(struct mse_build *out, const struct mse_state *s);
/* MSE_ERR_MALFORMED unless it is exactly one. Allocates nothing. */
MSE_MUST_USE mse_status mse_state_parse(struct mse_state *out, struct mse_bytes in);

#endif
