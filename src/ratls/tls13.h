/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every TLS context that carries evidence. */
#ifndef RATLS_TLS13_H
#define RATLS_TLS13_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* mse_tls13_only: TLS 1.3, no tickets, no stored sessions, no early data. False if the context
 * cannot do that. */
bool mse_tls13_only(SSL_CTX *ctx);

#endif
