/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol, version 2 (haproxy.org, doc/proxy-protocol.txt §2.2): who the client of a
 * connection is that somebody else passed on. Pure. */
#ifndef NET_PROXY2_H
#define NET_PROXY2_H

#include <netinet/in.h>

#include <mse/types.h>

union mse_net_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
socklen_t mse_net_address_len(const union mse_net_address *a);

#define MSE_PROXY2_MAX 52 /* of what is written */
/* The header for a TCP connection from one address to the other, both of one family; of none that
 * is known, it says so. Returns its length. */
size_t mse_proxy2_write(uint8_t out[MSE_PROXY2_MAX], const union mse_net_address *from,
                        const union mse_net_address *to);

#endif
