/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of a peer, out of libssl. */
#ifndef RATLS_PRESENTED_H
#define RATLS_PRESENTED_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include <mse/types.h>

/* mse_ratls_presented encodes the peer's certificate and, if exactly one more came along, that one
 * right behind it: what mse_ratls_read takes. chain: as libssl tells it, with or without the
 * certificate itself; may be NULL. For OPENSSL_free; NULL if it cannot be encoded. */
unsigned char *mse_ratls_presented(size_t *len, X509 *cert, const STACK_OF(X509) * chain);
/* mse_ratls_use_certs makes ctx present a certificate and, if there is one behind it in ders, its
 * CA's. */
MSE_MUST_USE bool mse_ratls_use_certs(struct ssl_ctx_st *ctx, struct mse_bytes ders);

#endif
