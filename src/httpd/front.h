/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 in front of an HTTP server: a relay takes the connections and passes plain bytes on to a
 * unix socket that nobody else can reach. */
#ifndef HTTPD_FRONT_H
#define HTTPD_FRONT_H

#include <mse/status.h>

struct mse_httpd_front;
struct mse_httpd_front_config {
    int listen_fd;          /* TCP; borrowed */
    struct mse_bytes chain; /* PEM, leaf first */
    struct mse_bytes key;   /* PEM */
    unsigned max_connections;
    unsigned max_per_source; /* but for loopback; 0: without a bound */
};
/* mse_httpd_front_new makes the inner socket, for the server to listen on: *inner_fd is the
 * caller's. The configuration is borrowed. MSE_ERR_CRYPTO, MSE_ERR_IO, MSE_ERR_MEMORY, those of
 * mse_tls_server_add_any. */
MSE_MUST_USE mse_status mse_httpd_front_new(struct mse_httpd_front **out, int *inner_fd,
                                            const struct mse_httpd_front_config *c,
                                            struct mse_error *err);
/* Takes connections from now on. */
MSE_MUST_USE mse_status mse_httpd_front_start(struct mse_httpd_front *f, struct mse_error *err);
/* Connections from now on get this certificate and key (PEM) instead; on failure all stays as it
 * was. Errors of mse_tls_server_add_any. */
MSE_MUST_USE mse_status mse_httpd_front_renew(struct mse_httpd_front *f, struct mse_bytes chain,
                                              struct mse_bytes key, struct mse_error *err);
/* Stops, if it was started, and closes all connections. Accepts NULL. */
void mse_httpd_front_free(struct mse_httpd_front *f);

#endif
