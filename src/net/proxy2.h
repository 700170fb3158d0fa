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

/* The header of a connection that is nobody's but the proxy's own; nothing, if none is wanted. */
struct mse_bytes mse_proxy2_local(bool wanted);

#define MSE_PROXY2_HEAD     ((size_t)16)   /* says how long the rest is */
#define MSE_PROXY2_READ_MAX ((size_t)1024) /* of what is read, the head included */

/* What a header says. */
struct mse_proxy2 {
    bool known;         /* it names the client; else whoever connected is the one */
    uint8_t source[16]; /* IPv6 address, or the IPv4 one mapped into it */
    uint16_t port;
};
/* How long the header is that begins with head (MSE_PROXY2_HEAD bytes), head included; 0 if it is
 * none, of another version, of a command or protocol that is no TCP connection, too short for its
 * addresses, or longer than MSE_PROXY2_READ_MAX. */
MSE_MUST_USE size_t mse_proxy2_len(const uint8_t head[MSE_PROXY2_HEAD]);
/* Reads a header, whole and nothing behind it. What follows the addresses has to be a list of
 * extensions, none of which is used. */
MSE_MUST_USE bool mse_proxy2_read(struct mse_proxy2 *out, struct mse_bytes in);

#endif
