/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate chain that an app's owner brings for his own name, and the key to it, and the CA
 * of his clients: what both his tools and the runtime demand of them (docs/protocol.md,
 * "Configuration"). No trust store is asked: whom a chain convinces is up to the clients. */
#ifndef PACKAGE_OWNER_CHAIN_H
#define PACKAGE_OWNER_CHAIN_H

#include <mse/status.h>

#include "base/build.h"
#include "crypto/sign.h"
#include "crypto/x509.h"

#define MSE_OWNER_CHAIN_MAX   ((size_t)64 * 1024) /* bytes of PEM, of chain and key each */
#define MSE_OWNER_CHAIN_CERTS ((size_t)8)

/* A chain as it was read. Release with mse_owner_chain_clear. */
struct mse_owner_chain {
    uint8_t sha256[32];    /* of the text: the manifest's ssl_certificate_chain_sha256 */
    struct mse_build ders; /* the certificates, one behind the other */
    struct mse_cert leaf;  /* borrows from ders */
    mse_time not_before;   /* the latest of all */
    mse_time not_after;    /* the earliest */
};
void mse_owner_chain_clear(struct mse_owner_chain *c);

/* mse_owner_chain_read reads PEM: the leaf first, each certificate signed by the next one, which is
 * a CA. A leaf alone is complete only if it is self-signed. MSE_ERR_TLS_CHAIN, MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status mse_owner_chain_read(struct mse_owner_chain *out, struct mse_bytes pem,
                                             struct mse_error *err);
/* mse_owner_chain_suits: whether the leaf is for this name, by itself or by the wildcard in the
 * place of its first label, and all are valid at this time. MSE_ERR_CERTIFICATE_NAME,
 * _NOT_YET_VALID, _EXPIRED. */
MSE_MUST_USE mse_status mse_owner_chain_suits(const struct mse_owner_chain *c, const char *name,
                                              mse_time at, struct mse_error *err);
/* mse_owner_chain_key loads the key (PEM) of the leaf. MSE_ERR_TLS_KEY, MSE_ERR_TLS_KEY_MISMATCH,
 * MSE_ERR_MEMORY, MSE_ERR_CRYPTO. */
MSE_MUST_USE mse_status mse_owner_chain_key(struct mse_privkey **out,
                                            const struct mse_owner_chain *c, struct mse_bytes pem,
                                            struct mse_error *err);

/* mse_client_ca_read reads the one certificate (PEM) that client certificates are to be signed by,
 * a CA: its SHA-256, the manifest's client_ca, and its DER, appended to der (may be NULL).
 * MSE_ERR_TLS_CHAIN, MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status mse_client_ca_read(uint8_t sha256[32], struct mse_build *der,
                                           struct mse_bytes pem, struct mse_error *err);

#endif
