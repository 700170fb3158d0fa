/* SPDX-License-Identifier: Apache-2.0 */
/* See tls13.h. A file of its own: who uses nothing else links no appraisal. */
#include "ratls/tls13.h"

bool mse_tls13_only(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
           SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1;
}
