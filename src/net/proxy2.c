/* SPDX-License-Identifier: Apache-2.0 */
/* See proxy2.h. */
#include "net/proxy2.h"

#include "base/build.h"
#include "base/util.h"

#define VERSION_2_PROXY 0x21
#define TCP_OVER_IPV4   0x11
#define TCP_OVER_IPV6   0x21
#define UNSPECIFIED     0x00

socklen_t mse_net_address_len(const union mse_net_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

static void wr_port(struct mse_build *b, in_port_t port)
{
    mse_wr_copy(b, &port, sizeof port); /* it is in network order */
}

size_t mse_proxy2_write(uint8_t out[MSE_PROXY2_MAX], const union mse_net_address *from,
                        const union mse_net_address *to)
{
    struct mse_build b;
    bool same = from->any.sa_family == to->any.sa_family;
    mse_build_fixed(&b, out, MSE_PROXY2_MAX);
    mse_wr_copy(&b, "\r\n\r\n\0\r\nQUIT\n", 12);
    mse_wr_u8(&b, VERSION_2_PROXY);
    if (same && from->any.sa_family == AF_INET) {
        mse_wr_u8(&b, TCP_OVER_IPV4);
        mse_wr_u16be(&b, 12);
        mse_wr_copy(&b, &from->v4.sin_addr, 4);
        mse_wr_copy(&b, &to->v4.sin_addr, 4);
        wr_port(&b, from->v4.sin_port);
        wr_port(&b, to->v4.sin_port);
    } else if (same && from->any.sa_family == AF_INET6) {
        mse_wr_u8(&b, TCP_OVER_IPV6);
        mse_wr_u16be(&b, 36);
        mse_wr_copy(&b, &from->v6.sin6_addr, 16);
        mse_wr_copy(&b, &to->v6.sin6_addr, 16);
        wr_port(&b, from->v6.sin6_port);
        wr_port(&b, to->v6.sin6_port);
    } else {
        mse_wr_u8(&b, UNSPECIFIED);
        mse_wr_u16be(&b, 0);
    }
    MSE_ASSERT(mse_build_ok(&b));
    return b.len;
}
