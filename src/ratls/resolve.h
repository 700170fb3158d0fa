/* SPDX-License-Identifier: Apache-2.0 */
/* Names to addresses. */
#ifndef RATLS_RESOLVE_H
#define RATLS_RESOLVE_H

#include <mse/status.h>
#include <sys/socket.h>

struct ssl_st;

#define MSE_MAX_ADDRESSES 8

struct mse_addresses {
    size_t num;
    struct {
        struct sockaddr_storage addr;
        socklen_t len;
    } list[MSE_MAX_ADDRESSES];
};

/* mse_host_is_literal tells whether host is an IPv4 or IPv6 address (no brackets). */
MSE_MUST_USE bool mse_host_is_literal(const char *host);
/* mse_host_set_sni: none for an address (RFC 6066 3). False if the name is too long. */
MSE_MUST_USE bool mse_host_set_sni(struct ssl_st *ssl, const char *host);

/* mse_resolve lists the addresses of a literal address, of localhost and *.localhost (loopback,
 * without asking anyone: RFC 6761 6.3), or of a DNS name, each with this port. The resolver of the
 * C library has its own time limits. MSE_ERR_NOT_FOUND, MSE_ERR_ARGUMENT (no host). */
MSE_MUST_USE mse_status mse_resolve(struct mse_addresses *out, const char *host, uint16_t port,
                                    struct mse_error *err);

#endif
